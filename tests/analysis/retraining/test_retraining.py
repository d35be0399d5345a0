"""The analyses that train again: what each group brings, more genes, shuffled labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from simulated_run import FEATURES, MemoryWriter, context_of, finished_run, simulated, trained

from meta_models.analysis.comparison.precision import Comparer, precision_of_counts
from meta_models.analysis.comparison.scores import Scores
from meta_models.analysis.framework.base import AnalysisContext
from meta_models.analysis.framework.outcome import Status
from meta_models.analysis.registry import ANALYSES
from meta_models.analysis.retraining.group_ablation import GroupAblation
from meta_models.analysis.retraining.learning_curve import SHARES, LearningCurve, drawn_rows
from meta_models.analysis.retraining.shuffled_labels import ShuffledLabels, shuffle_within
from meta_models.analysis.runner import run_analyses
from meta_models.config import TrainingConfig
from meta_models.learners.xgboost.learner import FASTEST
from meta_models.metrics import average_precision
from meta_models.result import TrainingResult
from meta_models.training.retrainer import ROUNDS, Retrainer, make_retrainer


@dataclass(frozen=True)
class NamedTable:
    """Features in memory by name."""

    values: np.ndarray
    source: str = "simulated"

    @property
    def n_rows(self) -> int:
        return len(self.values)

    def iter_matrix(self, columns: Sequence[str], _: int | None = None) -> Iterator[np.ndarray]:
        yield np.ascontiguousarray(self.values[:, [FEATURES.index(c) for c in columns]])


class Cheater:
    """Scores every row by the label that it was given."""

    setting = "cheating"

    def retrain(
        self, features: tuple[str, ...], *, rows: object = None, labels: np.ndarray | None = None
    ) -> np.ndarray:
        assert labels is not None
        return np.eye(3)[labels] * 0.9 + 0.05

    def release(self) -> None:
        pass


def quick() -> TrainingResult:
    result = trained()
    section = result.config.section.model_copy(update={"n_estimators": 40, "learning_rate": 0.1})
    return replace(result, config=result.config.model_copy(update={"sections": {"xgboost": section}}))


@cache
def again() -> AnalysisContext:
    """The simulated run with a retrainer; what it trained is shared."""
    retrainer, reason = make_retrainer(quick(), NamedTable(simulated()[1]), budget=10**12, threads=1)
    assert reason == ""
    return replace(context_of(quick()), retrainer=retrainer, writer=MemoryWriter())


def written(context: AnalysisContext, name: str) -> pl.DataFrame:
    return pl.read_csv(context.writer.files[name])


def test_without_a_retrainer_they_are_not_applicable_and_say_why() -> None:
    retrainer, reason = make_retrainer(quick(), NamedTable(simulated()[1]), budget=1, threads=1)
    assert retrainer is None
    assert "memory budget" in reason
    slow = [analysis for analysis in ANALYSES if analysis.slow]
    assert {analysis.code for analysis in slow} == {"group-ablation", "learning-curve", "shuffled-labels"}
    for analysis in slow:
        outcome = analysis.run(replace(context_of(quick()), no_retrainer=reason))
        assert (outcome.status, outcome.reason) == (Status.NOT_APPLICABLE, reason)


def test_they_are_skipped_by_default_with_the_option_that_runs_them() -> None:
    outcomes = {outcome.code: outcome for outcome in finished_run("none")[1].outcomes}
    assert outcomes["learning-curve"].status is Status.SKIPPED
    assert "--analyses default learning-curve" in outcomes["learning-curve"].reason


def test_each_group_is_added_once_and_the_useful_ones_help() -> None:
    outcome = GroupAblation().run(again())
    table = written(again(), "feature_importance_analysis/group_ablation.csv").filter(pl.col("class") == "mean")
    assert table["features"].to_list() == [
        "best base model, as it is", "+ base scores", "+ k-mers", "+ genomic and other",
    ]  # fmt: skip
    assert table["count"].to_list() == [0, 6, 9, len(FEATURES)]
    assert table["gain_lower"][1] > 0
    sentences = [note.text for note in outcome.findings]
    assert "Adding k-mers" in sentences[1]
    assert "they help" not in sentences[1]
    assert "40 rounds" in outcome.reason


def test_the_learning_curve_rises_over_nested_draws() -> None:
    outcome = LearningCurve().run(again())
    table = written(again(), "overfitting_analysis/learning_curve.csv").filter(pl.col("class") == "mean")
    assert table["share"].to_list() == list(SHARES)
    assert table["genes"].is_sorted()
    assert table["genes"][-1] == 60
    assert table["average_precision"][-1] > table["average_precision"][0]
    assert outcome.status is Status.PASSED
    scores = again().scores
    drawn = [drawn_rows(scores, share, seed=0) for share in SHARES]
    assert all((small <= large).all() for small, large in pairwise(drawn))
    assert set(scores.folds[drawn[0]]) == set(scores.folds)
    assert not set(scores.families[drawn[1]]) & set(scores.families[~drawn[1]])


def test_shuffled_labels_are_at_chance_and_a_leak_is_a_finding() -> None:
    assert ShuffledLabels().run(again()).status is Status.PASSED
    leaking = replace(again(), retrainer=Cheater(), writer=MemoryWriter())
    outcome = ShuffledLabels().run(leaking)
    assert outcome.status is Status.FINDING
    assert "no figure of this run can be trusted" in outcome.findings[0].text
    assert written(leaking, "overfitting_analysis/shuffled_labels.csv")["p_value"].to_list() == [1 / 200] * 2


def test_shuffling_keeps_the_labels_of_each_gene() -> None:
    rng = np.random.default_rng(0)
    genes, labels = rng.integers(0, 9, 400), rng.integers(0, 3, 400).astype(np.uint8)
    shuffled = shuffle_within(labels, genes, np.argsort(genes, kind="stable"), rng)
    assert (shuffled != labels).any()
    for gene in range(9):
        assert sorted(shuffled[genes == gene]) == sorted(labels[genes == gene])


def test_a_row_is_scored_without_the_labels_of_its_fold() -> None:
    retrainer, result = again().retrainer, quick()
    assert isinstance(retrainer, Retrainer)
    labels, held_out = result.oof["label"].to_numpy().copy(), (result.oof["fold"] == 0).to_numpy()
    before = retrainer.retrain(FEATURES, labels=labels)
    labels[held_out] = (labels[held_out] + 1) % 3
    after = retrainer.retrain(FEATURES, labels=labels)
    assert (before[held_out] == after[held_out]).all()
    assert (before[~held_out] != after[~held_out]).any()
    some = np.arange(len(labels)) % 2 == 0
    assert (retrainer.retrain(FEATURES, rows=some) != before).any()


def test_equal_runs_write_equal_bytes() -> None:
    def files() -> dict[str, bytes]:
        retrainer, _ = make_retrainer(quick(), NamedTable(simulated()[1]), budget=10**12, threads=1)
        asked = quick().config.model_copy(update={"analyses": ("group-ablation", "shuffled-labels")})
        context = replace(context_of(replace(quick(), config=asked)), retrainer=retrainer, writer=MemoryWriter())
        assert not run_analyses(context).failed
        return context.writer.files

    assert files() == files()


@pytest.mark.parametrize(("rounds", "rate"), [(200, 0.05), (1000, 0.1), (20, 0.4)])
def test_the_cheap_setting_has_fewer_and_faster_rounds(rounds: int, rate: float) -> None:
    cheap = TrainingConfig(n_estimators=rounds, learning_rate=rate, rounds="cross-validation").cheaper(ROUNDS)
    assert cheap.section.n_estimators == min(rounds, ROUNDS)
    assert rate <= cheap.section.learning_rate <= max(FASTEST, rate)
    assert cheap.rounds == "fixed"


@pytest.mark.parametrize("seed", range(5))
def test_precision_of_counts_equals_that_of_rows(seed: int) -> None:
    rng = np.random.default_rng(seed)
    positive, score, weight = rng.random(200) < 0.2, rng.integers(0, 30, 200), rng.uniform(0.5, 9, 200)
    falling = np.unique(-score, return_inverse=True)[1]
    positives = np.bincount(falling, weight * positive)
    found = precision_of_counts(positives, np.bincount(falling, weight) - positives)
    assert found == pytest.approx(average_precision(positive, score, weight).value, rel=1e-12)
    assert precision_of_counts(np.zeros(3), np.ones(3)) is None


def test_a_figure_that_heavy_rows_decide_is_none_with_a_reason() -> None:
    result = trained()
    first = int(np.flatnonzero(result.oof["label"].to_numpy() == 0)[0])
    weight = np.ones(result.oof.height, np.float32)
    weight[first] = 5000
    heavy = replace(result, oof=result.oof.with_columns(pl.Series("weight", weight)))
    sound = np.eye(3)[result.oof["label"].to_numpy()] * 0.9 + 0.05
    unsound = sound.copy()
    unsound[first] = (0.0, 1.0, 0.0)
    compare = Comparer(Scores(heavy), samples=20, seed=0)
    one, other = compare(sound), compare(unsound)
    assert (one.value("donor"), other.value("donor"), other.value("mean")) == (1.0, None, None)
    assert other.value("acceptor") == 1.0
    gain, bounds = other.minus(one, "mean")
    assert (gain, bounds.lower) == (None, None)
    assert "a few heavy rows decide" in str(bounds.reason)
    assert other.interval("donor").lower is None
