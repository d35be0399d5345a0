"""What all learners of genes promise."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from simulated_genes import Genes, job

pytest.importorskip("torch", reason="needs the extra 'neural': PyTorch is absent")

import torch

from meta_models.learners.registry import LEARNERS
from meta_models.learners.seam import Resources
from meta_models.learners.seam.genes import GeneTracks

pytestmark = pytest.mark.neural
SMALL = {
    "tcn": {"channels": 8, "blocks": 3, "kernel": 5, "crop": 64},
    "gru": {"channels": 8, "kernel": 5, "context": 16, "crop": 64},
    "lstm": {"channels": 8, "kernel": 5, "context": 16, "crop": 64},
    "transformer": {"channels": 8, "kernel": 5, "window": 8, "layers": 2, "heads": 2, "crop": 64},
}
NAMES = list(SMALL)
WORLD = Genes(number=10)


def config(name, **options):
    return LEARNERS[name].Config(**{"epochs": 3, "batch": 512, "learning_rate": 1e-2, **SMALL[name], **options})


@contextmanager
def prepared(name, genes, cache=None, **options):
    with LEARNERS[name].prepare(genes, config(name, **options), Resources(cache=cache)) as found:
        yield found


def fitted(name, world=WORLD, stop=(), cache=None, state=None, keep=None, **options):
    genes = world.training()
    with prepared(name, genes, cache, **options) as ready:
        return ready.fit(job(genes, stop), world.row_labels(genes), None, threads=2, state=state, keep=keep)


@pytest.fixture(scope="module")
def fits():
    return {name: fitted(name, stop=(2, 3)) for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_files_make_the_same_net_again(fits, name):
    found = fits[name].predictor
    files = found.files()
    again = LEARNERS[name].restore(files, found.n_inputs, found.n_targets)
    assert again.files() == files
    gene = WORLD.gene(0).tracks
    np.testing.assert_array_equal(again.gene_scores(gene), found.gene_scores(gene))
    assert again.facts() == found.facts()
    assert LEARNERS[name].join([again]) is again


@pytest.mark.parametrize("name", NAMES)
def test_scores_of_rows_are_those_of_the_genes(fits, name):
    genes = WORLD.training()
    found = fits[name]
    whole = [found.predictor.gene_scores(WORLD.gene(number).tracks) for number in (0, 1)]
    rows = np.flatnonzero(job(genes).score)
    expected = np.array([whole[genes.gene_of_row[row]][genes.position_of_row[row]] for row in rows])
    assert found.scores.shape == (len(rows), 3, 1)
    np.testing.assert_allclose(found.scores[:, :, 0], expected, atol=1e-5)
    np.testing.assert_allclose(found.scores.sum(1), 1, atol=1e-5)


def test_scores_of_rows_are_those_of_the_genes_where_flanks_are_longer_than_margins():
    genes, found = WORLD.training(), fitted("tcn", blocks=1)
    assert found.predictor.reach < genes.flank
    whole = [found.predictor.gene_scores(WORLD.gene(number).tracks) for number in (0, 1)]
    rows = np.flatnonzero(job(genes).score)
    expected = np.array([whole[genes.gene_of_row[row]][genes.position_of_row[row]] for row in rows])
    np.testing.assert_allclose(found.scores[:, :, 0], expected, atol=1e-5)


def test_genes_serve_other_options_as_if_they_were_prepared_for_them():
    genes = WORLD.training()
    rows, labels = job(genes), WORLD.row_labels(genes)
    with prepared("tcn", genes) as ready:
        other = ready.under(config("tcn", channels=4, learning_rate=0.02))
        found = other.fit(rows, labels, None, threads=1)
        assert ready.under(config("tcn", crop=32)) is None
        assert ready.under(config("tcn", blocks=1)) is None
    alone = fitted("tcn", channels=4, learning_rate=0.02)
    assert found.predictor.files() == alone.predictor.files()
    np.testing.assert_array_equal(found.scores, alone.scores)


@pytest.mark.parametrize("name", NAMES)
def test_tiles_and_threads_change_nothing(fits, name):
    predictor = fits[name].predictor
    gene = Genes(number=1, mean_length=700).gene(0).tracks
    whole = predictor.gene_scores(gene, tile=10**6)
    for tile in (1, 100, 333):
        np.testing.assert_allclose(predictor.gene_scores(gene, tile=tile), whole, atol=1e-5)
    alone = predictor.gene_scores(gene, tile=1)
    predictor.set_threads(3)
    np.testing.assert_array_equal(predictor.gene_scores(gene, tile=1), alone)
    predictor.set_threads(1)


@pytest.mark.parametrize("name", ["tcn", "transformer"])
def test_nets_of_bounded_sight_give_the_same_whatever_the_crops(fits, name):
    predictor = fits[name].predictor
    gene = Genes(number=1, mean_length=700).gene(0).tracks
    files = predictor.files()
    files["net.json"] = files["net.json"].replace(b'"crop": 64', b'"crop": 2000')
    whole = LEARNERS[name].restore(files, predictor.n_inputs, 3)
    np.testing.assert_allclose(whole.gene_scores(gene), predictor.gene_scores(gene), atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_resumed_is_undisturbed_byte_for_byte(name):
    states = []
    undisturbed = fitted(name, stop=(2, 3), keep=states.append)
    assert len(states) == 3
    resumed = fitted(name, stop=(2, 3), state=states[0])
    assert resumed.predictor.files() == undisturbed.predictor.files()
    np.testing.assert_array_equal(resumed.scores, undisturbed.scores)
    assert (resumed.curves, resumed.rounds) == (undisturbed.curves, undisturbed.rounds)
    ended = fitted(name, stop=(2, 3), state=states[2])
    assert ended.predictor.files() == undisturbed.predictor.files()


def test_the_state_of_another_job_is_refused():
    states = []
    fitted("tcn", epochs=1, keep=states.append)
    with pytest.raises(ValueError, match="other genes, options"):
        fitted("tcn", epochs=1, dropout=0.3, state=states[0])
    with pytest.raises(ValueError, match="other genes, options"):
        fitted("tcn", epochs=1, stop=(2,), state=states[0])
    with pytest.raises(ValueError, match="cannot be read"):
        fitted("tcn", epochs=1, state=states[0][:100])


def test_same_seed_same_bytes_on_disk_or_in_memory_whatever_was_drawn_before(tmp_path):
    torch.manual_seed(0)
    one = fitted("tcn")
    drawn = torch.rand(1)
    two = fitted("tcn", cache=tmp_path)
    assert one.predictor.files() == two.predictor.files()
    np.testing.assert_array_equal(one.scores, two.scores)
    torch.manual_seed(0)
    assert torch.rand(1) == drawn  # a fit draws nothing from the generator of others
    assert fitted("tcn", world=replace(WORLD, seed=1)).predictor.files() != one.predictor.files()


def test_held_out_genes_change_nothing():
    world = replace(WORLD, siteless=2)  # genes 0 and 1 are scored: other genes under the same numbers
    one, two = fitted("tcn"), fitted("tcn", world=world)
    weights = [found.predictor.files()["weights.safetensors"] for found in (one, two)]
    assert weights[0] == weights[1]
    assert not np.array_equal(one.scores, two.scores)


@pytest.mark.parametrize("name", NAMES)
def test_a_part_of_a_gene_has_the_scores_that_it_has_in_the_whole(fits, name):
    predictor, gene = fits[name].predictor, long_gene(300)
    whole, reach = predictor.gene_scores(gene), predictor.reach
    for begin, end in ((0, 90), (70, 200), (199, 300)):
        part = with_flank(gene, begin, end, reach)
        np.testing.assert_allclose(predictor.gene_scores(part), whole[begin:end], atol=1e-5)
        rows = np.array([0, 3, end - begin - 1])
        np.testing.assert_allclose(predictor.position_scores(part, rows), whole[begin:end][rows], atol=1e-5)


def long_gene(length, flank=200):
    random = np.random.default_rng(3)
    around = length + 2 * flank
    scores = {key: random.random((around, 2), np.float32) / 2 for key in WORLD.models}
    evidence = {key: random.normal(size=around).astype(np.float32) for key in WORLD.evidence}
    return GeneTracks("long", flank, random.integers(0, 4, around).astype(np.uint8), scores, evidence)


def with_flank(gene, begin, end, flank):
    part = slice(gene.flank + begin - flank, gene.flank + end + flank)
    return GeneTracks(
        gene.gene_id, flank, gene.codes[part], {key: values[part] for key, values in gene.scores.items()},
        {key: values[part] for key, values in gene.evidence.items()}, offset=begin, whole=gene.length,
    )  # fmt: skip


def test_scores_that_stand_in_rows_are_given_back(fits):
    rows = np.array([[0.5, 0.25, 0.25], [1, 0, 0]], np.float32)
    np.testing.assert_array_equal(fits["tcn"].predictor.scores(rows), rows)


def test_a_fit_has_as_many_epochs_as_its_job_says():
    genes = WORLD.training()
    with prepared("tcn", genes) as ready:
        found = ready.fit(replace(job(genes), stages=(2,)), WORLD.row_labels(genes), None, threads=1)
    assert (found.rounds, len(found.curves["train"])) == (2, 2)


def test_other_labels_and_parts_to_be_joined_are_refused(fits):
    genes = WORLD.training()
    with prepared("tcn", genes) as ready, pytest.raises(ValueError, match="learns the labels of its genes"):
        ready.fit(job(genes), 2 - WORLD.row_labels(genes), None, threads=1)
    with pytest.raises(TypeError, match="cannot be joined"):
        LEARNERS["tcn"].join([fits["tcn"].predictor] * 2)


@pytest.mark.parametrize("name", NAMES)
def test_a_cheaper_fit_has_fewer_epochs(name):
    learner = LEARNERS[name]
    assert learner.rounds(learner.cheaper(config(name), 2)) == 2
    assert learner.rounds(learner.cheaper(config(name), 20)) == 3


def test_ends_and_focal_loss_are_fitted_and_stored():
    found = fitted("tcn", ends=True, loss="focal", residual=False, siteless_share=0.5)
    predictor = LEARNERS["tcn"].restore(found.predictor.files(), 3, 3)
    assert "mix" not in predictor.facts()
    assert np.isfinite(predictor.gene_scores(WORLD.gene(0).tracks)).all()
