"""The training loop: step sizes, what is learned, when it ends."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from simulated_genes import Genes, job
from sklearn.metrics import average_precision_score

pytest.importorskip("torch", reason="needs the extra 'neural': PyTorch is absent")

from meta_models.errors import UnitsFailed
from meta_models.learners.neural.fitting.loop import step_size
from meta_models.learners.registry import LEARNERS
from meta_models.learners.seam import Resources
from meta_models.learners.seam.genes import NOT_LABELLED

pytestmark = pytest.mark.neural
OPTIONS = {
    "tcn": {"channels": 12, "blocks": 3, "kernel": 5, "epochs": 15},
    "gru": {"channels": 8, "kernel": 7, "context": 16, "crop": 64, "epochs": 15},
    "lstm": {"channels": 8, "kernel": 7, "context": 16, "crop": 64, "epochs": 15},
    "transformer": {"channels": 8, "kernel": 7, "window": 8, "heads": 2, "crop": 64, "epochs": 15},
}


def fit(name, world, stop=(), training=None, **options):
    genes = world.training() if training is None else training
    learner = LEARNERS[name]
    config = learner.Config(**{**OPTIONS[name], "batch": 1024, "learning_rate": 1e-2, **options})
    with learner.prepare(genes, config, Resources()) as ready:
        return ready.fit(job(genes, stop), world.row_labels(genes), None, threads=1)


def test_step_sizes_by_hand():
    assert step_size(0, 1) == pytest.approx(0.04)
    assert step_size(0.15, 1) == pytest.approx(0.52)
    assert step_size(0.3, 1) == pytest.approx(1)
    assert step_size(0.65, 1) == pytest.approx((1 + 1e-4) / 2)
    assert step_size(1, 1) == pytest.approx(1e-4)


@pytest.mark.parametrize("name", list(OPTIONS))
def test_a_net_finds_motifs_that_base_models_do_not_know(name):
    world = Genes(number=40)
    found = fit(name, world)
    labels = np.concatenate([world.gene(number).labels for number in (0, 1)])
    scores = np.concatenate([found.predictor.gene_scores(world.gene(number).tracks) for number in (0, 1)])
    base = np.concatenate([world.gene(number).tracks.scores["main"][12:-12] for number in (0, 1)])
    for kind in (1, 2):
        own = average_precision_score(labels == kind, scores[:, kind])
        theirs = average_precision_score(labels == kind, base[:, kind - 1])
        assert own > 0.95
        assert own > theirs + 0.1
    assert found.curves["train"][-1] < 0.5 * found.curves["train"][0]


def test_labels_permuted_within_genes_are_not_learned():
    """Beyond the share of sites: scores of held-out genes tell nothing."""

    def permuted(number):
        gene = world.gene(number)
        return replace(gene, labels=np.random.default_rng(number).permutation(gene.labels))

    world = Genes(number=40)
    genes = replace(world.training(), genes=[permuted(number) for number in range(40)])
    labels = [permuted(number).labels for number in range(40)]
    rows = np.array([labels[g][p] for g, p in zip(genes.gene_of_row, genes.position_of_row, strict=True)])
    learner = LEARNERS["tcn"]
    config = learner.Config(**OPTIONS["tcn"], batch=1024, learning_rate=1e-2)
    with learner.prepare(genes, config, Resources()) as ready:
        found = ready.fit(job(genes, score=tuple(range(10))), rows, None, threads=1)
    held_out = rows[genes.gene_of_row < 10] > 0
    ranked = average_precision_score(held_out, 1 - found.scores[:, 0, 0])
    assert ranked < 2 * held_out.mean()


def test_training_ends_with_the_patience_and_the_best_epoch_is_kept():
    found = fit("tcn", Genes(number=8), stop=(2, 3), patience=2, epochs=40, learning_rate=0.05)
    held_out = found.curves["held_out"]
    assert found.rounds == int(np.argmin(held_out)) + 1
    assert len(held_out) == len(found.curves["train"]) == min(found.rounds + 2, 40)
    assert found.facts["best_epoch"] == found.rounds


def test_the_loss_on_held_out_genes_is_told_and_decides_nothing():
    world = Genes(number=8)
    found, alone = (fit("tcn", world, watched_share=share, epochs=4, learning_rate=1e-3) for share in (1, 0))
    assert found.predictor.files() == alone.predictor.files()
    assert (len(found.curves["held_out"]), found.rounds, "held_out" in alone.curves) == (4, 4, False)
    scored = [(found.predictor.gene_scores(gene.tracks), gene.labels) for gene in map(world.gene, (0, 1))]
    losses = np.concatenate([-np.log(scores[np.arange(len(labels)), labels]) for scores, labels in scored])
    assert found.curves["held_out"][-1] == pytest.approx(losses.mean(), rel=1e-4)


def test_crops_without_sites_do_not_bend_the_scores():
    """With a fifth of them, each counting five times, the mean score stays the share of sites."""
    world = Genes(number=40, siteless=30)
    means = {}
    for share in (1.0, 0.2):
        found = fit("tcn", world, siteless_share=share, crop=32)
        genes = [world.gene(number) for number in range(30, 40)]
        means[share] = np.mean(np.concatenate([found.predictor.gene_scores(gene.tracks)[:, 1:] for gene in genes]))
    shares = np.mean(np.concatenate([gene.labels > 0 for gene in genes])) / 2
    assert means[0.2] == pytest.approx(means[1.0], rel=0.25)
    assert means[0.2] == pytest.approx(shares, rel=0.25)


def test_positions_without_a_label_are_not_learned_from():
    world = Genes(number=8)
    flipped = [
        replace(gene, labels=np.where(np.arange(len(gene.labels)) < 40, NOT_LABELLED, gene.labels).astype(np.uint8))
        for gene in world
    ]
    other = [replace(gene, labels=gene.labels.copy()) for gene in flipped]
    learner = LEARNERS["tcn"]
    files = []
    for genes in (flipped, other):
        training = replace(world.training(), genes=genes)
        with learner.prepare(training, learner.Config(**OPTIONS["tcn"] | {"epochs": 1}), Resources()) as ready:
            assert (ready.cache.sums.classes.sum(1) == training.lengths - 40).all()
            files.append(ready.fit(job(training), world.row_labels(training), None, threads=1).predictor.files())
    assert files[0] == files[1]


def test_a_loss_that_is_no_number_ends_the_fit(monkeypatch):
    monkeypatch.setattr("meta_models.learners.neural.fitting.loop._step", lambda *_: (float("nan"), 1.0))
    with pytest.raises(UnitsFailed, match="lower learning rate"):
        fit("tcn", Genes(number=4))
