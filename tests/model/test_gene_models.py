"""Models of learners that read whole genes: what they read of a gene, and what stands in rows."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from fitted_models import FEATURES, rows, single

from meta_models.errors import InputError
from meta_models.learners.seam.genes import GenePredictor, GeneTracks
from meta_models.model import EnsembleMetaModel, ModelInfo, PlattCalibrator, SingleModel
from meta_models.model.combinations import Mean

INFO = ModelInfo("single_model", ("g0a",))
OWN = ("counts:neither", "counts:donor", "counts:acceptor")


class Counts(GenePredictor):
    """Scores by the code of the base: A is a donor, C an acceptor, all else neither."""

    n_inputs = n_targets = 3
    base_models, evidence, reach = ("main",), (), 5

    def gene_scores(self, gene: GeneTracks, *, tile: int | None = None) -> np.ndarray:
        codes = gene.codes[gene.flank : len(gene.codes) - gene.flank]
        kinds = np.stack([codes > 1, codes == 0, codes == 1], axis=1)
        return np.where(kinds, 0.8, 0.1).astype(np.float32)

    def files(self) -> dict[str, bytes]:
        return {}


def gene() -> GeneTracks:
    codes = np.array([4, 4, 0, 1, 2, 3, 0, 4, 4], np.uint8)
    return GeneTracks("g", 2, codes, {"main": np.zeros((9, 2), np.float32)})


def model(names: tuple[str, ...] = OWN, **options: object) -> SingleModel:
    return SingleModel(Counts(), ("donor_score", *names), info=INFO, learner="tcn", **options)


def test_scores_of_a_gene_are_features_of_the_model_by_name():
    found = model().scores_of_gene(gene(), np.array([0, 1, 4]))
    assert list(found) == list(OWN)
    np.testing.assert_allclose(found["counts:donor"], [0.8, 0.1, 0.8])
    assert (model().gene_columns, model().reach) == (OWN, 5)
    assert (single().gene_columns, single().reach, single().scores_of_gene(gene(), np.arange(2))) == ((), 0, {})


def test_probabilities_come_from_the_last_columns_of_a_row():
    frame = pl.DataFrame(
        {"donor_score": [0.0], "counts:neither": [0.5], "counts:donor": [0.25], "counts:acceptor": [0.25]}
    )
    np.testing.assert_allclose(model().predict_proba(frame), [[0.5, 0.25, 0.25]])
    shifted = model(calibrators=[PlattCalibrator(1.0, shift) for shift in (0.0, 1.0, 0.0)])
    odds = np.exp(1.0) * 0.25 / 0.75
    donor = odds / (1 + odds)
    np.testing.assert_allclose(shifted.predict_proba(frame), [np.array([0.5, donor, 0.25]) / (0.75 + donor)])


def test_rows_without_scores_of_genes_are_refused():
    for table in (pl.DataFrame({"donor_score": [0.0]}), pl.DataFrame({"donor_score": [0.0]}).to_arrow()):
        with pytest.raises(InputError, match="reads whole genes"):
            model().predict_proba(table)


def test_a_predictor_of_rows_takes_all_features():
    with pytest.raises(ValueError, match="7 were named"):
        SingleModel(single().predictor, (*FEATURES, "more"), info=INFO)


def test_rows_and_genes_are_combined():
    whole = EnsembleMetaModel([single(), model()], info=INFO, combination=Mean(), feature_names=(*FEATURES, *OWN))
    X = rows(3)
    of_gene = np.stack(list(whole.scores_of_gene(gene(), np.array([0, 1, 2])).values()), axis=1)
    found = whole.predict_proba(np.hstack([X, of_gene]))
    np.testing.assert_allclose(found, (single().predict_proba(X) + of_gene) / 2, rtol=1e-6)


def test_members_that_read_genes_need_names_of_their_own():
    with pytest.raises(ValueError, match="different names"):
        EnsembleMetaModel([model(), model()], info=INFO)
    others = tuple(f"other:{name}" for name in OWN)
    both = EnsembleMetaModel([model(), model(others)], info=INFO)
    assert both.gene_columns == (*OWN, *others)
