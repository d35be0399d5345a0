from __future__ import annotations

import weakref
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import xgboost as xgb
from tables import make_frame
from training_tasks import make_task

from meta_models.dataset.reading.reader import Dataset
from meta_models.errors import InputError
from meta_models.learners.trees.cut_values import cut_values
from meta_models.learners.xgboost import chunk_source
from meta_models.learners.xgboost.chunk_source import pass_of_values
from meta_models.learners.xgboost.matrix import build_matrix, joined
from meta_models.learners.xgboost.missing import fill_missing
from meta_models.progress import Progress
from meta_models.training.fitting.rows.audit import audit_features, cut_sample

PARAMETERS = {"objective": "binary:logistic", "tree_method": "hist", "max_depth": 3, "nthread": 1}


def audit(task, sample_rows=None):
    rows = np.arange(task.dataset.n_rows) if sample_rows is None else sample_rows
    return audit_features(task.dataset, task.features, rows, Progress("test"))


def all_bins(task):
    return cut_values(audit(task).sample, task.config.section.max_bin)


def test_the_audit_counts_missing_values_and_takes_the_sample(tmp_path: Path) -> None:
    holes = pl.when(pl.int_range(pl.len()) % 4 == 0).then(None).otherwise(pl.col("feature_1")).alias("feature_1")
    task = make_task(tmp_path, make_frame().with_columns(holes))
    rows = np.array([3, 4, 400, 719])
    found = audit(task, rows)
    assert found.missing[task.features.index("feature_1")] == 180
    assert found.missing.sum() == 180
    expected = task.dataset.read_rows(rows, task.features)
    np.testing.assert_array_equal(found.sample, expected)


@pytest.mark.parametrize("value", [np.inf, -np.inf, 1e300])
def test_infinite_values_name_column_and_count(tmp_path: Path, value: float) -> None:
    bad = pl.when(pl.col("position") == 7).then(value).otherwise(pl.col("feature_2")).alias("feature_2")
    task = make_task(tmp_path, make_frame().with_columns(bad))
    with pytest.raises(InputError, match="'feature_2': 24 rows"):
        audit(task)


@pytest.mark.parametrize(("seen", "decoded"), [("as tried", 1), (None, 3)])
def test_the_streamed_matrix_gives_the_trees_of_the_matrix_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seen: str | None, decoded: int
) -> None:
    """The table is decoded for the one pass that looks at the values, or for all where it is not known which does."""
    if seen is None:
        monkeypatch.setattr("meta_models.learners.xgboost.matrix.pass_of_values", lambda: None)
    monkeypatch.setattr("meta_models.learners.xgboost.matrix._STAND_IN_ROWS", 77)
    opened = count_readings(monkeypatch)
    task = make_task(tmp_path, make_frame())
    bins = all_bins(task)
    streamed = build_matrix(
        task.dataset, task.features, bins, task.config.section.max_bin, threads=1, progress=Progress("test")
    )
    assert len(opened) == 1 + decoded  # one for the bins
    features = task.dataset.read_rows(np.arange(task.dataset.n_rows), task.features)
    np.testing.assert_array_equal(bins, cut_values(fill_missing(features), task.config.section.max_bin))
    reference = xgb.QuantileDMatrix(bins, max_bin=task.config.section.max_bin)
    memory = xgb.QuantileDMatrix(features, ref=reference, max_bin=task.config.section.max_bin)
    label = (task.positions.labels == 1).astype(np.float32)
    dumps = []
    for matrix in (streamed, memory):
        matrix.set_label(label)
        dumps.append(xgb.train(PARAMETERS, matrix, 5).get_dump(with_stats=True))
    assert dumps[0] == dumps[1]


