"""Crops side by side in arrays."""

from __future__ import annotations

import numpy as np
import pytest
from simulated_genes import FLANK, Genes

from meta_models.learners.neural.inputs.batches import batch_of, hide_models, piece_of, pieces_of, targets_of
from meta_models.learners.neural.inputs.crops import cut
from meta_models.learners.neural.inputs.gene_cache import cached
from meta_models.learners.neural.inputs.tracks import numbers_of
from meta_models.learners.seam.genes import N_CODE


def test_pieces_of_a_gene_are_those_of_the_cache():
    world = Genes(number=3)
    genes = world.training()
    gene = world.gene(1).tracks
    numbers = numbers_of(gene, genes.base_models, genes.evidence)
    own = pieces_of(gene, numbers, cut(np.array([gene.length]), 50, 9, FLANK))
    with cached(genes, 50, FLANK, None) as cache:
        crops = cut(cache.lengths, 50, 9, FLANK)
        for piece, number in zip(own, np.flatnonzero(crops.gene == 1), strict=True):
            other = piece_of(cache, crops, number)
            np.testing.assert_array_equal(piece.codes, other.codes)
            np.testing.assert_array_equal(piece.numbers, other.numbers)
            assert (piece.first, piece.length, piece.core) == (other.first, other.length, other.core)


def test_batches_are_padded_with_what_is_unknown():
    gene = Genes().gene(0).tracks
    numbers = numbers_of(gene, ("main",), ())
    pieces = pieces_of(gene, numbers, cut(np.array([gene.length]), 50, 9, FLANK))  # 120 positions
    batch = batch_of(pieces, ends=True)
    assert batch.lengths.tolist() == [9 + 50 + 9, 9 + 50 + 9, 9 + 20 + 9]
    assert (batch.codes[2, 38:] == N_CODE).all()
    assert np.isnan(batch.numbers[2, :, 38:]).all()
    np.testing.assert_array_equal(batch.codes[1, :68], gene.codes[FLANK + 50 - 9 : FLANK + 100 + 9])
    assert batch.cores == (slice(9, 59), slice(9, 59), slice(9, 29))
    np.testing.assert_allclose(batch.ends[1, :, 9], np.log1p([50, 119 - 50]) / 10, rtol=1e-6)
    assert (batch.ends[0, 0, :9] == 0).all()  # in the flank
    assert batch_of(pieces, ends=False).ends.shape == (3, 0, 128)


def test_base_models_are_hidden_in_whole_crops_each_by_itself():
    gene = Genes(number=1, mean_length=8000, models=("main", "other")).gene(0).tracks
    numbers = numbers_of(gene, ("main", "other"), ("conservation",))
    pieces = pieces_of(gene, numbers, cut(np.array([gene.length]), 20, 0, FLANK))
    before, batch = batch_of(pieces, ends=False), batch_of(pieces, ends=False)
    hide_models(batch, 2, 0.25, np.random.default_rng(0))
    gone = np.isnan(batch.numbers[:, :, 0])
    assert (gone[:, 0] == gone[:, 1]).all()
    assert (gone[:, 2] == gone[:, 3]).all()
    assert not gone[:, 4].any()
    assert gone[:, [0, 2]].mean(0) == pytest.approx(0.25, abs=0.06)
    assert (gone[:, 0] & gone[:, 2]).mean() == pytest.approx(0.25**2, abs=0.03)
    np.testing.assert_array_equal(batch.numbers[~gone], before.numbers[~gone])
    assert np.isnan(batch.numbers[gone]).all()


def test_targets_are_those_of_the_core_alone():
    world = Genes(number=2)
    with cached(world.training(), 50, FLANK, None) as cache:
        crops = cut(cache.lengths, 50, 9, FLANK)
        targets = targets_of(cache, crops, np.array([1, 2]), 80)
    labels = world.gene(0).labels
    np.testing.assert_array_equal(targets[0, 9:59], labels[50:100])
    np.testing.assert_array_equal(targets[1, 9:29], labels[100:120])
    assert (targets[0, :9] == -1).all()
    assert (targets[0, 59:] == -1).all()
    assert (targets[1, 29:] == -1).all()
