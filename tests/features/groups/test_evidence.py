"""Columns of evidence tracks, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from meta_models.features import CHANNELS, BaseTrack, EvidenceTrack, FeatureBlock, Piece, Recipe, packed_features
from meta_models.features.groups.evidence import EvidenceGroup


def of(kind: str, values: list[list[float]], **parameters: object) -> FeatureBlock:
    channels = np.array(values, np.float32).T
    group, track = EvidenceGroup(**parameters), EvidenceTrack("e", kind)  # type: ignore[arg-type]
    recipe = Recipe((BaseTrack("main"),), (track,), (group,), flank=0)
    size = len(channels)
    piece = Piece({"main": np.zeros((size, 2), np.float32)}, np.zeros(size, np.uint8), {"e": channels})
    return packed_features([piece], recipe)


def test_signals_are_summed_up_in_windows_without_missing_values() -> None:
    block = of("signal", [[1, math.nan, 4, -7, math.nan, math.nan, math.nan]], windows=(1, 2))
    assert block.names == tuple(f"evidence_e_{n}" for n in ("value", "mean1", "max1", "sd1", "mean2", "max2", "sd2"))
    assert [block[f"evidence_e_{name}"][1] for name in ("mean1", "max1", "sd1")] == [2.5, 4, 1.5]
    assert block["evidence_e_mean2"][0] == 2.5, "nothing is known before the first base"
    assert block["evidence_e_mean1"][3] == -1.5
    assert np.isnan(block["evidence_e_value"][1])
    assert np.isnan(block.values[1:4, 5]).all(), "no value in the window"
    assert block["evidence_e_max2"][5] == -7
    assert block["evidence_e_sd2"][5] == 0


def test_junctions_give_reads_partners_and_entropy() -> None:
    channels = {name: [0.0] * 6 for name in CHANNELS["junctions"]}
    channels["donor_reads"] = [0, 9, 0, 3, 0, 0]
    channels["donor_partner"] = [0, 70, 0, 60, 0, 0]
    channels["donor_entropy"] = [0, 0.5, 0, 0, 0, 0]
    channels["acceptor_reads"] = [0, 0, 0, math.nan, 0, 1]
    block = of("junctions", list(channels.values()), junctions=2)
    found = {name.removeprefix("evidence_e_"): values.tolist() for name, values in block.columns().items()}
    assert found["donor_reads"] == pytest.approx(np.log1p([0, 9, 0, 3, 0, 0]).tolist())
    assert found["donor_partner"][1] == pytest.approx(math.log(71))
    assert found["donor_entropy"] == [0, 0.5, 0, 0, 0, 0]
    assert found["donor_reads_up2"] == pytest.approx(np.log1p([0, 0, 9, 9, 3, 3]).tolist())
    assert found["donor_reads_down2"] == pytest.approx(np.log1p([9, 3, 3, 0, 0, 0]).tolist())
    assert found["acceptor_reads"] == pytest.approx(np.log1p([0, 0, 0, 0, 0, 1]).tolist()), "missing is none"


def test_no_track_gives_no_column() -> None:
    piece = Piece({"main": np.zeros((4, 2), np.float32)}, np.zeros(4, np.uint8))
    block = packed_features([piece], Recipe((BaseTrack("main"),), groups=(EvidenceGroup(),), flank=0))
    assert block.values.shape == (0, 4)
