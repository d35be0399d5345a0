"""Distillation: a student of one learner is fitted to what a teacher says out of fold, never to what it was taught.

A row's scores come from the teacher's model of the fold that held the row out, and a fold's student sees those of
other folds only. (Teachers of other folds saw the genes of that fold as labels: the second-order optimism that all
cross-fitting over one set of folds has.) Calibrators are fitted to the labels, like those of any model.

References
----------
Hinton, Vinyals and Dean (2015), Distilling the knowledge in a neural network.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from meta_models.learners.seam import FitJob, TrainingRows
from meta_models.learners.seam.inputs import TrainingInputs
from meta_models.model import FittedModel
from meta_models.result import CALIBRATED, Note, TrainingResult, probability_columns
from meta_models.run_folder import scratch_folder
from meta_models.standings import Contenders, Difference, LeaderboardRecord, Pair
from meta_models.training.distillation.soft_rows import SoftRows
from meta_models.training.distillation.teacher import Teacher
from meta_models.training.fitting.fit_table import ChangeJob
from meta_models.training.fitting.folds import Folds
from meta_models.training.fitting.more_rows import cut_to_table
from meta_models.training.fitting.one_vs_rest import FittedProblem, held_out_jobs, whole_jobs
from meta_models.training.fitting.problem import audit_task, task_problem, task_rows
from meta_models.training.fitting.task import TrainingTask
from meta_models.training.several.leaderboard import base_standings, compare, member_standing, ranked
from meta_models.training.strategies.single_model import SingleModelStrategy


class StudentStrategy(SingleModelStrategy):
    """The single model, fitted to the scores of a teacher by the folds of the teacher.

    Parameters
    ----------
    teacher : Teacher
    """

    def __init__(self, teacher: Teacher) -> None:
        self._teacher = teacher

    def folds(self, task: TrainingTask) -> Folds:
        """Those of the teacher."""
        return replace(super().folds(task), of_row=self._teacher.folds)

    def _train(self, task: TrainingTask, folds: Folds, rows: TrainingInputs | None, change: ChangeJob) -> FittedProblem:
        """Fit to the teacher's scores, with the bins of the table; what comes back holds the table's rows alone."""
        del change
        own = rows or task_rows(task, audit_task(task))
        if not isinstance(own, TrainingRows):
            raise AssertionError("students that read genes are refused before")
        soft = SoftRows.of(self._teacher.probabilities)
        weights, need = soft.weights(task), 4 * len(soft.copies) * len(task.features)
        with scratch_folder(task.run_path, "copies", need=need) as folder:
            larger = soft.task(task, folder)
            of_larger = replace(own, table=larger.dataset)
            fit = super()._train(larger, soft.folds(folds), of_larger, lambda job: replace(job, weights=weights))
        return cut_to_table(_of_table(task, folds, fit), fit)


def _of_table(task: TrainingTask, folds: Folds, fit: FittedProblem) -> FittedProblem:
    """The jobs of `fit` over the table's rows."""
    problem = task_problem(task, folds)
    jobs: list[FitJob] = held_out_jobs(problem, range(folds.n_folds))
    return FittedProblem(problem, jobs, whole_jobs(problem), fit.fitted)


def distil(teacher: Teacher, task: TrainingTask) -> TrainingResult:
    """The student of `teacher`, and what it costs and saves beside it.

    Raises
    ------
    MetaModelsError
        As `TrainingStrategy.train`; InputError where the table is another one.
    """
    teacher.require_rows(task)
    student, name = StudentStrategy(teacher).train(task), task.config.learners[0]
    facts = {**student.model.info.provenance, "distilled_from": teacher.name}
    model = student.model.with_info(replace(student.model.info, provenance=facts))
    board = _board(task, name, student, teacher)
    models: Mapping[str, Mapping[int, FittedModel]] = {
        name: student.fold_models, teacher.name: teacher.result.fold_models,
    }  # fmt: skip
    known = {who: of_folds for who, of_folds in models.items() if of_folds}
    note = Note(
        "info",
        f"Fitted to the out-of-fold scores of {teacher.name}, never to scores of genes that it had seen, and scored by "
        "the same folds; calibrated on the labels.",
    )
    return replace(
        student, model=model, leaderboard=board, contenders=Contenders(known), notes=(*student.notes, note)
    )  # fmt: skip


def _board(task: TrainingTask, name: str, student: TrainingResult, teacher: Teacher) -> LeaderboardRecord:
    rows = [
        member_standing(task, name, student, None),
        member_standing(task, teacher.name, teacher.result, None, role="teacher"),
        *base_standings(task),
    ]
    own = student.oof.select(probability_columns(CALIBRATED)).to_numpy()
    loss = compare(task, teacher.probabilities.astype(np.float64), own.astype(np.float64))
    pair = Pair(name, teacher.name, Difference.of(loss))
    return ranked(LeaderboardRecord("", name, tuple(rows), None, None, None, {}, {}, pairs=(pair,)))
