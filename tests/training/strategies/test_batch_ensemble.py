"""The batch ensemble: every gene trained on, every score honest, no batch lost."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import psutil
import pytest
from sklearn.metrics import average_precision_score
from tables import gene_rule_frame, make_frame
from training_tasks import make_task

from meta_models.errors import InputError, UnitsFailed, UsageError
from meta_models.inference.ensemble_model_loader import load_model_with_ensemble_support
from meta_models.metrics import log_loss
from meta_models.model import EnsembleMetaModel
from meta_models.persistence import dump_model
from meta_models.result import TrainingResult, probability_columns
from meta_models.run_folder import UnitStore
from meta_models.training.batches.member_curves import WATCHED_ROWS
from meta_models.training.batches.memory import BatchMemory
from meta_models.training.fitting.task import TrainingTask
from meta_models.training.strategies import STRATEGIES, BatchEnsembleTrainingStrategy

NAME = "batch_ensemble"
RAW = probability_columns("raw")


def ensemble_task(folder: Path, frame: pl.DataFrame | Path, **options: Any) -> TrainingTask:
    return make_task(
        folder, frame, NAME, **{"n_estimators": 8, "max_genes_per_batch": 12, "rounds": "fixed", **options}
    )


def train(folder: Path, frame: pl.DataFrame | Path, **options: Any) -> TrainingResult:
    return BatchEnsembleTrainingStrategy().train(ensemble_task(folder, frame, **options))


def units(task: TrainingTask) -> tuple[str, ...]:
    return UnitStore(task.units.folder).names()


@contextmanager
def killing(*names: str) -> Iterator[list[str]]:
    """Kill the process of each of these units as soon as it is seen; yields the names of those killed."""
    killed: list[str] = []
    pids: set[int] = set()
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(0.01):
            for child in psutil.Process().children():
                try:
                    arguments = child.cmdline()
                except psutil.Error:
                    continue
                ours = "meta_models.workers" in arguments and arguments[4] in names
                if ours and child.pid not in pids:
                    pids.add(child.pid)
                    killed.append(arguments[4])
                    child.kill()

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield killed
    finally:
        stop.set()
        thread.join()


@pytest.fixture(scope="module")
def frame() -> pl.DataFrame:
    """40 genes, some of them related."""
    number = pl.col("gene_id").str.slice(1).cast(pl.Int64)
    return make_frame(n_genes=40).with_columns(gene_family=pl.format("F{}", number - number % 3 // 2))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Units of ensembles of `frame`, reused by several tests."""
    return tmp_path_factory.mktemp("out_of_batch")


