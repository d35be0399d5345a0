"""Sequence columns of short sequences, by hand and against text."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

from meta_models.features import (
    BASES,
    MOTIF_COLUMNS,
    BaseTrack,
    FeatureBlock,
    Piece,
    Recipe,
    column_names,
    packed_features,
)
from meta_models.features.groups.kmer import KmerGroup
from meta_models.features.groups.sequence import SequenceGroup


def of(text: str, group: SequenceGroup | KmerGroup, flank: int = 0) -> FeatureBlock:
    codes = np.array([BASES.index(base) for base in text], np.uint8)
    recipe = Recipe((BaseTrack("main"),), groups=(group,), flank=flank)
    return packed_features([Piece({"main": np.zeros((len(text), 2), np.float32)}, codes)], recipe)


def simulated(length: int = 900) -> str:
    return "".join(np.random.default_rng(5).choice(list("ACGTN"), length, p=[0.3, 0.2, 0.2, 0.29, 0.01]))


def test_base_codes_are_named_by_their_place() -> None:
    block = of("ACGTN", SequenceGroup())
    assert [block[f"base_{place}"][2] for place in ("m3", "m2", "m1", "0", "p1", "p2", "p3")] == [4, 0, 1, 2, 3, 4, 4]


def test_motifs_are_fitted_on_columns_that_are_made() -> None:
    names = column_names(Recipe((BaseTrack("main"),), groups=(SequenceGroup(),)))
    assert names[: len(MOTIF_COLUMNS)] == MOTIF_COLUMNS


def test_composition_leaves_unknown_bases_out() -> None:
    text, half = simulated(), 125
    block = of(text, SequenceGroup())
    for place in (0, 4, 333, 899):
        window = text[max(place - half, 0) : place + half + 1].replace("N", "")
        shares = [window.count(base) / len(window) for base in "ACGT"]
        assert block["gc_content"][place] == pytest.approx(shares[1] + shares[2])
        assert block["sequence_complexity"][place] == pytest.approx(
            -sum(p * math.log2(p) for p in shares) / 2, rel=1e-5
        )
        up, down = (t.replace("N", "") for t in (text[max(place - 50, 0) : place], text[place + 1 : place + 51]))
        gc, t = ([sum(x.count(b) for b in bases) / max(len(x), 1) for x in (up, down)] for bases in ("GC", "T"))
        assert block["gc_up50"][place] == pytest.approx(gc[0])
        assert block["t_down50"][place] == pytest.approx(t[1])
        assert block["gc_step50"][place] == pytest.approx(gc[1] - gc[0], abs=1e-6)


def test_one_base_alone_is_simple() -> None:
    block = of("AAAA", SequenceGroup())
    assert set(block["sequence_complexity"]) == {0.0}
    assert set(of("NNNN", SequenceGroup())["sequence_complexity"]) == {0.0}


def open_frames(text: str, place: int, cap: int) -> tuple[int, int]:
    """Farthest of the nearest stops of the three frames before and after a place."""
    stops = [match.start() for match in re.finditer("(?=TAA|TAG|TGA)", text)]
    up = [min([place - s for s in stops if s <= place - 2 and (place - s) % 3 == f] + [cap]) for f in range(3)]
    down = [min([s - place for s in stops if s >= place and (s - place) % 3 == f] + [cap]) for f in range(3)]
    return min(max(up), cap), min(max(down), cap)


def test_open_frames() -> None:
    text = simulated()
    block = of(text, SequenceGroup(frame=60))
    expected = [open_frames(text, place, 60) for place in range(len(text))]
    assert block["open_frame_up"].tolist() == [up for up, _ in expected]
    assert block["open_frame_down"].tolist() == [down for _, down in expected]
    assert max(block["open_frame_up"]) == 60
    assert min(block["open_frame_up"]) < 60


def test_dinucleotides_of_sites() -> None:
    #            0123456789
    block = of("CAAGGTAGCAT", SequenceGroup())
    assert block["donor_dinucleotide"][3] == 3, "GT after place 3"
    assert block["donor_dinucleotide"][6] == 2, "GC after place 6"
    assert block["donor_dinucleotide"][8] == 1, "AT after place 8"
    assert block["donor_dinucleotide"][0] == 0
    assert block["acceptor_dinucleotide"][4] == 2, "AG before place 4"
    assert block["acceptor_dinucleotide"][8] == 2, "AG before place 8"
    assert block["acceptor_dinucleotide"][5] == 0


def test_signals_before_an_acceptor() -> None:
    before = "AG" + "GGGG" + "CTAAC" + "G" * 13 + "TTCTTTCCTTTG" + "CAG"
    block, place = of(before + "GAAA", SequenceGroup()), len(before)
    assert before[-5:] + "G" == "TGCAGG"
    tract = before[place - 20 : place - 2]
    assert len(tract) == 18
    assert block["pyrimidine_share"][place] == pytest.approx(sum(base in "CT" for base in tract) / 18)
    assert block["pyrimidine_run"][place] == 11
    assert block["acceptor_dinucleotide"][place] == 2
    assert block["ag_distance"][place] == place, "its own AG is left out"
    branch = before.index("CTAAC") + 3  # C T A A C: the second A
    assert block["branch_point"][place] == 6
    assert block["branch_point_distance"][place] == place - branch


def test_signals_are_cut_at_their_limits() -> None:
    block = of("C" * 300 + "G" * 300, SequenceGroup())
    assert block["pyrimidine_run"][300] == 30
    assert block["pyrimidine_run"][299 + 60] == 0
    assert block["ag_distance"][500] == 200
    assert block["branch_point_distance"][500] == 200


@pytest.mark.parametrize("k", [1, 2, 3])
def test_words_in_the_window(k: int) -> None:
    text, half = simulated(60), 10
    block = of(text, KmerGroup(k=(k,), half_window=half))
    assert len(block.names) == 4**k
    for place in (0, 30, 59):
        window = text[max(place - half, 0) : place + half + 1]
        for name, values in block.columns().items():
            word = name.split("_")[1]
            assert values[place] == len(re.findall(f"(?={word})", window)), name