def test_rows_of_weight_zero_do_not_change_the_trees(tmp_path: Path) -> None:
    """The reason why one matrix may serve all folds."""
    task = make_task(tmp_path, make_frame())
    bins = all_bins(task)
    rows = np.flatnonzero(np.arange(task.dataset.n_rows) % 3 > 0)
    mask = np.zeros(task.dataset.n_rows, bool)
    mask[rows] = True
    label = (task.positions.labels == 2).astype(np.float32)
    whole = build_matrix(
        task.dataset, task.features, bins, task.config.section.max_bin, threads=1, progress=Progress("a")
    )
    whole.set_label(label)
    whole.set_weight(mask.astype(np.float32))
    reference = xgb.QuantileDMatrix(bins, max_bin=task.config.section.max_bin)
    subset = xgb.QuantileDMatrix(
        fill_missing(task.dataset.read_rows(rows, task.features)), ref=reference, max_bin=task.config.section.max_bin
    )
    subset.set_label(label[rows])
    dumps = [xgb.train(PARAMETERS, m, 8).get_dump() for m in (whole, subset)]
    assert dumps[0] == dumps[1]


def test_the_cut_sample_is_half_high_scores_half_uniform() -> None:
    scores = np.linspace(0, 1, 10_000, dtype=np.float32)
    rows = cut_sample(scores, 1000, seed=1)
    assert len(np.unique(rows)) == 1000
    assert (rows >= 9500).sum() == 500
    assert abs(np.mean(rows[rows < 9500]) - 4750) < 500
    np.testing.assert_array_equal(cut_sample(scores, 20_000, seed=1), np.arange(10_000))


def count_readings(monkeypatch: pytest.MonkeyPatch) -> list[Dataset]:
    opened: list[Dataset] = []
    iter_matrix = Dataset.iter_matrix

    def counted(dataset: Dataset, *arguments: object, **options: object) -> object:
        opened.append(dataset)
        return iter_matrix(dataset, *arguments, **options)

    monkeypatch.setattr(Dataset, "iter_matrix", counted)
    return opened


def test_it_is_tried_which_pass_looks_at_the_values(monkeypatch: pytest.MonkeyPatch) -> None:
    assert pass_of_values.__wrapped__() == 2, "another xgboost: a table is decoded three times for each matrix"
    trial = chunk_source._trial

    def all_count(values: np.ndarray, labels: np.ndarray, number: int | None) -> tuple[int, bytes]:
        passes, _ = trial(values, labels, number)
        return passes, str(number).encode()

    monkeypatch.setattr(chunk_source, "_trial", all_count)
    assert pass_of_values.__wrapped__() is None
    monkeypatch.setattr(chunk_source, "_trial", lambda values, labels, number: (3, b"none counts"))
    assert pass_of_values.__wrapped__() is None


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_inside_the_build_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, interrupt: type[BaseException]
) -> None:
    """XGBoost reads the table through ctypes, where an exception that is no `Exception` has no effect."""
    task = make_task(tmp_path, make_frame())
    bins = all_bins(task)
    calls = 0

    def interrupted(chunk: np.ndarray) -> np.ndarray:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise interrupt
        return fill_missing(chunk)

    monkeypatch.setattr("meta_models.learners.xgboost.matrix.fill_missing", interrupted)
    with pytest.raises(interrupt):
        build_matrix(
            task.dataset, task.features, bins, task.config.section.max_bin, threads=1, progress=Progress("test")
        )


def test_a_page_is_not_held_beside_its_chunks() -> None:
    given: list[weakref.ref[np.ndarray]] = []

    def chunks() -> Iterator[np.ndarray]:
        for number in range(5):
            chunk = np.full((10, 2), number, np.float32)
            given.append(weakref.ref(chunk))
            yield chunk

    pages = joined(chunks(), 160)
    page = next(pages)
    assert page[:, 0].tolist() == [0.0] * 10 + [1.0] * 10
    assert given[0]() is None
    made = weakref.ref(page)
    del page
    assert made() is None
    assert [len(page) for page in pages] == [20, 10]
