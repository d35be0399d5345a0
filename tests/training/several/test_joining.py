"""Results of several learners become one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from fitted_models import rows, single

from meta_models.metrics import Gain, Interval
from meta_models.model import EnsembleMetaModel
from meta_models.model.combinations import PerBin, Routed, Weighted
from meta_models.result import FeatureRecord, FitRecord, Note
from meta_models.schema import CLASSES, FeatureGroup
from meta_models.training.several.joining import _features, _fits, _model, choice_note, named_notes

X = rows(50)


class Result:
    """What of a result is read here."""

    def __init__(self, gains: tuple[float, float] = (1.0, 1.0), members: int = 1) -> None:
        of_class = [dict.fromkeys((c.label for c in CLASSES), gain) for gain in gains]
        self.features = (
            FeatureRecord("a", FeatureGroup.OTHER, "Float32", 0.0, of_class[0]),
            FeatureRecord("b", FeatureGroup.OTHER, "Float32", 0.0, of_class[1]),
            FeatureRecord("c", FeatureGroup.OTHER, "Float32", None, None, "constant"),
        )
        self.notes: tuple[Note, ...] = ()
        self.fits = tuple(FitRecord(0, m, None, 0) for m in range(members))


def test_members_of_no_weight_are_left_out_of_the_file() -> None:
    weights = np.array([[0.0] * 3, [0.25] * 3, [0.75] * 3])
    model = _model([single(0), single(1), single(2)], Weighted(weights), single().feature_names)
    assert isinstance(model, EnsembleMetaModel)
    assert model.n_members == 2
    expected = 0.25 * single(1).predict_proba(X) + 0.75 * single(2).predict_proba(X)
    np.testing.assert_allclose(model.predict_proba(X), expected, rtol=1e-12)
    assert model.info.genes == ("g1a", "g1b", "g2a", "g2b")
    assert model.info.families == ("fam",)


@pytest.mark.parametrize(
    "combination",
    [
        Routed(np.zeros(1), np.ones(1), np.array([[1.0, 0.0], [0.0, 0.0]]), columns=(6,)),
        PerBin(
            np.array([0.5]), np.array([[[1.0] * 3, [2.0] * 3], [[3.0] * 3, [1.0] * 3]]), np.ones((2, 3)), columns=(6,)
        ),
    ],
)
def test_columns_of_a_combination_are_those_of_the_whole(combination: Routed | PerBin) -> None:
    features = ("nobody_reads_it", *single().feature_names)
    model = _model([single(0), single(1)], combination, features)
    assert isinstance(model, EnsembleMetaModel)
    assert [model.feature_names[column] for column in model.combination.columns] == [features[6]]
    members = np.stack([single(seed).predict_proba(X) for seed in (0, 1)])
    np.testing.assert_allclose(model.predict_proba(X), combination(members, X[:, [5]]), rtol=1e-9)


def test_gains_are_shares_weighted_as_the_members_are() -> None:
    members = [Result((30.0, 10.0)), Result((0.0, 2.0)), Result((float("nan"), float("nan")))]
    weights = Weighted(np.array([[0.5] * 3, [0.3] * 3, [0.2] * 3]))
    found = _features(members, weights, ("a", "b"))  # type: ignore[arg-type]
    assert found[0].gain == pytest.approx({c.label: 0.5 * 0.75 for c in CLASSES})
    assert found[1].gain == pytest.approx({c.label: 0.5 * 0.25 + 0.3 for c in CLASSES})
    assert found[2].gain is None


def test_members_of_ensembles_are_numbered_on() -> None:
    fits = _fits([Result(members=2), Result(), Result(members=3)])  # type: ignore[list-item]
    assert [fit.member for fit in fits] == [0, 1, 2, 3, 4, 5]


def test_a_gain_is_real_where_its_whole_interval_lies_above_0() -> None:
    gain = Gain(0.01, Interval(0.001, 0.02))
    assert gain.real
    assert gain.text == "+0.0100 AP (95 % +0.0010 to +0.0200)"
    assert not replace(gain, interval=Interval(0.0, 0.02)).real
    unknown = Gain(0.01, Interval(None, None, "an interval needs at least 2 families with sites, found 1"))
    assert not unknown.real
    assert "needs at least 2 families" in unknown.text


def test_what_is_told_where_folds_chose_another_member() -> None:
    assert choice_note(["a", "b"], "b", {0: 1, 1: 1}) == ()
    (note,) = choice_note(["a", "b"], "b", {1: 1, 2: 0, 0: 0})
    assert "not b everywhere (fold 0 a, fold 2 a)" in note.text


def test_notes_name_their_member_after_those_with_which_all_begin() -> None:
    drawn, one, two, verdict = (Note("info", text) for text in ("Rows were drawn.", "+.01.", "+.02.", "No gain."))
    results = {"a": Result(), "b": Result()}
    results["a"].notes, results["b"].notes = (drawn, one, verdict), (drawn, two, verdict)
    found = [note.text for note in named_notes(results)]
    assert found == ["Rows were drawn.", "a: +.01.", "a: No gain.", "b: +.02.", "b: No gain."]