@pytest.fixture(scope="module")
def refit_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with models for each fold."""
    return tmp_path_factory.mktemp("refit")


@pytest.fixture(scope="module")
def result(folder: Path, frame: pl.DataFrame) -> TrainingResult:
    """An ensemble of four members, scored out of batch."""
    return train(folder, frame)


def test_every_gene_is_in_exactly_one_member_of_the_saved_model(
    tmp_path: Path, frame: pl.DataFrame, result: TrainingResult
) -> None:
    file = tmp_path / "model.pkl"
    file.write_bytes(dump_model(result.model))
    model = load_model_with_ensemble_support(file, verbose=True)
    assert isinstance(model, EnsembleMetaModel)
    genes = [gene for member in model.members for gene in member.info.genes]
    assert sorted(genes) == frame["gene_id"].unique().sort().to_list()
    assert list(model.info.genes) == sorted(genes)
    families = [family for member in model.members for family in member.info.families]
    assert len(families) == len(set(families))
    assert model.members[0].info.provenance["unit"] == "batch-00"
    np.testing.assert_array_equal(model.predict_proba(frame), result.model.predict_proba(frame))


def test_caps_may_be_given_to_the_strategy_itself(tmp_path: Path, frame: pl.DataFrame) -> None:
    task = ensemble_task(tmp_path, frame)
    strategy = BatchEnsembleTrainingStrategy(max_genes_per_batch=15, max_memory_gb=2.5)
    config = strategy.configured(task.config)
    assert (config.max_genes_per_batch, config.max_batch_gb) == (15, 2.5)
    assert strategy.describe(task.config) == "Batch Ensemble (15 genes/batch)"
    units = strategy.planned_units(task.positions, task.profile, task.config, task.resources, task.budget)
    assert [unit.genes for unit in units] == [14, 13, 13]
    with pytest.raises(UsageError, match="max_genes_per_batch"):
        BatchEnsembleTrainingStrategy(max_genes_per_batch=0).configured(task.config)


def test_out_of_batch_scores_are_the_votes_of_the_other_members(frame: pl.DataFrame, result: TrainingResult) -> None:
    assert result.ensemble is not None
    assert result.ensemble.cv == "out-of-batch"
    model = result.model
    assert isinstance(model, EnsembleMetaModel)
    for member in range(model.n_members):
        mine = result.oof["gene_id"].cast(str).is_in(model.members[member].info.genes).to_numpy()
        expected = model.predict_proba_without(frame.filter(mine), member)
        np.testing.assert_allclose(result.oof.filter(mine).select(RAW).to_numpy(), expected, atol=1e-6)
        assert (result.oof["fold"].to_numpy()[mine] == member).all()
    assert result.ensemble.members_by_fold == dict.fromkeys(range(model.n_members), model.n_members - 1)


def test_refitted_scores_are_those_of_models_without_the_fold(tmp_path: Path, frame: pl.DataFrame) -> None:
    result = train(tmp_path, frame, ensemble_cv="refit", rounds="cross-validation", n_estimators=16, calibrate=False)
    for fold, model in result.fold_models.items():
        inside = (result.oof["fold"] == fold).to_numpy()
        held_out = set(result.oof["gene_id"].cast(str).to_numpy()[inside])
        assert isinstance(model, EnsembleMetaModel)
        assert not held_out & set(model.info.genes)
        assert not any(held_out & set(member.info.genes) for member in model.members)
        raw, _ = model.predict_both(frame.filter(inside))
        np.testing.assert_allclose(result.oof.filter(inside).select(RAW).to_numpy(), raw, atol=1e-6)
    assert len(result.fold_models) == 3


@pytest.mark.parametrize("cv", ["out-of-batch", "refit"])
def test_scores_are_at_chance_where_genes_share_nothing_and_the_ensemble_knows_its_own_genes(
    tmp_path: Path, cv: str
) -> None:
    frame = gene_rule_frame()
    result = train(
        tmp_path, frame, max_genes_per_batch=15, ensemble_cv=cv, n_estimators=60, learning_rate=0.3,
        max_depth=6, subsample=1.0, colsample=1.0,
    )  # fmt: skip
    donor = (frame["splice_type"] == "donor").to_numpy()
    chance = donor.mean()
    assert average_precision_score(donor, result.oof["raw_donor"].to_numpy()) < chance + 0.03
    raw, _ = result.model.predict_both(frame)
    assert average_precision_score(donor, raw[:, 1]) > chance + 0.3
    record = result.ensemble
    assert record is not None
    assert record.seen.average_precision > record.unseen.average_precision + 0.3
    for member in record.members:
        assert member.seen.accuracy > member.unseen.accuracy + 0.3


@pytest.mark.parametrize(
    "options",
    [
        {"ensemble_method": "weighted"},
        {"ensemble_method": "weighted", "ensemble_weights_per_class": True, "calibrate_members": True},
        {"ensemble_method": "stacking", "calib_method": "isotonic"},
        {"ensemble_method": "mean", "calibrate_members": True, "calib_method": "isotonic"},
    ],
    ids=["weighted", "weighted-per-class-calibrated", "stacking", "mean-calibrated"],
)
def test_round_trip_of_every_combination(
    tmp_path: Path, frame: pl.DataFrame, folder: Path, refit_folder: Path, options: dict[str, Any]
) -> None:
    result = train(folder if options["ensemble_method"] == "mean" else refit_folder, frame, **options)
    file = tmp_path / "model.pkl"
    file.write_bytes(dump_model(result.model))
    loaded = load_model_with_ensemble_support(file)
    assert isinstance(loaded, EnsembleMetaModel)
    assert loaded.combination.kind == options["ensemble_method"]
    assert (loaded.members[0].calibrators is not None) == options.get("calibrate_members", False)
    np.testing.assert_array_equal(loaded.predict_proba(frame), result.model.predict_proba(frame))
    assert dump_model(loaded) == file.read_bytes()
    assert result.ensemble is not None
    assert result.ensemble.cv == ("refit" if options["ensemble_method"] != "mean" else "out-of-batch")
    for fold, model in result.fold_models.items():
        inside = (result.oof["fold"] == fold).to_numpy()
        raw, _ = model.predict_both(frame.filter(inside))
        np.testing.assert_allclose(result.oof.filter(inside).select(RAW).to_numpy(), raw, atol=1e-5)


def test_a_unit_that_is_killed_is_trained_as_two_halves(tmp_path: Path, frame: pl.DataFrame) -> None:
    with killing("batch-01") as killed:
        result = train(tmp_path, frame)
    assert killed == ["batch-01"]
    record = result.ensemble
    assert record is not None
    assert [member.unit for member in record.members] == ["batch-00", "batch-01a", "batch-01b", "batch-02", "batch-03"]
    assert sum(member.genes for member in record.members) == 40
    assert record.missing_genes == ()
    text = next(note.text for note in result.notes if "two halves" in note.text)
    assert text == "batch-01 was trained as two halves, because its process was killed by SIGKILL."
    again = train(tmp_path, frame)  # nothing is killed now: the halves stay, so that the ensemble is the same
    assert dump_model(again.model) == dump_model(result.model)
    assert again.oof.equals(result.oof)
    assert [note.text for note in again.notes] == [note.text for note in result.notes]


def test_a_half_that_fails_ends_the_run_with_the_genes_that_are_missing(tmp_path: Path, frame: pl.DataFrame) -> None:
    task = ensemble_task(tmp_path, frame)
    with killing("batch-01", "batch-01b") as killed, pytest.raises(UnitsFailed, match="not trained on") as error:
        BatchEnsembleTrainingStrategy().train(task)
    assert killed == ["batch-01", "batch-01b"]
    assert error.value.exit_code == 4
    assert "batch-01b: its process was killed by SIGKILL" in str(error.value)
    finished = [name for name in units(task) if name.count("-") == 1]
    assert finished == ["batch-00", "batch-01a", "batch-02", "batch-03"]
    with killing("batch-01b"):
        result = train(tmp_path, frame, allow_missing_batches=True)
    record = result.ensemble
    assert record is not None
    assert len(record.members) == 4
    assert set(record.missing_genes).isdisjoint(result.model.info.genes)
    assert len(record.missing_genes) + len(result.model.info.genes) == 40
    assert all(gene in str(error.value) for gene in record.missing_genes)
    warning = next(note for note in result.notes if note.level == "warning")
    assert warning.text.startswith(f"INCOMPLETE ENSEMBLE: {len(record.missing_genes)} genes not trained on")
    assert np.isfinite(result.oof.select(RAW).to_numpy()).all()  # scored by all members: none has seen them
    assert record.members_by_fold[4] == 4


def test_units_that_pass_their_memory_limit_stop_themselves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the predicted peak had been far too low: whole and halves alike need more than the limit."""
    monkeypatch.setattr(BatchMemory, "unit_cap", 90_000_000)
    monkeypatch.setattr(BatchMemory, "row_cap", 1000)
    task = ensemble_task(tmp_path, make_frame(n_genes=12), max_genes_per_batch=6, ensemble_cv="refit")
    with pytest.raises(UnitsFailed, match="out of memory: The process tree reached") as error:
        BatchEnsembleTrainingStrategy().train(task)
    assert "12 genes not trained on (batch-00a: out of memory" in str(error.value)


