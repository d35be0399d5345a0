"""The small parts, each beside the shortest way there by the libraries alone; ratios are in brackets.

    python -m pip install '.[test,benchmark]'
    python -m pytest -n 0 benchmarks/parts.py [--table TABLE] [--rounds 50] [--shap-rows 500]

TABLE is a file or folder of Parquet; without it, it is the demo table. Groups: *reader* (all features as float32, the
peer holds them all at once), *matrix* (the quantised matrix; the peer from floats in memory), *oof* (out-of-fold scores
of all rows from those of the folds), *bootstrap* (average precision of 200 resamples of families), *shap*
and *prediction* (probabilities of 10,000 rows).
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest
import xgboost as xgb
from sklearn.metrics import average_precision_score

from meta_models.analysis.attribution.contributions import explain, parts_of
from meta_models.config import TrainingConfig
from meta_models.dataset.demo import write_demo_table
from meta_models.dataset.positions import read_positions
from meta_models.dataset.reading.open import open_dataset
from meta_models.learners.registry import LEARNERS
from meta_models.learners.seam import FitJob, Fitted, Resources, TrainingRows
from meta_models.learners.xgboost.predictor import BoosterPredictor
from meta_models.metrics import Draws, RankingStatistic, family_bootstrap
from meta_models.model import ModelInfo, SingleModel
from meta_models.progress import Progress
from meta_models.training.fitting.folds import make_folds
from meta_models.training.fitting.one_vs_rest import FittedProblem, Problem, held_out_jobs
from meta_models.training.fitting.rows.audit import audit_features

CONFIG = TrainingConfig.from_mapping({"n_estimators": 50})
SECTION = CONFIG.section
PARAMETERS = {
    "objective": "binary:logistic",
    "max_depth": SECTION.max_depth,
    "learning_rate": SECTION.learning_rate,
    "subsample": SECTION.subsample,
    "colsample_bytree": SECTION.colsample,
}
RESAMPLES, PREDICTED = 200, 10_000


@pytest.fixture(scope="module")
def given(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """A table, its features in memory, and a model of three boosters."""
    folder = tmp_path_factory.mktemp("table")
    source = request.config.getoption("--table") or write_demo_table(folder / "demo")
    dataset = open_dataset(Path(source), work_dir=folder / "work")
    positions = read_positions(dataset)
    x = pl.read_parquet([f.path for f in dataset.files]).select(pl.col(dataset.features).cast(pl.Float32)).to_numpy()
    x, labels = np.ascontiguousarray(x), positions.labels
    matrix = xgb.QuantileDMatrix(x)
    boosters = []
    for k in range(3):
        matrix.set_label((labels == k).astype(np.float32))
        boosters.append(xgb.train(PARAMETERS, matrix, request.config.getoption("--rounds")))
    info = ModelInfo(strategy="single_model", genes=(), families=(), base_models=("main",), weighting="none")
    model = SingleModel(BoosterPredictor(boosters), dataset.features, info=info)
    explained = np.arange(min(request.config.getoption("--shap-rows"), len(x)))
    return SimpleNamespace(
        dataset=dataset, positions=positions, x=x, labels=labels, boosters=boosters, model=model, explained=explained
    )


@pytest.mark.benchmark(group="reader")
def test_reader(benchmark: Any, given: SimpleNamespace) -> None:
    rows = benchmark(lambda: sum(len(chunk) for chunk in given.dataset.iter_matrix(given.dataset.features)))
    assert rows == len(given.x)


@pytest.mark.benchmark(group="reader")
def test_reader_polars(benchmark: Any, given: SimpleNamespace) -> None:
    files, columns = [f.path for f in given.dataset.files], pl.col(given.dataset.features).cast(pl.Float32)
    assert len(benchmark(lambda: pl.read_parquet(files).select(columns).to_numpy(order="c"))) == len(given.x)


@pytest.mark.benchmark(group="matrix")
def test_matrix(benchmark: Any, given: SimpleNamespace) -> None:
    features, rows = given.dataset.features, np.arange(len(given.x))

    def build() -> int:
        sample = audit_features(given.dataset, features, rows, Progress("")).sample
        table = TrainingRows(given.dataset, features, sample)
        with LEARNERS["xgboost"].prepare(table, SECTION, Resources(threads=2)) as prepared:
            return prepared.matrix.num_row()

    assert benchmark(build) == len(given.x)


@pytest.mark.benchmark(group="matrix")
def test_matrix_xgboost(benchmark: Any, given: SimpleNamespace) -> None:
    assert benchmark(lambda: xgb.QuantileDMatrix(given.x, nthread=2)).num_row() == len(given.x)


def _fitted(given: SimpleNamespace) -> FittedProblem:
    folds = make_folds(given.positions, CONFIG)
    problem = Problem(given.labels, given.positions.weights, folds, CONFIG)
    jobs = held_out_jobs(problem, range(folds.n_folds))

    def scored(job: FitJob) -> Fitted:
        scores = np.zeros((int(job.score.sum()), len(job.targets), 1), np.float32)
        return Fitted(given.model.predictor, scores, (50,), 50)

    return FittedProblem(problem, jobs, [], {job.name: scored(job) for job in jobs})


@pytest.mark.benchmark(group="oof")
def test_oof(benchmark: Any, given: SimpleNamespace) -> None:
    assert benchmark(_fitted(given).scores).shape == (len(given.x), 3)


@pytest.mark.benchmark(group="oof")
def test_oof_numpy(benchmark: Any, given: SimpleNamespace) -> None:
    fit = _fitted(given)

    def assemble() -> np.ndarray:
        scores = np.zeros((len(given.x), 3))
        for job in fit.held_out:
            scores[job.score, job.targets[0]] = fit.fitted[job.name].scores[:, 0, 0]
        return scores

    assert benchmark(assemble).shape == (len(given.x), 3)


@pytest.mark.benchmark(group="bootstrap")
def test_bootstrap(benchmark: Any, given: SimpleNamespace) -> None:
    _, family = np.unique(given.positions.relatives(), return_inverse=True)
    score = given.positions.frame["donor_score"].to_numpy()

    def intervals() -> np.ndarray:
        statistic = RankingStatistic(given.labels == 1, score, None, family, int(family.max()) + 1)
        return family_bootstrap(statistic, Draws.make(statistic.n_families, RESAMPLES, 0))["average_precision"]

    assert len(benchmark(intervals)) == RESAMPLES


@pytest.mark.benchmark(group="bootstrap")
def test_bootstrap_sklearn(benchmark: Any, given: SimpleNamespace) -> None:
    families = given.positions.relatives()
    rows_of = [np.flatnonzero(families == family) for family in np.unique(families)]
    score, truth = given.positions.frame["donor_score"].to_numpy(), given.labels == 1

    def intervals() -> list[float]:
        rng, found = np.random.default_rng(0), []
        for _ in range(RESAMPLES):
            rows = np.concatenate([rows_of[k] for k in rng.integers(0, len(rows_of), len(rows_of))])
            found.append(average_precision_score(truth[rows], score[rows]))
        return found

    assert len(benchmark.pedantic(intervals, rounds=1)) == RESAMPLES


@pytest.mark.benchmark(group="shap")
def test_shap(benchmark: Any, given: SimpleNamespace) -> None:
    rows, parts = given.explained, parts_of(given.model)
    found = benchmark.pedantic(lambda: explain(parts, given.model, rows, given.x[rows]), rounds=3)
    assert found.largest_error < 1e-3


@pytest.mark.benchmark(group="shap")
def test_shap_xgboost(benchmark: Any, given: SimpleNamespace) -> None:
    matrix = xgb.DMatrix(given.x[given.explained])
    benchmark.pedantic(lambda: [b.predict(matrix, pred_contribs=True) for b in given.boosters], rounds=3)


@pytest.mark.benchmark(group="prediction")
def test_prediction(benchmark: Any, given: SimpleNamespace) -> None:
    x = given.x[:PREDICTED]
    assert benchmark(lambda: given.model.predict_proba(x)).shape == (len(x), 3)


@pytest.mark.benchmark(group="prediction")
def test_prediction_xgboost(benchmark: Any, given: SimpleNamespace) -> None:
    x = given.x[:PREDICTED]
    benchmark(lambda: [booster.inplace_predict(x) for booster in given.boosters])
