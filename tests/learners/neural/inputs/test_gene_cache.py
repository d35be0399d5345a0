"""The tracks of all genes in one place."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from simulated_genes import FLANK, Genes

from meta_models.errors import InputError, UnitsFailed
from meta_models.learners.neural.inputs.gene_cache import cached
from meta_models.learners.neural.inputs.tracks import numbers_of
from meta_models.learners.seam.genes import NOT_LABELLED


@pytest.mark.parametrize("on_disk", [False, True])
def test_what_is_read_is_what_was_given(tmp_path, on_disk):
    world = Genes(number=4)
    genes = world.training()
    with cached(genes, 64, FLANK, tmp_path if on_disk else None) as cache:
        gene = world.gene(2)
        begin, end = int(cache.offsets[2]), int(cache.offsets[3])
        np.testing.assert_array_equal(cache.codes.read(begin, end)[:, 0], gene.tracks.codes)
        expected = numbers_of(gene.tracks, genes.base_models, genes.evidence)
        np.testing.assert_array_equal(cache.numbers.read(begin, end), expected)
        labels = cache.labels.read(begin, end)[:, 0]
        np.testing.assert_array_equal(labels[FLANK:-FLANK], gene.labels)
        assert (labels[:FLANK] == NOT_LABELLED).all()
        cache.verify()
    total = sum(len(world.gene(number).tracks.codes) for number in range(4))
    if on_disk:  # base and label, and two bytes for each of five numbers
        assert sum(path.stat().st_size for path in tmp_path.iterdir()) == total * 12


def test_longer_flanks_are_cut_to_what_a_net_looks_at(tmp_path):
    world = Genes(number=3)
    with cached(world.training(), 64, 5, tmp_path) as cache:
        begin, end = int(cache.offsets[1]), int(cache.offsets[2])
        gene = world.gene(1).tracks
        assert (cache.flank, end - begin) == (5, gene.length + 10)
        np.testing.assert_array_equal(cache.codes.read(begin, end)[:, 0], gene.codes[FLANK - 5 : 5 - FLANK])
        labels = cache.labels.read(begin, end)[:, 0]
        np.testing.assert_array_equal(labels[5:-5], world.gene(1).labels)
        np.testing.assert_array_equal(cache.row_labels, world.row_labels(world.training()))


def test_sums_standardise_any_choice_of_genes():
    world = Genes(number=5)
    genes = world.training()
    chosen = np.array([True, False, True, False, False])
    with cached(genes, 64, FLANK, None) as cache:
        mean, deviation = cache.sums.scale(chosen)
        shares = cache.sums.log_shares(chosen)
    rows = [numbers_of(world.gene(number).tracks, genes.base_models, genes.evidence) for number in (0, 2)]
    both = np.concatenate(rows).astype(np.float64)
    np.testing.assert_allclose(mean, np.nanmean(both, 0))
    np.testing.assert_allclose(deviation, np.nanstd(both, 0))
    labels = np.concatenate([world.gene(number).labels for number in (0, 2)])
    np.testing.assert_allclose(np.exp(shares), (np.bincount(labels) + 1) / (len(labels) + 3))


def test_a_track_that_never_varies_keeps_its_scale():
    with cached(Genes(number=2, evidence=()).training(base_models=()), 64, FLANK, None) as cache:
        mean, deviation = cache.sums.scale(np.array([True, True]))
    assert mean.shape == deviation.shape == (0,)


def test_crops_with_sites_and_labels_of_rows():
    world = Genes(number=3, siteless=1)
    genes = world.training()
    with cached(genes, 20, FLANK, None) as cache:
        expected = [world.gene(n).labels[k : k + 20].any() for n in range(3) for k in range(0, world.length(n), 20)]
        np.testing.assert_array_equal(cache.crop_sites, expected)
        np.testing.assert_array_equal(cache.row_labels, world.row_labels(genes))


def test_a_changed_file_is_seen(tmp_path):
    with cached(Genes(number=2).training(), 64, FLANK, tmp_path) as cache:
        with (tmp_path / "numbers.f16").open("r+b") as file:
            file.seek(100)
            file.write(b"\xff")
        with pytest.raises(UnitsFailed, match=r"numbers\.f16"):
            cache.verify()


def test_fingerprints_differ_with_labels_alone():
    world = Genes(number=2)
    moved = [replace(gene, labels=np.roll(gene.labels, 1)) for gene in world]
    prints = []
    for genes in (world.training(), world.training(), world.training(genes=moved)):
        with cached(genes, 64, FLANK, None) as cache:
            prints.append(cache.fingerprint)
    assert prints[0] == prints[1] != prints[2]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"lengths": np.array([100, 127])}, "must have 100 positions"),
        ({"lengths": np.array([120])}, "must have None positions"),
        ({"lengths": np.array([120, 127, 9])}, "There must be 3 genes"),
        ({"flank": 3}, "a flank of 3"),
        ({"position_of_row": None}, "within its 120 positions"),
    ],
)
def test_genes_that_are_not_as_promised_are_refused(change, words):
    genes = Genes(number=2).training()
    change = {name: np.full_like(genes.position_of_row, 125) if v is None else v for name, v in change.items()}
    with pytest.raises(InputError, match=words), cached(replace(genes, **change), 64, FLANK, None):
        pass
