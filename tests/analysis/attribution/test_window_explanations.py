"""Why learners of windows score as they do, told of one whose inputs add up by hand."""

from __future__ import annotations

import numpy as np
import pytest

from meta_models.analysis.attribution.gene_explanations import Site, base_importance
from meta_models.analysis.attribution.window_explanations import (
    LabelledWindows,
    explained_windows,
    tracks_of_row,
    window_ablations,
)
from meta_models.learners.seam.genes import N_CODE, Attributions, GenePredictor, GeneTracks
from meta_models.learners.seam.windows import WindowRows
from meta_models.schema import SpliceClass

COLUMNS = ("hint", "donor_score", "acceptor_score", "other")
KINDS = {"hint": "genomic", "other": "k-mer"}


class Sum(GenePredictor):
    """A donor the surer the higher ``hint``, and where A is in the middle; what is missing is 0."""

    n_inputs = n_targets = 3
    base_models, evidence, reach, window = ("main",), ("hint", "other"), 1, 5

    def gene_scores(self, gene: GeneTracks, *, tile: int | None = None) -> np.ndarray:
        raise NotImplementedError

    def window_scores(self, rows: WindowRows) -> np.ndarray:
        donor = np.nan_to_num(rows.matrix[:, 2]) / 2 + (rows.codes[:, 2] == 0) / 4
        return np.stack([1 - donor, donor, np.zeros(len(donor))], axis=1).astype(np.float32)

    def attributions(self, gene: GeneTracks, position: int, target: int) -> Attributions:
        bases = np.zeros((5, 4), np.float32)
        bases[2, 0] = 0.25
        evidence = {name: np.nan_to_num(values) for name, values in gene.evidence.items()}
        return Attributions(position - gene.flank, bases, {"main": np.zeros((5, 2), np.float32)}, evidence, 0.0, 1.0)

    def files(self) -> dict[str, bytes]:
        return {}


def windows() -> LabelledWindows:
    codes = np.full((4, 5), 2, np.uint8)
    codes[[0, 3], 2] = 0
    matrix = np.array([[1, 0.5, 0, 7], [0.6, 0.5, 0, 7], [0.8, 0, 0, 7], [0, 0, 0, 7]], np.float32)
    labels = np.array([1, 1, 0, 0], np.uint8)
    return LabelledWindows(WindowRows(codes, matrix), COLUMNS, labels, np.array([0, 1, 0, 1], np.int16))


def test_groups_are_taken_away_together() -> None:
    found = window_ablations({0: Sum(), 1: Sum()}, windows(), KINDS)
    assert [row.group for row in found[::2]] == ["sequence", "scores:main", "columns:genomic", "columns:k-mer"]
    of_donors = {row.group: row for row in found if row.target is SpliceClass.DONOR}
    # scores .75, .3, .4, .25: the second donor comes third; without bases .5, .3, .4, 0; without hints .25, 0, 0, .25
    assert of_donors["scores:main"].whole == pytest.approx((1 + 2 / 3) / 2)
    assert of_donors["sequence"].without == pytest.approx((1 + 2 / 3) / 2)
    assert of_donors["columns:genomic"].without == pytest.approx(1 / 2)
    assert of_donors["columns:k-mer"].loss == pytest.approx(0)
    assert found[1].whole is None


def test_a_row_is_a_gene_of_one_position() -> None:
    rows = windows().of(np.array([1]), Sum())
    gene = tracks_of_row("g", rows.codes[0], rows.matrix[0], Sum())
    assert (gene.flank, gene.length) == (2, 1)
    assert gene.scores["main"][2].tolist() == [0.5, 0]
    assert gene.evidence["hint"][2] == np.float32(0.6)
    assert np.isnan(gene.evidence["hint"][[0, 1, 3, 4]]).all()
    assert np.isnan(gene.scores["main"][[0, 1, 3, 4]]).all()


def test_sites_are_told_by_groups_in_positions_of_the_gene() -> None:
    site = Site("g", 0, 70, SpliceClass.DONOR, "fixed", row=11)
    found = list(explained_windows({0: Sum()}, windows(), [site], KINDS))
    assert found[0].by_group() == {"sequence": 0.25, "scores:main": 0, "columns:genomic": 1, "columns:k-mer": 7}
    assert found[0].attributions is not None
    assert found[0].attributions.first == 68
    assert found[0].codes.tolist() == [N_CODE] * 18 + [2, 2, 0, 2, 2] + [N_CODE] * 18
    importance = base_importance(found, SpliceClass.DONOR, 3)
    assert importance is not None
    assert importance.tolist() == [0, 0, 0, 0.25, 0, 0, 0]
