"""Ensembles of ensembles in one file: how deep, and with features of their own."""

from __future__ import annotations

import numpy as np
import pytest
from fitted_models import FEATURES, rows, single

from meta_models.errors import UnsafeModelFile
from meta_models.model import EnsembleMetaModel, ModelInfo, SingleModel
from meta_models.model import ensemble as ensembles
from meta_models.model.combinations import Voting
from meta_models.model.ensemble import MAX_DEPTH
from meta_models.persistence.codec import decode, encode

INFO = ModelInfo(strategy="batch_ensemble", genes=())
BYTES = 10_000_000


def nested(depth: int) -> EnsembleMetaModel:
    model = EnsembleMetaModel([single(0), single(1)], info=INFO)
    for _ in range(depth - 1):
        model = EnsembleMetaModel([model, single(2)], info=INFO, combination=Voting())
    return model


def test_the_deepest_that_may_be_made_can_be_stored() -> None:
    model = nested(MAX_DEPTH)
    again = decode(encode(model), max_bytes=BYTES)
    assert again.depth == MAX_DEPTH
    np.testing.assert_array_equal(again.predict_proba(rows()), model.predict_proba(rows()))
    assert encode(again) == encode(model)


def test_a_file_that_is_deeper_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(ensembles, "MAX_DEPTH", MAX_DEPTH + 1)
        data = encode(nested(MAX_DEPTH + 1))
    with pytest.raises(UnsafeModelFile, match=f"at most {MAX_DEPTH} ensembles"):
        decode(data, max_bytes=BYTES)


def test_an_inner_ensemble_reads_features_of_its_own() -> None:
    """Batches of one set of features beside a model of another."""
    renamed = [SingleModel(single(k).predictor, [f"other {n}" for n in FEATURES], info=INFO) for k in (1, 2)]
    inner = EnsembleMetaModel(renamed, info=INFO)
    model = EnsembleMetaModel([single(0), inner], info=INFO)
    assert model.feature_names == (*FEATURES, *renamed[0].feature_names)
    X = rows()
    both = np.column_stack([X, X[::-1]])
    inside = (single(1).predict_proba(X[::-1]) + single(2).predict_proba(X[::-1])) / 2
    np.testing.assert_allclose(model.predict_proba(both), (single(0).predict_proba(X) + inside) / 2, rtol=1e-12)
    again = decode(encode(model), max_bytes=BYTES)
    assert again.members[1].feature_names == renamed[0].feature_names
    np.testing.assert_array_equal(again.predict_proba(both), model.predict_proba(both))
