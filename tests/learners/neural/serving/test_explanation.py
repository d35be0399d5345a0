"""Integrated gradients and mutations."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from simulated_genes import FLANK, Genes, job

pytest.importorskip("torch", reason="needs the extra 'neural': PyTorch is absent")

from meta_models.learners.neural.serving.explanation import integrated_gradients, mutagenesis
from meta_models.learners.registry import LEARNERS
from meta_models.learners.seam import Resources

pytestmark = pytest.mark.neural
WORLD = Genes(number=20)


def log_odds(scores):
    return np.log(scores) - np.log1p(-scores.astype(np.float64))


@pytest.fixture(scope="module")
def predictor():
    genes = WORLD.training()
    config = LEARNERS["tcn"].Config(
        channels=8, blocks=2, kernel=7, crop=64, epochs=8, batch=1024, learning_rate=1e-2, ends=True
    )
    with LEARNERS["tcn"].prepare(genes, config, Resources()) as ready:
        return ready.fit(job(genes), WORLD.row_labels(genes), None, threads=1).predictor


@pytest.fixture(scope="module")
def site():
    gene = WORLD.gene(0)
    return gene.tracks, int(np.flatnonzero(gene.labels == 1)[1])


def test_what_is_attributed_sums_to_the_log_odds(predictor, site):
    gene, position = site
    found = integrated_gradients(predictor.site(gene, position), 1, steps=256)
    assert found.end == pytest.approx(log_odds(predictor.gene_scores(gene)[position, 1]), abs=1e-3)
    parts = [found.bases, *found.scores.values(), *found.evidence.values()]
    assert sum(part.sum() for part in parts) == pytest.approx(found.end - found.start, abs=0.02)


def test_attributions_lie_where_the_inputs_are(predictor, site):
    gene, position = site
    found = integrated_gradients(predictor.site(gene, position), 1)
    codes = gene.codes[found.first + FLANK :][: len(found.bases)]
    assert (found.bases[np.arange(len(codes)), codes] != 0).any()
    others = np.ones_like(found.bases, np.bool_)
    others[np.arange(len(codes)), codes] = False
    assert (found.bases[others] == 0).all()  # bases that are not there
    far = np.abs(np.arange(len(codes)) + found.first - position) > predictor.net.plan.margin
    assert (found.bases[far] == 0).all()
    near = np.abs(found.scores["main"]).sum(1)
    assert near.argmax() + found.first == position
    assert set(found.evidence) == {"conservation"}


def test_mutations_are_those_of_mutated_genes(predictor, site):
    gene, position = site
    found = mutagenesis(predictor.site(gene, position), 1, reach=5)
    assert found.shape == (11, 4)
    before = log_odds(predictor.gene_scores(gene)[position, 1])
    for row in range(11):
        place = position - 5 + row + FLANK
        for base in range(4):
            codes = gene.codes.copy()
            codes[place] = base
            after = log_odds(predictor.gene_scores(replace(gene, codes=codes))[position, 1])
            assert found[row, base] == pytest.approx(after - before, abs=2e-3)
    motif = found[4:10].min(1)  # AGGTAA: the site is its second base
    assert motif.min() < -0.3


def test_mutations_beyond_the_flank_are_unknown_and_beyond_the_margin_they_change_nothing(predictor):
    found = mutagenesis(predictor.site(WORLD.gene(0).tracks, 0), 1, reach=20)
    margin = predictor.net.plan.margin
    assert np.isnan(found[: 20 - FLANK]).all()
    assert not np.isnan(found[20 - FLANK :]).any()
    assert (found[20 + margin + 1 :] == 0).all()


def test_positions_beyond_the_gene_are_refused(predictor):
    with pytest.raises(ValueError, match="positions 0 to 119"):
        integrated_gradients(predictor.site(WORLD.gene(0).tracks, 120), 1)