def test_finished_units_are_reused_and_give_the_same(tmp_path: Path, frame: pl.DataFrame) -> None:
    options = {"rounds": "early-stopping", "n_estimators": 16, "max_genes_per_batch": 20, "ensemble_cv": "out-of-batch"}
    first = train(tmp_path, frame, **options)
    second = train(tmp_path, frame, **options)
    assert dump_model(first.model) == dump_model(second.model)
    assert first.oof.equals(second.oof)
    assert first.ensemble == second.ensemble  # with the peaks and seconds of the first run
    ensemble_task(tmp_path, frame).units.remove("batch-01-final-donor")
    third = train(tmp_path, frame, **options)
    assert dump_model(first.model) == dump_model(third.model)


@pytest.mark.parametrize("options", [{"threads": 1}, {"threads": 2, "parallel_batches": 2}], ids=["one", "parallel"])
def test_threads_and_parallel_batches_change_nothing(
    tmp_path: Path, frame: pl.DataFrame, result: TrainingResult, options: dict[str, int]
) -> None:
    other = train(tmp_path, frame, **options)
    assert dump_model(result.model) == dump_model(other.model)
    assert result.oof.equals(other.oof)


def test_an_error_of_the_table_in_a_unit_is_that_error(tmp_path: Path) -> None:
    frame = make_frame(n_genes=30).with_columns(
        feature_0=pl.when(pl.col("gene_id") == "G0007").then(float("inf")).otherwise(pl.col("feature_0"))
    )
    with pytest.raises(InputError, match="'feature_0': 30 rows"):
        train(tmp_path, frame)


def test_what_is_recorded_of_a_member(tmp_path: Path, frame: pl.DataFrame) -> None:
    result = train(tmp_path, frame, rounds="cross-validation", n_estimators=16)
    record = result.ensemble
    assert record is not None
    assert sum(member.rows for member in record.members) == result.oof.height
    for member in record.members:
        assert sum(member.class_counts.values()) == member.rows == member.seen.rows
        assert member.unseen.rows == result.oof.height - member.rows
        assert 0.5 < member.measured_peak / member.predicted_peak < 1.3
        assert member.seconds > 0
        assert set(member.rounds.values()) <= set(range(1, 17))
        assert member.unseen.average_precision > 0.7
    assert {b.member for b in result.fits} == {0, 1, 2, 3}
    assert all(feature.missing_share == 0 for feature in result.features)
    assert sum(sum(f.gain.values()) for f in result.features) > 0


