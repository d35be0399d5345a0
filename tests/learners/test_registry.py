"""A learner is one file and one line: one made up here trains, is stored, served, explained and reported."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import EntryPoint, version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from meta_models.cli import main
from meta_models.errors import UsageError
from meta_models.inference.ensemble_model_loader import load_model_with_ensemble_support
from meta_models.learners.listing import list_options
from meta_models.learners.registry import GROUP, LEARNERS
from meta_models.learners.seam import (
    FitJob,
    Fitted,
    Footprint,
    Learner,
    LearnerConfig,
    MalformedModel,
    Matrix,
    Predictor,
    Prepared,
    Resources,
    Shape,
    TrainingRows,
    Traits,
)


class MeanConfig(LearnerConfig):
    """Nearest mean: one number."""

    sharpness: float = 3.0


class Means(Predictor):
    """Closeness of a row to the mean of each class, by the first three features."""

    def __init__(self, means: NDArray[np.float64], n_inputs: int) -> None:
        self.means, self.n_inputs, self.n_targets = means, n_inputs, len(means)

    def scores(self, matrix: Matrix) -> NDArray[np.float64]:
        far = ((np.nan_to_num(matrix[:, None, :3]).astype(np.float64) - self.means) ** 2).sum(2)
        near = np.exp(-far)
        return near / near.sum(1, keepdims=True)

    def files(self) -> dict[str, bytes]:
        return {"means.json": json.dumps(self.means.tolist()).encode()}

    def importances(self) -> Mapping[str, NDArray[np.float64]]:
        return {"spread": np.pad(np.abs(self.means), ((0, 0), (0, self.n_inputs - 3)))}


class PreparedMeans(Prepared):
    def __init__(self, values: Matrix) -> None:
        self.values = values

    def fit(
        self, job: FitJob, labels: NDArray[np.integer], weights: NDArray[np.float32] | None, *, threads: int
    ) -> Fitted:
        mine = [self.values[job.train & (labels == k)][:, :3].mean(0) for k in job.targets]
        predictor = Means(np.array(mine, np.float64), self.values.shape[1])
        return Fitted(predictor, predictor.scores(self.values[job.score]).astype(np.float32)[:, :, None])


class NearestMean(Learner):
    name, title, Config = "nearest_mean", "Nearest mean", MeanConfig
    traits = Traits(targets="all", weights=False)

    def footprint(self, shape: Shape, config: Any, resources: Resources) -> Footprint:
        return Footprint(4 * shape.rows * shape.features, 8 * shape.rows * shape.features, 1_000_000, 1_000)

    @contextmanager
    def prepare(self, rows: TrainingRows, config: Any, resources: Resources) -> Iterator[Prepared]:
        yield PreparedMeans(np.concatenate(list(rows.chunks())))

    def restore(self, files: Mapping[str, bytes], n_inputs: int, n_targets: int) -> Predictor:
        means = np.array(json.loads(files["means.json"]), np.float64)
        if means.shape != (n_targets, 3):
            raise MalformedModel(f"means must be {n_targets} x 3, found {means.shape}")
        return Means(means, n_inputs)


def test_one_file_is_enough(demo_table: Path, tmp_path: Path) -> None:
    options = ["--learner", "nearest_mean", "--nearest-mean.sharpness", "2"]
    small = ["--bootstrap-samples", "50"]
    with LEARNERS.with_learner(NearestMean()):
        code = main(["train", "--dataset", str(demo_table), "--out-dir", str(tmp_path / "run"), *options, *small])
        assert code == 0
        model = load_model_with_ensemble_support(str(next((tmp_path / "run").glob("*.pkl"))))
        assert model.predict_proba(np.zeros((2, model.n_features_in_))).shape == (2, 3)
    report = (tmp_path / "run" / "report.html").read_text()
    assert "Nearest mean" in report
    manifest = json.loads((tmp_path / "run" / "run_manifest.json").read_text())
    assert manifest["config"]["sections"] == {"nearest_mean": {"sharpness": 2.0}}
    with pytest.raises(UsageError, match="'nearest_mean' must be installed"):
        load_model_with_ensemble_support(str(next((tmp_path / "run").glob("*.pkl"))))


def test_a_model_file_names_the_package_of_its_learner_and_so_do_the_requirements(
    demo_table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = ["--analyses", "base-vs-meta", "--bootstrap-samples", "5"]
    monkeypatch.setattr(LEARNERS, "package", {"nearest_mean": f"pytest {version('pytest')}"}.get)
    with LEARNERS.with_learner(NearestMean()):
        options = ["--dataset", str(demo_table), "--out-dir", str(tmp_path / "run"), "--learner", "nearest_mean"]
        assert main(["train", *options, *small]) == 0
    with pytest.raises(UsageError, match=r"It came from pytest \d.*: install that package"):
        load_model_with_ensemble_support(str(tmp_path / "run" / "model_multiclass.pkl"))
    assert f"pytest=={version('pytest')}" in (tmp_path / "run" / "requirements.lock").read_text().splitlines()


def test_a_learner_that_holds_its_rows_is_refused_by_a_strategy_on_disk(
    demo_table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with LEARNERS.with_learner(NearestMean()):
        options = ["--learner", "nearest_mean", "--strategy", "external_memory", "--dry-run"]
        assert main(["train", "--dataset", str(demo_table), *options]) == 2
    assert "nearest_mean holds what it makes of the rows in memory" in capsys.readouterr().err


def test_an_unknown_learner_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UsageError, match="'xgboost' was meant"):
        LEARNERS["xgbost"]
    with pytest.raises(UsageError, match="install that package"):
        LEARNERS["nearest_mean"]


class Other(NearestMean):
    name = "other"


class MyOwn(NearestMean):
    name = "my-own"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("no_such_package:Mine", "cannot be imported: No module named 'no_such_package'"),
        ("meta_models.errors:NoSuchClass", "cannot be imported: module 'meta_models.errors' has no attribute"),
        ("meta_models.errors:ExitCode", "is no class derived from meta_models.learners.seam.learner.Learner"),
        ("meta_models.learners.seam:Learner", "lacks footprint, prepare, restore"),
        (f"{__name__}:Other", "lacks the name 'mine'"),
    ],
)
def test_a_learner_of_another_package_that_cannot_be_used_is_named_with_the_reason(
    value: str, reason: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(LEARNERS._elsewhere, "mine", EntryPoint("mine", value, GROUP))
    assert main(["learners"]) == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("mine "))
    assert "cannot be used: The entry point 'mine' of an unnamed package names a learner." in line
    assert reason in line
    for command in (["learners", "mine"], ["train", "--learner", "mine", "--dry-run"]):
        assert main(command) == 2
        assert reason in capsys.readouterr().err


def test_a_learner_whose_name_no_model_file_can_hold_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LEARNERS._elsewhere, "my-own", EntryPoint("my-own", f"{__name__}:MyOwn", GROUP))
    with pytest.raises(UsageError, match="Its name must be of lower-case letters, digits and _"):
        LEARNERS["my-own"]


@pytest.mark.parametrize("name", list(LEARNERS))
def test_the_memory_of_each_learner_is_told(name: str) -> None:
    (told,) = [line for line in list_options(name) if line.startswith("Memory: ")]
    size = "1,000 genes of 10,000,000 positions" if LEARNERS[name].traits.inputs == "genes" else "1,000,000 rows"
    assert size in told
    assert not told.startswith("Memory: 0.00")


def test_options_have_one_default(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["learners", "lightgbm"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert all(line.count("(default") == 1 for line in lines if line.startswith("  --"))


def test_options_of_a_learner_that_is_not_chosen_are_refused(
    demo_table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with LEARNERS.with_learner(NearestMean()):
        assert main(["train", "--dataset", str(demo_table), "--dry-run", "--nearest-mean.sharpness", "1"]) == 2
    assert "--learners takes xgboost" in capsys.readouterr().err


def test_learners_of_genes_are_refused_with_what_there_is(demo_table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch", reason="the extra 'neural' is not installed", exc_type=ImportError)
    assert main(["train", "--dataset", str(demo_table), "--dry-run", "--learner", "tcn"]) == 2
    assert "tcn reads whole genes. " in capsys.readouterr().err


class AbsentLibrary(NearestMean):
    name = "absent_library"

    def require_library(self) -> None:
        raise UsageError("The learner absent_library needs a library", "It is not installed", "Install the extra")


def test_an_absent_library_is_told_before_anything_is_read_or_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with LEARNERS.with_learner(AbsentLibrary()):
        options = ["--dataset", "nowhere", "--out-dir", str(tmp_path / "run"), "--learner", "absent_library"]
        assert main(["train", *options]) == 2
    assert "Install the extra" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
