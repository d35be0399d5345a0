"""One model over shards in processes of this machine: the splits of one process, also where a process dies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import shard_faults
import xgboost as xgb
from tables import make_frame
from training_tasks import Processes, make_task

from meta_models.errors import UnitsFailed
from meta_models.learners.seam import FitJob, Fitted
from meta_models.model.single import SingleModel
from meta_models.result import TrainingResult, probability_columns
from meta_models.run_folder import UnitStore
from meta_models.training.distributed import run
from meta_models.training.distributed.common import Common
from meta_models.training.distributed.run import train_over_shards
from meta_models.training.fitting.fit_table import fit_jobs
from meta_models.training.fitting.task import TrainingTask
from meta_models.training.fitting.unit_codec import unit_key
from meta_models.training.strategies import STRATEGIES
from meta_models.workers import Ended, Executor
from meta_models.workers.executor import died

DISTRIBUTED, SINGLE = STRATEGIES["distributed"], STRATEGIES["single_model"]
#: Largest difference of a score: sums over rows have another order.
TOLERANCE = 1e-6


def splits(payload: bytes) -> pl.DataFrame:
    columns = ["Tree", "Node", "Feature", "Split"]
    return pl.from_pandas(xgb.Booster(model_file=bytearray(payload)).trees_to_dataframe()[columns])


def files(units: UnitStore) -> dict[tuple[str, str], bytes]:
    paths = [path for name in units.names() for path in (units.folder / name).iterdir() if path.name != "timing.json"]
    return {(path.parent.name, path.name): path.read_bytes() for path in paths}


def trees(result: TrainingResult) -> list[bytes]:
    models = [result.model, *(result.fold_models[fold] for fold in sorted(result.fold_models))]
    assert all(isinstance(model, SingleModel) for model in models)
    return [payload for model in models for _, payload in sorted(model.predictor.files().items())]


def a_task(folder: Path, frame: pl.DataFrame) -> TrainingTask:
    options = {"rounds": "fixed", "n_estimators": 15, "early_stopping_rounds": 3, "learning_rate": 0.9}
    return make_task(folder, frame, row_draws="row-number", **options)


def jobs_of(task: TrainingTask) -> list[FitJob]:
    """Some whose training rows, whose stop rows and whose sites all lie in one half of the table, and one of stages."""
    n = task.dataset.n_rows
    rows, sites, nothing = np.arange(n), task.positions.labels == 1, np.zeros(n, bool)
    late, last = rows >= n // 2, rows >= n - n // 4
    return [
        FitJob("late-donor", 0, (1,), late, nothing, ~late),
        FitJob("bare-donor", 1, (1,), ~sites, nothing, sites),
        FitJob("half-donor", 2, (1,), ~(sites & late), nothing, nothing),
        FitJob("stopping-acceptor", 3, (2,), ~last, last, nothing),
        FitJob("staged-neither", 4, (0,), rows % 3 > 0, nothing, rows % 3 == 0, (2, 5)),
    ]


def over_two(task: TrainingTask, folder: Path) -> dict[str, Fitted]:
    folder.mkdir()
    own = replace(task, farm=Processes(2), units=UnitStore(folder / "units"))
    jobs = jobs_of(task)
    return train_over_shards(own, Common(own, None, jobs), folder, jobs, "test")


@pytest.fixture(scope="module")
def frame() -> pl.DataFrame:
    return make_frame(n_genes=24, n_features=6)


@pytest.fixture(scope="module")
def undisturbed(frame: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Fitted], UnitStore]:
    folder = tmp_path_factory.mktemp("undisturbed")
    fitted = over_two(a_task(folder, frame), folder / "shards")
    return fitted, UnitStore(folder / "shards" / "units")


def test_shards_give_the_splits_of_one_process(
    tmp_path: Path, frame: pl.DataFrame, undisturbed: tuple[dict[str, Fitted], UnitStore]
) -> None:
    task = a_task(tmp_path, frame)
    assert 0 < task.config.section.subsample < 1
    here, there = fit_jobs(task, jobs_of(task), "test"), undisturbed[0]
    for job in jobs_of(task):
        one, other = there[job.name], here[job.name]
        assert splits(one.predictor.files()["target_0.ubj"]).equals(splits(other.predictor.files()["target_0.ubj"]))
        assert (one.rounds, one.stages) == (other.rounds, other.stages)
        np.testing.assert_allclose(one.scores, other.scores, atol=TOLERANCE)
        for name, curve in one.curves.items():
            assert curve == pytest.approx(other.curves[name], abs=TOLERANCE)
    assert there["stopping-acceptor"].rounds < 15
    assert there["staged-neither"].stages == (2, 5)


def test_the_strategy_gives_what_the_single_model_gives(tmp_path: Path, frame: pl.DataFrame) -> None:
    """All rows in each round: XGBoost has its own loss then, and the single model is as it is without shards."""
    options = {"rounds": "fixed", "n_estimators": 8, "subsample": 1.0}
    here = SINGLE.train(make_task(tmp_path / "here", frame, **options))
    task = make_task(tmp_path / "shards", frame, "distributed", **options)
    there = DISTRIBUTED.train(task)
    pairs = list(zip(trees(there), trees(here), strict=True))
    assert len(pairs) == 12
    assert all(splits(one).equals(splits(other)) for one, other in pairs)
    columns = probability_columns("raw")
    scores = [result.oof.select(columns).to_numpy() for result in (there, here)]
    np.testing.assert_allclose(*scores, atol=TOLERANCE)
    assert there.model.info.strategy == "distributed"
    assert not [path for path in (tmp_path / "shards").iterdir() if "shards" in path.name]

    again = DISTRIBUTED.train(replace(task, farm=_Idle(2)))
    assert trees(again) == trees(there)
    kept = [unit_key(replace(task, farm=Processes(slots)), jobs_of(task)[0])["kept"] for slots in (2, 3)]
    assert kept == ["in 2 shards", "in 3 shards"]


class _Idle(Processes):
    """A farm for fits that are finished."""

    def executor(self, *_: Any, **__: Any) -> Executor[Any, Any]:
        raise AssertionError("nothing is left to be done")


def test_a_process_that_dies_is_replaced_and_the_bytes_are_the_same(
    tmp_path: Path, frame: pl.DataFrame, undisturbed: tuple[dict[str, Fitted], UnitStore],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    told, warned = dict[int, int](), list[str]()
    monkeypatch.setattr(run, "_tell", lambda ended: told.update({ended.value.number: ended.value.sessions}))
    monkeypatch.setattr(run.logger, "warning", lambda text, *values: warned.append(text % values))
    monkeypatch.setattr(run, "hold_shard", shard_faults.killed_once)
    over_two(a_task(tmp_path, frame), tmp_path / "shards")
    assert files(UnitStore(tmp_path / "shards" / "units")) == files(undisturbed[1])
    assert warned == [
        "shard-2-of-2 died and is made anew; the fit in hand begins again: Its process was killed by SIGKILL"
    ]
    assert told == {0: 2, 1: 1}  # the first kept what it held


class _Dying(Executor[Any, Any]):
    """Work whose process dies at once."""

    def __init__(self) -> None:
        self.started: list[str] = []
        self._running: list[Any] = []

    def start(self, name: object, argument: Any) -> None:
        self.started.append(str(name))
        self._running.append(argument)

    def ended(self, *, timeout: float | None = None) -> Sequence[Ended[Any, Any]]:
        work = self._running.pop()
        return [Ended(work, None, died(work.name, "Its process was killed by SIGKILL"))]

    def close(self) -> None:
        self._running.clear()

    def __len__(self) -> int:
        return len(self._running)


def test_a_process_that_dies_again_and_again_is_given_up(tmp_path: Path, frame: pl.DataFrame) -> None:
    class Deadly(Processes):
        dying = _Dying()

        def executor(self, *_: Any, **__: Any) -> Executor[Any, Any]:
            return self.dying

    farm, task = Deadly(1), a_task(tmp_path, frame)
    jobs = jobs_of(task)
    with pytest.raises(UnitsFailed, match=r"shard-1-of-1 must finish\. Its process was killed by SIGKILL.*--resume"):
        train_over_shards(replace(task, farm=farm), Common(task, None, jobs), tmp_path, jobs, "test")
    assert farm.dying.started == ["shard-1-of-1"] * 3
    assert not len(farm.dying)