def test_members_are_watched_on_genes_of_the_others(tmp_path: Path, frame: pl.DataFrame) -> None:
    result = train(tmp_path, frame, n_estimators=16)
    assert isinstance(result.model, EnsembleMetaModel)
    fold = result.oof["fold"].to_numpy()
    assert len(result.fits) == 4 * 3
    for booster in result.fits:
        others = np.flatnonzero(fold != booster.member)[:: max(1, len(fold) // WATCHED_ROWS)]
        score = result.model.members[booster.member].predict_scores(frame[others])[:, booster.target]
        loss = log_loss(result.oof["label"].to_numpy()[others] == booster.target, np.column_stack([1 - score, score]))
        assert booster.held_out_rounds[-1] == booster.rounds == 16
        assert booster.held_out_curve[-1] == pytest.approx(loss.value, rel=1e-6)
        assert booster.held_out_curve[-1] < booster.held_out_curve[0]


def test_a_batch_that_can_hold_nothing_out_takes_all_rounds(tmp_path: Path) -> None:
    related = pl.when(pl.col("gene_id") < "G0012").then(pl.lit("large")).otherwise("gene_id")
    table = make_frame(24, 40).with_columns(gene_family=related)
    options = {"rounds": "cross-validation", "max_genes_per_batch": 6, "n_estimators": 32}
    model = STRATEGIES["batch_ensemble"].train(make_task(tmp_path, table, "batch_ensemble", **options)).model
    rounds = {
        len(member.info.genes): {b.num_boosted_rounds() for b in member.predictor.boosters} for member in model.members
    }
    assert rounds[12] == {32}


def two_chromosomes(frame: pl.DataFrame) -> pl.DataFrame:
    """`frame` with whole families on one of two chromosomes."""
    family = pl.col("gene_family").str.slice(1).cast(pl.Int64)
    return frame.with_columns(chrom=pl.when(family % 4 < 2).then(pl.lit("chr1")).otherwise(pl.lit("chr2")))


@pytest.mark.parametrize("method", ["mean", "voting"])
def test_batches_of_a_chromosome_are_combined_before_chromosomes_are(
    tmp_path: Path, frame: pl.DataFrame, method: str
) -> None:
    table = two_chromosomes(frame)
    result = train(tmp_path, table, batch_groups="chromosome", ensemble_method=method)
    assert isinstance(result.model, EnsembleMetaModel)
    assert result.model.combination.kind == method
    where = table.group_by("gene_id").agg(pl.col("chrom").first())
    for group in result.model.members:
        assert isinstance(group, EnsembleMetaModel)
        assert where.filter(pl.col("gene_id").is_in(group.info.genes))["chrom"].n_unique() == 1
        assert sorted(group.info.genes) == sorted(gene for member in group.members for gene in member.info.genes)
    fold = int(result.oof["fold"][0])
    mine = (result.oof["fold"] == fold).to_numpy()
    scores = result.oof.select(RAW).to_numpy()[mine]
    np.testing.assert_allclose(
        result.fold_models[fold].predict_both(table.filter(pl.Series(mine)))[0], scores, atol=2e-6
    )
    file = tmp_path / "model.pkl"
    file.write_bytes(dump_model(result.model))
    again = load_model_with_ensemble_support(file)
    np.testing.assert_array_equal(again.predict_proba(table), result.model.predict_proba(table))


def test_weights_of_groups_are_fitted_on_refitted_scores(tmp_path: Path, frame: pl.DataFrame) -> None:
    result = train(tmp_path, two_chromosomes(frame), batch_groups="chromosome", ensemble_method="weighted", n_folds=3)
    assert isinstance(result.model, EnsembleMetaModel)
    assert result.model.combination.shares(2, 3).shape == (2, 3)
    assert len(result.model.singles) > 2
    fold = int(result.oof["fold"][0])
    mine = (result.oof["fold"] == fold).to_numpy()
    scores = result.oof.select(RAW).to_numpy()[mine]
    rows = two_chromosomes(frame).filter(pl.Series(mine))
    np.testing.assert_allclose(result.fold_models[fold].predict_both(rows)[0], scores, atol=2e-6)


def test_one_chromosome_is_no_hierarchy(tmp_path: Path, frame: pl.DataFrame) -> None:
    result = train(tmp_path, frame.with_columns(chrom=pl.lit("chr1")), batch_groups="chromosome")
    assert result.model.depth == 1
