"""Which device is chosen and why; with a GPU, that it trains what the CPU trains."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import xgboost as xgb
from sklearn.metrics import average_precision_score
from tables import make_frame
from training_tasks import make_task

from meta_models.cli import main
from meta_models.config import TrainingConfig
from meta_models.errors import ExitCode, MemoryBudgetError, UsageError
from meta_models.inference.ensemble_model_loader import load_model_with_ensemble_support
from meta_models.learners.registry import LEARNERS
from meta_models.learners.seam import Shape
from meta_models.learners.xgboost.memory import device_bytes
from meta_models.resources import Gpu, NoGpu
from meta_models.training import devices
from meta_models.training.devices import DEVICE_SHARE, choose_device, present_gpu
from meta_models.training.fitting.running import run_jobs as boosters
from meta_models.training.fitting.running.cores import worker_count
from meta_models.training.strategies import STRATEGIES
from meta_models.workers import run_jobs

CARD = Gpu("Card", 24_000_000_000)
ABSENT = NoGpu("there is none")


@pytest.mark.parametrize(
    ("options", "gpu", "name", "reason"),
    [
        ({}, CARD, "cuda", "of 21.6 GB of Card"),
        ({}, ABSENT, "cpu", "there is none"),
        ({}, Gpu("Small", 3_000_000_000), "cpu", "would need"),
        ({"device": "cpu"}, CARD, "cpu", "--device cpu"),
        ({"device": "cuda"}, CARD, "cuda", "of Card"),
        ({"strategy": "external_memory"}, CARD, "cpu", "on disk"),
        ({"strict_memory": True}, CARD, "cpu", "--strict-memory"),
    ],
)
def test_the_device_and_the_reason(options: dict, gpu: Gpu | NoGpu, name: str, reason: str) -> None:
    choice = choose_device(Shape(1_000_000, 1_000), TrainingConfig(**options), gpu)
    assert choice.name == name
    assert reason in choice.reason


@pytest.mark.parametrize(
    ("options", "gpu", "error", "found"),
    [
        ({}, ABSENT, UsageError, "there is none"),
        ({"strategy": "external_memory"}, CARD, UsageError, "on disk"),
        ({}, Gpu("Small", 3_000_000_000), MemoryBudgetError, "of Small"),
    ],
)
def test_a_device_that_is_asked_for_is_not_swapped(options: dict, gpu: Gpu | NoGpu, error: type, found: str) -> None:
    with pytest.raises(error, match=found):
        choose_device(Shape(1_000_000, 1_000), TrainingConfig(device="cuda", **options), gpu)


def test_the_matrix_just_fits() -> None:
    just = Gpu("Just", int(device_bytes(Shape(5_000, 7)) / DEVICE_SHARE) + 1)
    assert choose_device(Shape(5_000, 7), TrainingConfig(), just).name == "cuda"
    assert choose_device(Shape(50_000, 7), TrainingConfig(), just).name == "cpu"


def test_without_cuda_in_xgboost_the_driver_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xgb, "build_info", lambda: {"USE_CUDA": False})
    monkeypatch.setattr(devices, "find_gpu", None)
    assert "built without CUDA" in getattr(present_gpu(LEARNERS["xgboost"]), "reason", "")


def test_jobs_run_in_turn_on_a_gpu() -> None:
    assert worker_count(TrainingConfig(), 8, "cpu") == 8
    assert worker_count(TrainingConfig(), 8, "cuda") == 1


def test_the_plan_names_device_and_reason(
    demo_table: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr("meta_models.training.plan.present_gpu", lambda _: ABSENT)
    assert main(["train", "--dataset", str(demo_table), "--dry-run"]) == ExitCode.DONE
    plan = json.loads(capsys.readouterr().out)
    assert plan["device"] == {"name": "cpu", "reason": "there is none"}
    assert main(["train", "--dataset", str(demo_table), "--dry-run", "--device", "cuda"]) == ExitCode.USAGE
    assert "there is none" in capsys.readouterr().err


def test_of_several_learners_one_that_uses_a_gpu_decides_wherever_it_stands(
    demo_table: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr("meta_models.training.devices.find_gpu", lambda: CARD)
    monkeypatch.setattr(xgb, "build_info", lambda: {"USE_CUDA": True})
    for learners, device in (("logistic xgboost", "cuda"), ("xgboost logistic", "cuda"), ("logistic sgd", "cpu")):
        assert main(["train", "--dataset", str(demo_table), "--dry-run", "--learners", *learners.split()]) == 0
        assert json.loads(capsys.readouterr().out)["device"]["name"] == device


@pytest.mark.gpu
@pytest.mark.parametrize("rounds", ["fixed", "early-stopping"])
def test_a_gpu_trains_what_the_cpu_trains(
    gpu: Gpu, demo_table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rounds: str
) -> None:
    used: list[int] = []

    def counted(jobs: Sequence[Any], work: Callable[[Any], Any], *, processes: int) -> Iterator[Any]:
        used.append(processes)
        return run_jobs(jobs, work, processes=processes)

    monkeypatch.setattr(boosters, "run_jobs", counted)
    oof, models = {}, {}
    for device in ("cpu", "cuda"):
        options = {"device": device, "threads": 2, "n_estimators": 40, "rounds": rounds, "analyses": ["base-vs-meta"]}
        file = tmp_path / f"{device}.json"
        file.write_text(json.dumps(options))
        out = tmp_path / device
        code = main(["train", "--dataset", str(demo_table), "--out-dir", str(out), "--config", str(file)])
        assert code == ExitCode.DONE
        assert max(used) == (2 if device == "cpu" else 1), "forked children must not use CUDA"
        used.clear()
        oof[device] = pl.read_parquet(out / "oof_predictions.parquet")
        models[device] = load_model_with_ensemble_support(out / "model_multiclass.pkl")
    labels = oof["cpu"]["label"].to_numpy()
    for k, name in ((1, "raw_donor"), (2, "raw_acceptor")):
        cpu, cuda = (average_precision_score(labels == k, oof[d][name].to_numpy()) for d in ("cpu", "cuda"))
        assert abs(cpu - cuda) < 0.02
    frame = pl.read_parquet(demo_table / "batch_00001.parquet")
    difference = models["cpu"].predict_proba(frame) - models["cuda"].predict_proba(frame)
    assert np.abs(difference).mean() < 0.02
    assert json.loads((tmp_path / "cuda" / "run_manifest.json").read_text())["lines"]["plan"][1].startswith(
        "Device: cuda"
    )


@pytest.mark.gpu
def test_scores_of_a_gpu_are_those_of_its_model_on_the_cpu(gpu: Gpu, tmp_path: Path) -> None:
    """Rows held out are scored from XGBoost's cache on the GPU; the stored booster must say the same on the CPU."""
    task = make_task(tmp_path, make_frame(), device="cuda", n_estimators=12, calibrate=False)
    result = STRATEGIES["single_model"].train(task)
    features = task.dataset.read_rows(np.arange(task.dataset.n_rows), task.features)
    for fold, model in result.fold_models.items():
        rows = result.oof["fold"].to_numpy() == fold
        scored = result.oof.filter(rows).select("raw_neither", "raw_donor", "raw_acceptor").to_numpy()
        np.testing.assert_allclose(model.predict_proba(features[rows]), scored, atol=1e-5)
