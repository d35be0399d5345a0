"""What analyses declare of their memory, added up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tables import make_frame
from training_tasks import make_task

from meta_models.analysis.framework.base import Analysis, AnalysisContext, Draws
from meta_models.analysis.framework.needs import needs_of
from meta_models.analysis.framework.outcome import Outcome
from meta_models.analysis.registry import ANALYSES
from meta_models.analysis.runner import analysis_needs
from meta_models.config import TrainingConfig
from meta_models.dataset.profile import DatasetProfile
from meta_models.training.memory import PROCESS


@pytest.fixture
def profile(tmp_path: Path) -> DatasetProfile:
    """A table of the reference size with one base model."""
    found = make_task(tmp_path, make_frame(n_genes=20)).profile
    return replace(found, rows=3_729_279, features=1_167, genes=9_280)


#: Bytes of the process and of what came after training, as they were predicted before analyses declared their own,
#: and 60 more a row since a run of 1,072,392 x 1,142 showed them.
BEFORE = [
    (("base-vs-meta",), 1, 0, 1_827_126_020),
    (("base-vs-meta",), 2, 0, 1_907_126_020),
    (("default",), 1, 0, 2_160_526_020),
    (("default",), 2, 20_000_000, 9_423_841_380),
    (("all",), 2, 0, 2_420_526_020),
    (("shap",), 1, 0, 2_160_526_020),
    (("importance",), 2, 0, 2_420_526_020),
    (("genes", "targets"), 1, 0, 1_747_126_020),
    (("learning-curve",), 2, 20_000_000, 9_190_441_380),
]


@pytest.mark.parametrize(("analyses", "threads", "scored_rows", "expected"), BEFORE)
def test_the_sum_is_what_it_was(
    profile: DatasetProfile, analyses: tuple[str, ...], threads: int, scored_rows: int, expected: int
) -> None:
    asked = TrainingConfig(analyses=analyses)
    assert PROCESS + analysis_needs(replace(profile, scored_rows=scored_rows), asked, threads).bytes == expected


def test_the_slow_ones_train_again(profile: DatasetProfile) -> None:
    for analysis in ANALYSES:
        config = TrainingConfig(analyses=(analysis.code,))
        assert analysis_needs(profile, config, 1).trains_again == analysis.slow


class Greedy(Analysis):
    """Looks at every value of the table."""

    code, title, draws = "greedy", "Greedy", Draws.NOTHING

    def run(self, context: AnalysisContext) -> Outcome:
        return self.skipped(f"nothing is run here, of {context.threads} threads")

    def value_bytes(self, rows: int, features: int, config: TrainingConfig) -> int:
        del config
        return 4 * rows * features


def test_a_new_analysis_counts_by_what_it_declares(profile: DatasetProfile) -> None:
    config = TrainingConfig()
    alone, none = needs_of([Greedy()], profile, config, 1), needs_of([], profile, config, 1)
    assert alone.bytes - none.bytes == 4 * 3_729_279 * 1_167
    assert needs_of([Greedy(), *ANALYSES], profile, config, 1).bytes > alone.bytes
