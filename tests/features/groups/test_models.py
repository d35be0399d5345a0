"""How base models agree."""

from __future__ import annotations

import math

import numpy as np
import pytest

from meta_models.features import BaseTrack, Piece, Recipe, column_names, packed_features
from meta_models.features.groups.models import ModelsGroup
from meta_models.features.inputs import SMALLEST


def odds(p: float) -> float:
    return math.log(p / (1 - p))


def test_statistics_of_log_odds() -> None:
    tracks = (BaseTrack("a"), BaseTrack("b", floor=0.01), BaseTrack("c", decimals=2))
    scores = {"a": (0.5, 0.0), "b": (0.9, 0.0), "c": (0.2, 0.0)}
    piece = Piece({key: np.array([v], np.float32) for key, v in scores.items()}, np.zeros(1, np.uint8))
    block = packed_features([piece], Recipe(tracks, groups=(ModelsGroup(),), flank=0))
    donor, acceptor = [odds(0.5), odds(0.9), odds(0.2)], [odds(SMALLEST), odds(0.01), odds(0.005)]
    expected = [statistic(values) for values in (donor, acceptor) for statistic in (np.mean, np.min, np.max, np.std)]
    assert block.values[:, 0] == pytest.approx(expected, rel=1e-5)
    assert block.names[:5] == (
        "models_donor_mean", "models_donor_min", "models_donor_max", "models_donor_sd", "models_acceptor_mean",
    )  # fmt: skip


def test_one_model_has_nothing_to_agree_with() -> None:
    assert column_names(Recipe((BaseTrack("a"),), groups=(ModelsGroup(),))) == ()
