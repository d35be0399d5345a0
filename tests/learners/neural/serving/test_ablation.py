"""What each group of inputs adds."""

from __future__ import annotations

import numpy as np
import pytest
from simulated_genes import FLANK, Genes

from meta_models.learners.neural.serving.ablation import ablation, input_groups, without
from meta_models.learners.seam.genes import GenePredictor

WORLD = Genes(number=1, models=("main",))


class Adding(GenePredictor):
    """Scores whose log-odds are those of the base model, plus 1 where there is an A."""

    n_inputs, n_targets, base_models, evidence = 7, 1, ("main",), ("conservation",)

    def files(self):
        return {}

    def gene_scores(self, gene, *, tile=None):
        score = gene.scores["main"][FLANK:-FLANK, :1]
        odds = np.nan_to_num(np.log(score / (1 - score)), nan=-5) + (gene.codes[FLANK:-FLANK, None] == 0)
        return (1 / (1 + np.exp(-odds))).astype(np.float32)


def test_groups_of_a_sum_are_its_terms():
    gene = WORLD.gene(0).tracks
    found = ablation(Adding(), gene)
    assert list(found) == ["sequence", "scores:main", "evidence:conservation"] == list(input_groups(Adding()))
    score = gene.scores["main"][FLANK:-FLANK, :1]
    np.testing.assert_allclose(found["sequence"], gene.codes[FLANK:-FLANK, None] == 0, atol=1e-3)
    np.testing.assert_allclose(found["scores:main"], np.log(score / (1 - score)) + 5, atol=2e-3)
    assert (found["evidence:conservation"] == 0).all()


def test_what_is_taken_away_is_unknown_and_all_else_stays():
    gene = WORLD.gene(0).tracks
    assert (without(gene, "sequence").codes == 4).all()
    assert np.isnan(without(gene, "scores:main").scores["main"]).all()
    assert without(gene, "scores:main").evidence is gene.evidence
    assert not np.isnan(gene.scores["main"]).all()
    with pytest.raises(ValueError, match="no inputs 'scores:other'"):
        without(gene, "scores:other")
