"""Later stages: what they are trained on, where they begin, and when they are kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tables import make_frame
from training_tasks import make_task

from meta_models.errors import InputError
from meta_models.learners.continued import ContinuedPredictor
from meta_models.learners.seam import FitJob, Fitted
from meta_models.metrics import Gain, Interval
from meta_models.result import TrainingResult
from meta_models.training.fitting.fit_table import ChangeJob, as_it_is
from meta_models.training.fitting.folds import Folds
from meta_models.training.fitting.one_vs_rest import FINAL, FittedProblem
from meta_models.training.fitting.task import TrainingTask
from meta_models.training.stages import train as stages_train
from meta_models.training.stages.requirements import planned_stages
from meta_models.training.stages.train import Staged, Training, kept_stage, train_stages
from meta_models.training.strategies.single_model import SingleModelStrategy


def gain(difference: float | None, lower: float | None) -> Gain:
    return Gain(difference, Interval(lower, None if lower is None else lower + 1, None))


def by_fold(*differences: float) -> dict[int, Gain]:
    return {fold: gain(value, value - 0.05) for fold, value in enumerate(differences)}


FIRST = by_fold(0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("gains", "kept"),
    [
        ([FIRST, by_fold(0.1, 0.2, 0.1)], 1),
        ([FIRST, by_fold(0.1, 0.2, 0.04)], 0),  # without fold 2 it is no more than chance
        ([FIRST, by_fold(-0.1, -0.2, -0.1)], 0),
        ([FIRST, by_fold(0.1, 0.2, 0.1), by_fold(0.2, 0.3, 0.2)], 2),
        ([FIRST, by_fold(0.1, 0.2, 0.1), by_fold(0.2, 0.1, 0.2)], 1),  # folds differ: the earliest
        ([FIRST, dict.fromkeys(range(3), gain(None, None))], 0),
    ],
)
def test_a_stage_is_kept_where_all_folds_agree_without_a_look_at_themselves(gains: Any, kept: int) -> None:
    assert kept_stage(gains, 3) == kept


class Recorder(SingleModelStrategy):
    """Keeps the jobs of later stages, and those that leave two folds out."""

    def __init__(self) -> None:
        self.later: dict[str, tuple[FitJob, FitJob]] = {}
        self.pairs: list[FitJob] = []

    def fit_jobs(self, task: TrainingTask, jobs: Sequence[FitJob], title: str) -> dict[str, Fitted]:
        self.pairs += jobs
        return super().fit_jobs(task, jobs, title)

    def round(self, task: TrainingTask, folds: Folds, change: ChangeJob) -> FittedProblem:
        def noted(job: FitJob) -> FitJob:
            changed = change(job)
            self.later[changed.name] = job, changed
            return changed

        return self._train(task, folds, None, noted)


def staged(task: TrainingTask) -> tuple[Staged, Recorder, Folds, FittedProblem]:
    recorder = Recorder()
    folds = recorder.folds(task)
    first = recorder._train(task, folds, None, as_it_is)
    training = Training(recorder.round, recorder.fit_jobs)
    return train_stages(task, folds, first, planned_stages(task, folds), training), recorder, folds, first


def task_of(folder: Path, text: str, **options: Any) -> TrainingTask:
    (folder / "stages.yaml").write_text(text, encoding="utf-8")
    options = {"rounds": "fixed", "n_estimators": 3, "threads": 1, "bootstrap_samples": 20, **options}
    return make_task(folder, make_frame(24, 20), stages=folder / "stages.yaml", **options)


@pytest.fixture(scope="module")
def hard(tmp_path_factory: pytest.TempPathFactory) -> TrainingTask:
    return task_of(tmp_path_factory.mktemp("hard"), "- hardest: 0.5\n- {where: {chrom: [chr1, chr2]}, others: 0.5}")


@pytest.fixture
def always_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stages_train, "kept_stage", lambda gains, _: len(gains) - 1)


@pytest.mark.usefixtures("always_kept")
def test_stages_are_trained_on_their_rows_from_where_the_one_before_ended(hard: TrainingTask) -> None:
    found, recorder, folds, first = staged(hard)
    given = hard.positions.weights  # a table without weights: 1
    of_chrom = planned_stages(hard, folds)[1].stratum
    for name, (job, changed) in recorder.later.items():
        if name.startswith("stage-1-"):
            assert changed.train.sum() == round(0.5 * job.train.sum())
            assert not (changed.train & ~job.train).any()
        else:
            np.testing.assert_array_equal(changed.train, job.train)
            of_train = np.where(of_chrom, given, 0.5 * given)[job.train]
            np.testing.assert_array_equal(changed.weights[job.train], of_train)
    last = found.fit.predictor(FINAL)
    assert isinstance(last, ContinuedPredictor)
    assert isinstance(last.earlier, ContinuedPredictor)
    assert last.earlier.earlier.files() == first.predictor(FINAL).files()
    own = first.predictor(0).files()
    fold = found.fit.predictor(0)
    assert isinstance(fold, ContinuedPredictor)
    assert isinstance(fold.earlier, ContinuedPredictor)
    assert fold.earlier.earlier.files() == own
    matrix = np.concatenate(list(hard.dataset.iter_matrix(hard.features)))
    rows = folds.held_out(0)
    np.testing.assert_allclose(found.fit.scores()[rows], fold.scores(matrix[rows]), atol=1e-6)
    assert [note.text.split(" minus ")[0] for note in found.notes[:2]] == [
        "Stage 1 (the 50 % of the largest loss; 240 rows of the final model)",
        "Stage 2 (chrom chr1 or chr2; others count 0.5 times; 240 rows of the final model)",
    ]


def test_hard_rows_of_the_final_model_are_those_of_the_largest_loss_out_of_fold(hard: TrainingTask) -> None:
    _, recorder, _, first = staged(hard)
    scores = first.scores()
    own = scores[np.arange(len(scores)), hard.positions.labels] / scores.sum(axis=1)
    chosen = recorder.later["stage-1-final-donor"][1].train
    assert -np.log(own[chosen].max()) >= -np.log(own[~chosen].min())


def test_rows_of_a_fold_say_nothing_of_what_its_stages_are_trained_on(hard: TrainingTask) -> None:
    _, recorder, folds, _ = staged(hard)
    assert len(recorder.pairs) == 3 * 3
    labels = hard.positions.labels.copy()
    inside = folds.held_out(0)
    labels[inside] = (labels[inside] + 1) % 3
    frame = hard.positions.frame.with_columns(label=labels)
    turned = replace(hard, positions=replace(hard.positions, frame=frame), units=hard.units.within("turned"))
    other = Recorder()
    first = other._train(turned, folds, None, as_it_is)
    train_stages(turned, folds, first, planned_stages(turned, folds), Training(other.round, other.fit_jobs))
    name = "stage-1-fold-0-donor"
    np.testing.assert_array_equal(recorder.later[name][1].train, other.later[name][1].train)
    name = "stage-1-fold-1-donor"
    assert (recorder.later[name][1].train != other.later[name][1].train).any()


def test_columns_alone_need_no_further_models(tmp_path: Path) -> None:
    _, recorder, _, _ = staged(task_of(tmp_path, "- where: {chrom: [chr1, chr2]}"))
    assert not recorder.pairs


@pytest.mark.usefixtures("always_kept")
def test_a_run_that_was_stopped_goes_on_to_the_same_model(hard: TrainingTask, tmp_path: Path) -> None:
    def model(task: TrainingTask) -> dict[str, bytes]:
        result: TrainingResult = SingleModelStrategy().train(task)
        assert any(note.text.startswith("Kept is stage 2") for note in result.notes)
        return result.model.singles[0].predictor.files()

    task = replace(hard, units=hard.units.within("stopped"), run_path=tmp_path)
    whole = model(task)
    for name in ("stage-2-final-donor", "stage-1-fold-2-neither"):
        task.units.remove(name)
    assert model(task) == whole


def test_a_stage_without_a_class_is_refused_before_it_is_trained(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"stage 1 needs rows of every class .* Of the table it has .* 0 donor"):
        staged(task_of(tmp_path, "- where: {splice_type: [acceptor, neither]}"))
