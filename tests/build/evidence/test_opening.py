"""NAME=KIND:PATH of evidence."""

from __future__ import annotations

from pathlib import Path

import pytest
from fuzzing import written

from meta_models.build.evidence import open_evidence
from meta_models.errors import InputError, UsageError

JUNCTION = b"c\t6\t9\t1\t1\t0\t3\t1\t20\n"


def test_the_kind_is_given_or_found(tmp_path: Path) -> None:
    one, two = (written(tmp_path, f"{name}.SJ.out.tab", JUNCTION) for name in "ab")
    for spec in (f"junctions=star:{one},{two}", f"junctions={one},{two}"):
        with open_evidence(spec) as source:
            assert (source.name, source.kind, source.contigs) == ("junctions", "star", ("c",))
            assert source.facts()["samples"] == 2


@pytest.mark.parametrize("text", ["x", "x=", "1x=star:a", "x=bam:a.bam", "x=a.txt"])
def test_written_otherwise(text: str) -> None:
    with pytest.raises(UsageError, match="NAME=bigwig:FILE or NAME=star:"):
        open_evidence(text)


def test_files_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="must be readable"):
        open_evidence(f"x=star:{tmp_path / 'none'}")
