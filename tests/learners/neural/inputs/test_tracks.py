"""What a net reads of a gene."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from simulated_genes import Genes

from meta_models.errors import InputError
from meta_models.learners.neural.inputs.tracks import codes_of, labels_of, log_odds, numbers_of
from meta_models.learners.seam.genes import NOT_LABELLED


def test_log_odds_by_hand():
    found = log_odds(np.array([0.5, 0.9, 0.1, 0.0, 1.0, np.nan], np.float32))
    assert found.dtype == np.float16
    np.testing.assert_allclose(found[:3], [0, np.log(9), -np.log(9)], atol=2e-3)
    assert (found[3], found[4]) == (-16, 16)
    assert np.isnan(found[5])


def test_log_odds_of_long_genes_are_those_of_their_parts():
    scores = np.random.default_rng(0).random((150_000, 2)).astype(np.float32)
    np.testing.assert_array_equal(log_odds(scores)[70_000:70_100], log_odds(scores[70_000:70_100]))


def test_numbers_are_in_the_order_asked_for():
    gene = Genes().gene(0).tracks
    found = numbers_of(gene, ("other", "main"), ("conservation",))
    assert found.shape == (len(gene.codes), 5)
    np.testing.assert_array_equal(found[:, 2:4], log_odds(gene.scores["main"]))
    np.testing.assert_array_equal(found[:, 4], np.arcsinh(gene.evidence["conservation"]).astype(np.float16))


def test_evidence_of_a_million_reads_fits():
    gene = Genes().gene(0).tracks
    many = replace(gene, evidence={"reads": np.full(len(gene.codes), 1e6, np.float32)})
    np.testing.assert_allclose(numbers_of(many, (), ("reads",)), np.log(2e6), rtol=1e-3)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"scores": {}}, "scores of base model 'main'"),
        ({"scores": {"main": np.zeros((3, 2), np.float32)}}, "main scores of shape"),
        ({"scores": {"main": None}}, "from 0 to 1"),
        ({"evidence": {}}, "evidence 'conservation'"),
        ({"evidence": {"conservation": np.zeros(2, np.float32)}}, "evidence conservation of shape"),
        ({"evidence": {"conservation": None}}, "finite"),
    ],
)
def test_tracks_that_are_not_as_promised_are_refused(change, words):
    gene = Genes(models=("main",)).gene(0).tracks
    n = len(gene.codes)
    wrong = {"main": np.full((n, 2), 1.5, np.float32), "conservation": np.full(n, np.inf, np.float32)}
    change = {part: {k: wrong[k] if v is None else v for k, v in tracks.items()} for part, tracks in change.items()}
    with pytest.raises(InputError, match=words):
        numbers_of(replace(gene, **change), ("main",), ("conservation",))


def test_unknown_codes_and_labels_are_refused():
    gene = Genes().gene(0)
    with pytest.raises(InputError, match="codes up to 5"):
        codes_of(replace(gene.tracks, codes=np.full(100, 5, np.uint8)))
    with pytest.raises(InputError, match="Found 3"):
        labels_of(replace(gene, labels=np.full_like(gene.labels, 3)))
    with pytest.raises(InputError, match="labels"):
        labels_of(replace(gene, labels=gene.labels[1:]))
    hidden = np.full_like(gene.labels, NOT_LABELLED)
    np.testing.assert_array_equal(labels_of(replace(gene, labels=hidden)), hidden)
