"""What is told of fits that saw fewer rows than there were, or did not converge."""

from __future__ import annotations

from typing import Any

from meta_models.config import TrainingConfig
from meta_models.result import FitRecord
from meta_models.training.fit_notes import fit_notes, sample_note


def record(learner: str, **facts: Any) -> FitRecord:
    return FitRecord(-1, 0, None, 0, (), (), learner=learner, facts=facts)


def test_rows_that_a_limit_left_out_are_told_of_the_largest_fit() -> None:
    fits = [record("knn", rows=100, rows_to_draw_from=n, limit="max_references") for n in (1014, 2151, 1137)]
    told = "A fit keeps 100 of 2,151 rows (--knn.max-references): sites first, then drawn ones of the rest."
    assert list(fit_notes(fits)) == [told]


def test_fits_that_did_not_converge_are_counted() -> None:
    fits = [record("my_line", converged=done) for done in (True, False, False)]
    told = "2 of 3 fits ended at --my-line.max-iterations before they had converged."
    assert list(fit_notes(fits)) == [told]


def test_nothing_is_told_of_fits_to_all_rows() -> None:
    fits = [record("knn", rows=9, rows_to_draw_from=9), record("logistic", converged=True), record("xgboost")]
    assert list(fit_notes(fits)) == []


def test_a_wide_table_whose_bins_are_set_by_fewer_rows_than_were_asked_for_says_so() -> None:
    config = TrainingConfig(dataset="table")
    (told,) = sample_note(config, 1167, 200_000)
    assert told.startswith("42,844 rows set bins and scales, not --cut-sample-rows 100,000: of 1,167 features more")
    assert not list(sample_note(config, 500, 200_000))
    assert not list(sample_note(config, 1167, 40_000))
