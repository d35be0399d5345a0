"""Nets that read a window around each row: what they learn from, what they promise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import average_precision_score
from window_tables import WINDOW, job, labels_of, training, window_frame, write_windows

pytest.importorskip("torch", reason="needs the extra 'neural': PyTorch is absent")

from meta_models.dataset.reading.open import open_dataset
from meta_models.learners.registry import LEARNERS
from meta_models.learners.seam import MalformedModel, Resources
from meta_models.learners.seam.genes import N_CODE, GeneTracks
from meta_models.learners.seam.windows import WindowRows
from meta_models.learners.window_bridge import window_rows

pytestmark = pytest.mark.neural
SMALL = {
    "tcn": {"blocks": 3, "kernel": 5},
    "gru": {"kernel": 7, "context": 12},
    "lstm": {"kernel": 7, "context": 12},
    "transformer": {"kernel": 7, "window": 8, "layers": 1, "heads": 2},
}
NAMES = list(SMALL)
FRAME = window_frame(genes=40)
LABELS = labels_of(FRAME)


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    folder = tmp_path_factory.mktemp("windows")
    return training(open_dataset(write_windows(folder / "table", FRAME), work_dir=folder))


def fitted(rows, name="tcn", labels=LABELS, weights=None, told=None, cache=None, state=None, keep=None, **options):
    given = {"channels": 8, "epochs": 3, "batch": 1024, "learning_rate": 1e-2, "siteless_share": 1.0}
    config = LEARNERS[name].Config(**{**given, **SMALL[name], **options})
    with LEARNERS[name].prepare(rows, config, Resources(cache=cache)) as ready:
        return ready.fit(told or job(FRAME), labels, weights, threads=2, state=state, keep=keep)


@pytest.fixture(scope="module")
def fits(rows):
    return {name: fitted(rows, name, told=job(FRAME, stop=4)) for name in NAMES}


def served(predictor, frame=FRAME):
    return predictor.window_scores(window_rows(frame, predictor.row_columns, predictor.window))


@pytest.mark.parametrize("name", NAMES)
def test_scores_of_rows_are_those_that_are_served(fits, name):
    found, rows = fits[name], np.flatnonzero(job(FRAME).score)
    assert found.scores.shape == (len(rows), 3, 1)
    np.testing.assert_allclose(found.scores[:, :, 0], served(found.predictor)[rows], atol=1e-5)
    np.testing.assert_allclose(served(found.predictor, FRAME[:5]), served(found.predictor)[:5], atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_files_make_the_same_net_again(fits, name):
    found = fits[name].predictor
    again = LEARNERS[name].restore(found.files(), found.n_inputs, found.n_targets)
    assert again.files() == found.files()
    assert (again.window, again.row_columns) == (found.window, found.row_columns)
    np.testing.assert_array_equal(served(again), served(found))


def test_a_net_needs_the_bases_that_it_sees_and_no_more(fits):
    assert fits["tcn"].predictor.window == 2 * 2 * (1 + 2 + 4) + 1
    assert fits["gru"].predictor.window == WINDOW
    assert fits["tcn"].predictor.row_columns == (
        "donor_score", "acceptor_score", "alt_donor_score", "alt_acceptor_score", "hint", "noise",
    )  # fmt: skip


def test_motifs_are_found_that_base_models_do_not_know_and_permuted_labels_are_not_learned(rows):
    told = job(FRAME, score=10)
    found = fitted(rows, told=told, epochs=10).scores[:, :, 0]
    permuted = np.random.default_rng(1).permutation(LABELS)
    chance = fitted(rows, labels=permuted, told=told, epochs=5).scores[:, :, 0]
    for kind, column in ((1, "donor_score"), (2, "acceptor_score")):
        own = average_precision_score(LABELS[told.score] == kind, found[:, kind])
        base = average_precision_score(LABELS[told.score] == kind, FRAME[column].to_numpy()[told.score])
        assert own > 0.9
        assert own > base + 0.2
        share = (permuted[told.score] == kind).mean()
        assert average_precision_score(permuted[told.score] == kind, chance[:, kind]) < share + 0.15


def test_equal_fits_have_equal_bytes_in_memory_and_on_disk(rows, fits, tmp_path):
    again = fitted(rows, told=job(FRAME, stop=4), cache=tmp_path)
    assert again.predictor.files() == fits["tcn"].predictor.files()
    np.testing.assert_array_equal(again.scores, fits["tcn"].scores)


def test_a_fit_goes_on_from_its_state_to_the_same_bytes(rows, fits):
    states = []
    fitted(rows, told=job(FRAME, stop=4), keep=states.append)
    again = fitted(rows, told=job(FRAME, stop=4), state=states[0])
    assert again.predictor.files() == fits["tcn"].predictor.files()
    with pytest.raises(ValueError, match="other genes"):
        fitted(rows, told=job(FRAME), state=states[0])
    with pytest.raises(ValueError, match="other genes"):
        fitted(rows, labels=np.roll(LABELS, 1), told=job(FRAME, stop=4), state=states[0])


def test_rows_that_are_held_out_change_nothing(rows, tmp_path):
    held_out = job(FRAME).score
    other = FRAME.with_columns(
        FRAME["hint"] + 5 * held_out,
        FRAME["sequence"].zip_with(pl.Series(~held_out), FRAME["sequence"].str.replace_all("A", "N")),
    )
    changed = training(open_dataset(write_windows(tmp_path / "table", other), work_dir=tmp_path))
    labels = np.where(held_out, 0, LABELS).astype(np.uint8)
    found, again = fitted(rows, watched_share=0), fitted(changed, labels=labels, watched_share=0)
    assert found.predictor.files() == again.predictor.files()
    assert np.abs(found.scores - again.scores).max() > 1e-3


def test_weights_of_rows_count_in_the_loss(rows):
    """Where there is nothing to learn the scores are the weighted shares; weights that are all alike change nothing."""
    permuted = np.random.default_rng(1).permutation(LABELS)
    heavy = np.where(permuted == 0, 20, 1).astype(np.float32)
    options = {"labels": permuted, "residual": False, "learning_rate": 1e-3}
    weighted = fitted(rows, weights=heavy, **options)
    of_job = fitted(rows, told=replace(job(FRAME), weights=heavy), **options)
    plain, ones = (fitted(rows, weights=each, **options) for each in (None, np.ones(len(LABELS), np.float32)))
    assert weighted.scores[:, 0].mean() == pytest.approx(20 / 21, abs=0.03)
    assert plain.scores[:, 0].mean() == pytest.approx(1 / 2, abs=0.1)
    assert of_job.predictor.files() == weighted.predictor.files()
    assert ones.predictor.files() == plain.predictor.files()


def test_a_row_is_explained_as_a_gene_of_one_position(fits):
    predictor = fits["tcn"].predictor
    one = window_rows(FRAME[:1], predictor.row_columns, predictor.window)
    half, centre = predictor.window // 2, np.arange(predictor.window) == predictor.window // 2
    tracks = {name: np.where(centre, one.matrix[0, k], np.nan) for k, name in enumerate(predictor.row_columns)}
    scores = {
        key: np.stack([tracks[f"{prefix}donor_score"], tracks[f"{prefix}acceptor_score"]], 1).astype(np.float32)
        for key, prefix in (("main", ""), ("alt", "alt_"))
    }
    evidence = {name: tracks[name].astype(np.float32) for name in ("hint", "noise")}
    gene = GeneTracks("g", half, one.codes[0], scores, evidence)
    np.testing.assert_allclose(predictor.gene_scores(gene), served(predictor, FRAME[:1]), atol=1e-6)
    found = predictor.attributions(gene, 0, 1)
    added = found.bases.sum() + sum(map(np.sum, (*found.scores.values(), *found.evidence.values())))
    assert added == pytest.approx(found.end - found.start, rel=0.02)
    assert (found.evidence["noise"][~centre] == 0).all()
    assert predictor.mutations(gene, 0, 1, 20).shape == (41, 4)


def test_positions_of_a_gene_are_windows_of_it(fits):
    predictor = fits["tcn"].predictor
    random = np.random.default_rng(0)
    codes = random.integers(0, 4, 60).astype(np.uint8)
    scores = {key: random.random((60, 2)).astype(np.float32) / 2 for key in predictor.base_models}
    evidence = {name: random.normal(size=60).astype(np.float32) for name in predictor.evidence}
    gene = GeneTracks("g", 3, codes, scores, evidence)
    whole = predictor.gene_scores(gene)
    assert whole.shape == (54, 3)
    np.testing.assert_allclose(predictor.position_scores(gene, np.array([0, 50])), whole[[0, 50]], atol=1e-6)
    beyond = np.pad(codes, predictor.window // 2, constant_values=N_CODE)
    window = beyond[3 : 3 + predictor.window]
    columns = np.array([[*scores["main"][3], *scores["alt"][3], evidence["hint"][3], evidence["noise"][3]]], np.float32)
    np.testing.assert_allclose(predictor.window_scores(WindowRows(window[None], columns)), whole[:1], atol=1e-6)


def test_files_of_windows_without_a_middle_are_refused(fits):
    files = fits["tcn"].predictor.files()
    for before, after in ((b'"window": 29', b'"window": 28'), (b'"ends": false', b'"ends": true')):
        assert before in files["net.json"]
        with pytest.raises(MalformedModel, match="a window has a middle"):
            LEARNERS["tcn"].restore({**files, "net.json": files["net.json"].replace(before, after)}, 3, 3)


def test_other_options_use_the_same_windows_where_the_net_sees_as_far(rows):
    learner = LEARNERS["tcn"]
    with learner.prepare(rows, learner.Config(**SMALL["tcn"]), Resources()) as ready:
        assert ready.under(learner.Config(**SMALL["tcn"], channels=16)) is not None
        assert ready.under(learner.Config(blocks=2, kernel=5)) is None
