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


#: Rows, positions of whole genes, base models, threads and measured peak: runs of two rounds, ``--analyses
#: base-vs-meta``, whose peak was the comparison. Beside these bytes stand those of the process.
MEASURED = [
    (1_500_000, 0, 1, 1, 970_899_456),
    (500_000, 0, 3, 1, 743_876_608),
    (1_013_472, 0, 3, 2, 1_088_638_976),
    (1_500_000, 0, 3, 1, 1_166_541_824),
    (1_500_000, 0, 3, 2, 1_342_589_952),
    (20_857, 2_697_119, 1, 1, 834_152_448),
    (20_857, 2_697_119, 3, 1, 1_171_937_280),
    (20_857, 2_697_119, 3, 2, 1_298_722_816),
    (30_302, 536_196, 3, 1, 663_988_224),
    (30_302, 536_196, 3, 2, 772_206_592),
    (3_753_372, 0, 3, 1, 2_000_000_000),
    (3_610_190, 0, 3, 2, 2_334_393_344),
]


@pytest.mark.parametrize(("rows", "scored_rows", "bases", "threads", "measured"), MEASURED)
def test_the_comparison_takes_what_was_measured(
    profile: DatasetProfile, rows: int, scored_rows: int, bases: int, threads: int, measured: int
) -> None:
    models = ("main", "other", "third")[:bases]
    found = replace(profile, rows=rows, features=16, scored_rows=scored_rows, base_models=models)
    predicted = PROCESS + analysis_needs(found, TrainingConfig(analyses=("base-vs-meta",)), threads).bytes
    assert 0.95 * measured < predicted < 1.25 * measured


def test_of_many_rows_the_comparison_takes_most(profile: DatasetProfile) -> None:
    def needed(analyses: str, threads: int) -> int:
        return analysis_needs(profile, TrainingConfig(analyses=(analyses,)), threads).bytes

    alone = 80_000_000 + 80_000_000 + 80_000_000 + (160 + 100) * 3_729_279
    assert needed("base-vs-meta", 1) == needed("default", 1) == needed("all", 1) == alone
    assert needed("base-vs-meta", 2) == needed("default", 2) == alone + 80_000_000 + 100 * 3_729_279


@pytest.mark.parametrize(
    ("analyses", "threads", "drawing"),
    [("default", 1, 210_000_000), ("default", 2, 390_000_000), ("shap", 2, 390_000_000)],
)
def test_of_few_rows_feature_values_and_pictures_do(
    profile: DatasetProfile, analyses: str, threads: int, drawing: int
) -> None:
    few, asked = replace(profile, rows=100_000), TrainingConfig(analyses=(analyses,))
    values = next(analysis for analysis in ANALYSES if analysis.code == "shap").value_bytes(100_000, 1_167, asked)
    assert analysis_needs(few, asked, threads).bytes == (160 + 180) * 100_000 + drawing + values


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
    assert alone.bytes == 80_000_000 + (180 + 4 * 1_167) * 3_729_279
    assert none.bytes == 2 * 80_000_000 + 260 * 3_729_279
    assert needs_of([Greedy(), *ANALYSES], profile, config, 1).bytes > alone.bytes
