"""Every strategy leaves the same artifacts behind, and every run can be analysed further without training."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from browser import needs_chromium, probed
from tables import make_frame, write_table

from meta_models.analysis.plots import style
from meta_models.analysis.registry import ANALYSES
from meta_models.cli import main
from meta_models.training.fitting import fit_table
from meta_models.training.strategies import STRATEGIES

OPTIONS = [
    "--n-estimators", "8", "--n-folds", "3", "--bootstrap-samples", "20", "--shap-rows", "60", "--threads", "1",
    "--permutation-rows", "90", "--max-genes-per-batch", "14",
]  # fmt: skip
ENSEMBLE_ONLY = {
    "ensemble_batches.csv", "ensemble_cv_results.csv", "feature_importance_analysis/member_ranks.csv",
    "overfitting_analysis/batches_and_ensemble.csv", "shap_analysis/member_weights.tsv",
}  # fmt: skip
#: What XGBoost alone has: its fits have curves, `incremental` is another learner's.
OF_BOOSTERS = {"fits_xgboost.json", *(f"overfitting_analysis/loss_curves.{kind}" for kind in ("csv", "png", "pdf"))}
#: Those that need no cluster: what workers hold together ends as a single model (tests/cluster/test_shards.py).
NAMES = tuple(name for name, strategy in STRATEGIES.items() if not strategy.needs_cluster)
#: What training leaves for a later analysis and for --resume; no result of the run.
WORKING = ("units/", "fold_models/")


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_table(tmp_path_factory.mktemp("table"), make_frame(n_genes=42), files=2)


@contextmanager
def unrendered() -> Iterator[None]:
    """Figures are made but not drawn, which takes most of the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(style, "settled", lambda figure: figure)
        patch.setattr(style, "png_bytes", lambda figure: b"\x89PNG\r\n\x1a\n")
        patch.setattr(style, "pdf_bytes", lambda pages: b"%PDF")
        yield


@pytest.fixture(scope="module")
def runs(table: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A finished run of every strategy, with the default analyses."""
    folder = tmp_path_factory.mktemp("runs")
    for name in NAMES:
        options = ["--learner", "sgd", *OPTIONS[2:]] if name == "incremental" else OPTIONS
        command = ["train", "--dataset", str(table), "--out-dir", str(folder / name), "--strategy", name, *options]
        with unrendered():
            assert main(command) == 0
    return {name: folder / name for name in NAMES}


def artifacts(run_dir: Path) -> set[str]:
    listed = json.loads((run_dir / "run_manifest.json").read_text())["artifacts"]
    return {name for name in listed if not name.startswith(WORKING)}


def statuses(run_dir: Path) -> dict[str, str]:
    return {o["code"]: o["status"] for o in json.loads((run_dir / "analysis_outcomes.json").read_text())}


def test_all_strategies_leave_the_same_artifacts(runs: dict[str, Path]) -> None:
    found = {name: artifacts(run_dir) for name, run_dir in runs.items()}
    for name in NAMES:
        assert STRATEGIES[name].model_file in found[name]
        found[name] -= {STRATEGIES[name].model_file}
    assert found["batch_ensemble"] >= ENSEMBLE_ONLY
    found["batch_ensemble"] -= ENSEMBLE_ONLY
    found["incremental"] -= {"fits_sgd.json"}
    for name in NAMES:
        assert found[name] - OF_BOOSTERS == found["single_model"] - OF_BOOSTERS, name
    assert found["single_model"] >= {"roc_curves_meta.pdf", "fixed_sites.tsv", "shap_analysis/bar.png", "model_card.md"}


def test_an_ensemble_is_analysed_further_without_its_training(
    runs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_dir = tmp_path / "copy"
    shutil.copytree(runs["batch_ensemble"], run_dir)
    before = artifacts(run_dir)
    file = run_dir / STRATEGIES["batch_ensemble"].model_file
    model = file.read_bytes()
    monkeypatch.setattr(fit_table, "train_jobs", None)
    with unrendered():
        assert main(["analyse", str(run_dir), "--analyses", "all"]) == 0
    found = statuses(run_dir)
    assert {found[analysis.code] for analysis in ANALYSES if analysis.slow} <= {"passed", "finding"}
    assert artifacts(run_dir) > before
    assert file.read_bytes() == model


@pytest.mark.slow
@needs_chromium
@pytest.mark.parametrize("name", ["single_model", "batch_ensemble"])
def test_the_report_of_all_analyses_works_in_a_browser(name: str, table: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    command = ["train", "--dataset", str(table), "--out-dir", str(out), "--strategy", name, *OPTIONS]
    assert main([*command, "--threads", "2", "--analyses", "all"]) == 0
    page = (out / "report.html").read_text(encoding="utf-8")
    outcomes = json.loads((out / "analysis_outcomes.json").read_text())
    pictures = sum(file.endswith(".png") for outcome in outcomes for file in outcome["artifacts"])
    assert pictures > 20
    for width in (390, 1280):
        folder = tmp_path / str(width)
        folder.mkdir()
        assert probed(page, folder, width=width) == (f"PROBE {pictures} true 0 0 0", "")
