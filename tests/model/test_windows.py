"""Models that read a window around each row: what is computed from a table, and what is refused."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from fitted_models import FEATURES, rows, single

from meta_models.errors import InputError
from meta_models.learners.seam.genes import GenePredictor, GeneTracks
from meta_models.learners.seam.windows import WindowRows, row_columns, site_columns
from meta_models.model import EnsembleMetaModel, ModelInfo, SingleModel
from meta_models.model.windows import table_features, with_window_scores

INFO = ModelInfo("single_model", ("g0a",))
OWN = ("middle:neither", "middle:donor", "middle:acceptor")


class MiddleBase(GenePredictor):
    """A donor where A is in the middle, an acceptor where C is; the surer the higher the column ``hint``."""

    n_inputs = n_targets = 3
    base_models, evidence, reach, window = ("main",), ("hint",), 2, 5

    def gene_scores(self, gene: GeneTracks, *, tile: int | None = None) -> np.ndarray:
        raise NotImplementedError

    def window_scores(self, rows: WindowRows) -> np.ndarray:
        assert rows.codes.shape[1] == 5
        kinds = np.stack([rows.codes[:, 2] > 1, rows.codes[:, 2] == 0, rows.codes[:, 2] == 1], axis=1)
        return np.where(kinds, rows.matrix[:, 2:], (1 - rows.matrix[:, 2:]) / 2).astype(np.float32)

    def files(self) -> dict[str, bytes]:
        return {}


def model(names: tuple[str, ...] = OWN) -> SingleModel:
    return SingleModel(MiddleBase(), ("donor_score", "acceptor_score", "hint", *names), info=INFO, learner="tcn")


FRAME = pl.DataFrame({
    "hint": [0.8, 0.6, 0.4], "acceptor_score": [0.0, 0.0, 0.0], "donor_score": [0.0, 0.0, 0.0],
    "sequence": ["GGGAGGG", "gggcggg", "GGGNGGG"],
})  # fmt: skip
EXPECTED = [[0.1, 0.8, 0.1], [0.2, 0.2, 0.6], [0.4, 0.3, 0.3]]


def test_what_is_read_of_a_row() -> None:
    assert site_columns("main") == ("donor_score", "acceptor_score")
    assert row_columns(("main", "alt"), ("hint",)) == (
        "donor_score", "acceptor_score", "alt_donor_score", "alt_acceptor_score", "hint",
    )  # fmt: skip
    found = model()
    assert (found.window, found.gene_columns, table_features(found)) == (5, OWN, found.feature_names[:3])
    assert single().window == 0


@pytest.mark.parametrize("of", [lambda f: f, pl.DataFrame.to_pandas, pl.DataFrame.to_arrow])
def test_probabilities_of_tables_of_any_kind(of) -> None:
    np.testing.assert_allclose(model().predict_proba(of(FRAME)), EXPECTED, atol=1e-6)
    raw, calibrated = model().predict_both(of(FRAME))
    np.testing.assert_array_equal(raw, calibrated)
    assert model().predict(of(FRAME)).tolist() == [1, 2, 0]


def test_arrays_and_tables_that_hold_the_scores_are_read_as_they_are() -> None:
    matrix = model().matrix_of(FRAME)
    np.testing.assert_allclose(matrix[:, 3:], EXPECTED, atol=1e-6)
    np.testing.assert_allclose(model().predict_proba(matrix), EXPECTED, atol=1e-6)
    known = pl.DataFrame(matrix, schema=list(model().feature_names))
    np.testing.assert_allclose(model().predict_proba(known), EXPECTED, atol=1e-6)


def test_many_rows_are_scored_some_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meta_models.model.windows.CHECKED_ROWS", 4)
    many = pl.concat([FRAME] * 7)
    np.testing.assert_allclose(model().predict_proba(many), EXPECTED * 7, atol=1e-6)


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (FRAME.drop("sequence"), "reads a window of 5 bases around each row, in a text column 'sequence'"),
        (FRAME.with_columns(sequence=pl.lit("GAG")), "windows of 5 bases"),
        (FRAME.with_columns(sequence=pl.lit("GAGA")), "one odd length"),
        (FRAME.with_columns(sequence=pl.lit("GGAGX")), "letters ACGTN alone. Found 'GGAGX' in row 1 "),
        (FRAME.with_columns(sequence=pl.lit(7)), "Found '7' in row 1 "),
        (FRAME.drop("hint"), "- hint"),
        (FRAME.with_columns(hint=pl.lit(float("inf"))), "infinite or too large values in hint"),
    ],
)
def test_tables_without_what_is_read_are_refused(frame: pl.DataFrame, words: str) -> None:
    for table in (frame, frame.to_pandas(), frame.to_arrow()):
        with pytest.raises(InputError, match=words):
            model().predict_proba(table)


def test_rows_and_windows_are_combined() -> None:
    whole = EnsembleMetaModel([single(), model()], info=INFO, feature_names=(*FEATURES, "hint", *OWN))
    X = rows(3)
    frame = pl.concat([pl.DataFrame(X, schema=list(FEATURES)), FRAME.select("hint", "sequence")], how="horizontal")
    assert whole.window == 5
    found = whole.predict_proba(frame)
    np.testing.assert_allclose(found, (single().predict_proba(X) + np.array(EXPECTED)) / 2, atol=1e-6)


def test_scores_that_no_model_has_are_missing() -> None:
    others = tuple(f"other:{name}" for name in OWN)
    matrix = FRAME.select("donor_score", "acceptor_score", "hint").to_numpy().astype(np.float32)
    names = (*model().feature_names, *others)
    found = with_window_scores([model()], names, matrix, names[:3], FRAME["sequence"])
    np.testing.assert_allclose(found[:, 3:6], EXPECTED, atol=1e-6)
    assert np.isnan(found[:, 6:]).all()


def test_a_predictor_of_genes_scores_no_windows() -> None:
    class OfGenes(MiddleBase):
        window = 0
        window_scores = GenePredictor.window_scores

    assert OfGenes().row_columns == ()
    with pytest.raises(TypeError, match="was fitted to genes"):
        OfGenes().window_scores(WindowRows(np.zeros((1, 5), np.uint8), np.zeros((1, 3), np.float32)))
