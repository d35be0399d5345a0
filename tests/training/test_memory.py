"""Predicted peaks: what they depend on. That they are right is shown by ``benchmarks/memory.py``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tables import make_frame
from training_tasks import make_task

from meta_models.analysis.runner import analysis_needs
from meta_models.config import TrainingConfig
from meta_models.dataset.profile import DatasetProfile
from meta_models.learners.seam import Resources
from meta_models.training.memory import PROCESS, most_mined
from meta_models.training.strategies import STRATEGIES

REFERENCE = {"rows": 3_729_279, "features": 1_167, "genes": 9_280}
FEW = TrainingConfig(analyses=("base-vs-meta",))


def profile_peak(profile: DatasetProfile, config: TrainingConfig, threads: int) -> int:
    needs = analysis_needs(profile, config, threads)
    return STRATEGIES["single_model"].predict_peak(profile, config, Resources(threads), needs=needs)


def external_memory_peak(profile: DatasetProfile, config: TrainingConfig, threads: int) -> int:
    needs = analysis_needs(profile, config, threads)
    return STRATEGIES["external_memory"].predict_peak(profile, config, Resources(threads), needs=needs)


@pytest.fixture
def profile(tmp_path: Path) -> DatasetProfile:
    """A table of the reference size."""
    counts = {"neither": 3_529_279, "donor": 100_000, "acceptor": 100_000}
    return replace(make_task(tmp_path, make_frame(n_genes=20)).profile, **REFERENCE, class_counts=counts)


def test_the_reference_size_is_a_laptops_job(profile: DatasetProfile) -> None:
    config = TrainingConfig()
    assert profile_peak(profile, config, 2) < 2.1 * profile.rows * profile.features + 2e9 < 12e9
    assert external_memory_peak(profile, config, 2) < 5e9


def test_a_row_costs_its_values_and_a_little(profile: DatasetProfile) -> None:
    twice = replace(profile, rows=2 * profile.rows)
    per_row = (profile_peak(twice, FEW, 2) - profile_peak(profile, FEW, 2)) / profile.rows
    assert 0 < per_row - 2.1 * profile.features < 1000


def test_analyses_count_where_they_are_the_peak(profile: DatasetProfile) -> None:
    small = replace(profile, rows=50_000)
    assert PROCESS < profile_peak(small, FEW, 2) < profile_peak(small, TrainingConfig(), 2)
    again = TrainingConfig(analyses=("default", "learning-curve"))
    assert profile_peak(profile, again, 2) > profile_peak(profile, TrainingConfig(), 2)


@pytest.mark.parametrize("other", ["pool_rows", "scored_rows"])
@pytest.mark.parametrize("peak", [profile_peak, external_memory_peak])
def test_other_tables_count(profile: DatasetProfile, other: str, peak: object) -> None:
    assert callable(peak)
    counts = {"neither": 48_000, "donor": 1_000, "acceptor": 1_000}
    small = replace(profile, rows=50_000, features=100, class_counts=counts)
    assert peak(replace(small, **{other: 20_000_000}), FEW, 2) > peak(small, FEW, 2) + 2e9


def test_histograms_of_deep_trees_count(profile: DatasetProfile) -> None:
    """16 bytes for each bin of each node that is split, in each of two boosters at a time."""
    groups, counts = {"k-mer": 2_000, "context": 2_000}, {"neither": 180_000, "donor": 10_000, "acceptor": 10_000}
    wide = replace(profile, rows=200_000, features=4_000, features_by_group=groups, class_counts=counts)
    flat, deep = (TrainingConfig(analyses=FEW.analyses, max_depth=depth) for depth in (6, 7))
    bins = 2_000 * 256 + 2_000 * 16
    for threads in (1, 2):
        assert profile_peak(wide, deep, threads) - profile_peak(wide, flat, threads) == 16 * bins * 64 * threads
    assert external_memory_peak(wide, deep, 2) - external_memory_peak(wide, flat, 2) == 16 * bins * 64


def test_threads_count(profile: DatasetProfile) -> None:
    assert profile_peak(profile, FEW, 16) > profile_peak(profile, FEW, 1)


def test_a_base_model_costs_what_a_run_showed(profile: DatasetProfile) -> None:
    """3,610,190 x 1,142 with three base models in pages took 2.32 GB, 1,013,472 x 9 took 1.09 GB."""
    three = replace(profile, base_models=("main", "other", "third"))
    shapes = ((3_610_190, 1_142), (1_013_472, 9))
    peaks = [external_memory_peak(replace(three, rows=rows, features=width), FEW, 2) for rows, width in shapes]
    assert 2.32e9 < peaks[0] < 1.25 * 2.32e9
    assert 1.09e9 < peaks[1] < 1.25 * 1.09e9


def test_a_student_is_fitted_to_copies_of_rows_too(profile: DatasetProfile, tmp_path: Path) -> None:
    plain = TrainingConfig(strategy="single_model", analyses=FEW.analyses)
    student = plain.model_copy(update={"teacher": tmp_path})
    assert most_mined(profile, plain) == 0
    assert most_mined(profile, student) == profile.rows // 2
    assert profile_peak(profile, student, 1) > 1.3 * profile_peak(profile, plain, 1)


def test_margins_of_an_earlier_model_are_held(profile: DatasetProfile) -> None:
    begun = FEW.model_copy(update={"init_from": (Path("run"),)})
    assert profile_peak(profile, begun, 1) - profile_peak(profile, FEW, 1) == 12 * REFERENCE["rows"]
    staged = FEW.model_copy(update={"stages": Path("stages.yaml")})
    more = 24 * (FEW.n_folds + 1) * REFERENCE["rows"]
    assert profile_peak(profile, staged, 1) - profile_peak(profile, FEW, 1) == more
