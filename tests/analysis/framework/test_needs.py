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


#: Bytes of the process and of the comparison with the base models: 380 a row of the larger table, 220 of the smaller.
COMPARED = [
    (("base-vs-meta",), 1, 0, 1_827_126_020),
    (("base-vs-meta",), 2, 0, 1_907_126_020),
    (("default",), 1, 0, 1_827_126_020),
    (("default",), 2, 20_000_000, 8_910_441_380),
    (("all",), 2, 0, 1_907_126_020),
    (("learning-curve",), 2, 20_000_000, 8_910_441_380),
]


@pytest.mark.parametrize(("analyses", "threads", "scored_rows", "expected"), COMPARED)
def test_of_many_rows_the_comparison_takes_most(
    profile: DatasetProfile, analyses: tuple[str, ...], threads: int, scored_rows: int, expected: int
) -> None:
    asked = TrainingConfig(analyses=analyses)
    assert PROCESS + analysis_needs(replace(profile, scored_rows=scored_rows), asked, threads).bytes == expected


@pytest.mark.parametrize(
    ("analyses", "threads", "drawing"),
    [("default", 1, 180_000_000), ("default", 2, 360_000_000), ("shap", 2, 360_000_000)],
)
def test_of_few_rows_feature_values_and_pictures_do(
    profile: DatasetProfile, analyses: str, threads: int, drawing: int
) -> None:
    few, asked = replace(profile, rows=100_000), TrainingConfig(analyses=(analyses,))
    values = next(analysis for analysis in ANALYSES if analysis.code == "shap").value_bytes(100_000, 1_167, asked)
    assert analysis_needs(few, asked, threads).bytes == 180 * 100_000 + drawing + values


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
    assert alone.bytes == (180 + 4 * 1_167) * 3_729_279
    assert none.bytes == 80_000_000 + 380 * 3_729_279
    assert needs_of([Greedy(), *ANALYSES], profile, config, 1).bytes > alone.bytes
