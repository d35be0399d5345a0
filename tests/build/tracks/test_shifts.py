"""--shift, and scores that are moved."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fuzzing import written

from meta_models.build.scores import open_scores
from meta_models.build.tracks.shifts import ShiftedScores, Shifts, parse_shift
from meta_models.errors import UsageError


@pytest.mark.parametrize(
    ("text", "key", "shifts"),
    [
        ("donor=0,acceptor=1", None, Shifts(0, 0, 1, 1)),
        ("osai80:acceptor=-2", "osai80", Shifts(0, 0, -2, -2)),
        ("main:donor_plus=+1, donor_minus=-1", "main", Shifts(1, -1, 0, 0)),
    ],
)
def test_what_the_option_says(text: str, key: str | None, shifts: Shifts) -> None:
    assert parse_shift(text) == (key, shifts)
    assert parse_shift(str(shifts)) == (None, shifts)


@pytest.mark.parametrize(
    "text", ["", "1", "donor", "donor=x", "donor=51", ":donor=1", "neither=1", "donor=1;acceptor=1"]
)
def test_what_it_does_not(text: str) -> None:
    with pytest.raises(UsageError, match="--shift is check, auto or"):
        parse_shift(text)


def test_a_score_moves_in_the_direction_of_its_strand(tmp_path: Path) -> None:
    rows = ["chrom\tposition\tstrand\tdonor\tacceptor"]
    rows += [f"c\t{p + 1}\t{s}\t{0.01 * p:.2f}\t{0.001 * p:.3f}" for p in range(20) for s in "+-"]
    path = written(tmp_path, "a.tsv", "\n".join(rows).encode())
    with open_scores(f"main={path}") as source:
        plus, minus = source.fetch("c", 0, 20, "+"), source.fetch("c", 0, 20, "-")
        moved = ShiftedScores(source, Shifts(donor_plus=2, donor_minus=-1, acceptor_plus=0, acceptor_minus=3))
        assert (moved.key, moved.kind, moved.contigs) == ("main", "table", ("c",))
        np.testing.assert_array_equal(moved.fetch("c", 5, 9, "+")[:, 0], plus[3:7, 0])
        np.testing.assert_array_equal(moved.fetch("c", 5, 9, "+")[:, 1], plus[5:9, 1])
        # on -, row k of the contig is position 19 - k: [5, 9) are the rows 11 to 14
        np.testing.assert_array_equal(moved.fetch("c", 5, 9, "-")[:, 0], minus[12:16, 0])
        np.testing.assert_array_equal(moved.fetch("c", 5, 9, "-")[:, 1], minus[8:12, 1])
        assert np.isnan(moved.fetch("c", 0, 3, "+")[:2, 0]).all()
        assert moved.fetch("c", 5, 5, "+").shape == (0, 2)
        assert moved.facts()["shifts"] == {"donor_plus": 2, "donor_minus": -1, "acceptor_plus": 0, "acceptor_minus": 3}
        assert not Shifts()
        np.testing.assert_array_equal(ShiftedScores(source, Shifts()).fetch("c", 5, 9, "-"), minus[11:15])
