"""Pages on disk instead of a matrix in memory: the same trees, and nothing left behind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xgboost as xgb
from numpy.typing import NDArray
from tables import make_frame
from training_tasks import make_task

from meta_models.errors import UnitsFailed, WriteError
from meta_models.learners.page_digests import PageDigests
from meta_models.learners.seam import Fitted, Shape
from meta_models.learners.trees.cut_values import cut_values
from meta_models.learners.xgboost import matrix
from meta_models.learners.xgboost.booster import QuantisedRows
from meta_models.learners.xgboost.matrix import build_matrix, joined
from meta_models.progress import Progress
from meta_models.result import probability_columns
from meta_models.run_folder import scratch_folder
from meta_models.training.fitting import fit_table as fit_table_module
from meta_models.training.fitting.inputs.preparation import Preparation
from meta_models.training.fitting.problem import audit_task
from meta_models.training.fitting.rows import audit
from meta_models.training.fitting.rows.audit import sample_size
from meta_models.training.fitting.task import TrainingTask
from meta_models.training.strategies import STRATEGIES

EXTERNAL = STRATEGIES["external_memory"]

#: Largest difference of a score between pages on disk and the matrix in memory (float sums in another order).
TOLERANCE = 1e-5


class SmallChunks:
    """The table of a task in chunks of 100 rows."""

    def __init__(self, task: TrainingTask) -> None:
        self._dataset = task.dataset
        self.source, self.n_rows = "test", task.dataset.n_rows

    def iter_matrix(self, columns: Sequence[str], _: int | None = None) -> Iterator[NDArray[np.float32]]:
        return self._dataset.iter_matrix(columns, chunk_rows=100)


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of about 200 rows."""
    monkeypatch.setattr(matrix, "PAGE_BYTES", 200 * 8 * 4)


@pytest.mark.parametrize("sampling", [1.0, 0.5])
def test_pages_give_the_trees_of_the_matrix_in_memory(tmp_path: Path, small_pages: None, sampling: float) -> None:
    task = make_task(tmp_path, make_frame(n_genes=60))
    bins = cut_values(audit_task(task).sample, task.config.section.max_bin)
    label = (task.positions.labels == 1).astype(np.float32)
    weight = (np.arange(len(label)) % 3 > 0).astype(np.float32)
    parameters = {
        "objective": "binary:logistic", "tree_method": "hist", "max_depth": 4, "nthread": 2, "seed": 3,
        "subsample": sampling, "colsample_bytree": sampling,
    }  # fmt: skip
    scores, trees = [], []
    for cache in (None, tmp_path / "cache"):
        if cache is not None:
            cache.mkdir()
        table = build_matrix(
            SmallChunks(task),
            task.features,
            bins,
            task.config.section.max_bin,
            threads=2,
            progress=Progress("test"),
            cache=cache,
        )
        table.set_label(label)
        table.set_weight(weight)
        booster = xgb.train(parameters, table, 12)
        trees.append(booster.trees_to_dataframe()[["Tree", "Node", "Feature", "Split"]])
        scores.append(booster.predict(table))
        del booster, table
    assert trees[0].equals(trees[1])
    np.testing.assert_allclose(scores[1], scores[0], atol=TOLERANCE)


def test_the_strategy_gives_what_the_single_model_gives(tmp_path: Path, small_pages: None) -> None:
    frame = make_frame(n_genes=40)
    results = {}
    for name in ("single_model", "external_memory"):
        task = make_task(tmp_path / name, frame, name, rounds="fixed", n_estimators=6)
        results[name] = STRATEGIES[name].train(task)
        assert not [p for p in (tmp_path / name).iterdir() if "matrix" in p.name]
    for prefix in ("raw", "calibrated"):
        columns = probability_columns(prefix)
        one, other = (results[name].oof.select(columns).to_numpy() for name in results)
        np.testing.assert_allclose(one, other, atol=TOLERANCE)
    assert results["external_memory"].model.info.strategy == "external_memory"


@pytest.mark.parametrize("elsewhere", [False, True])
def test_the_cache_is_removed_after_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, elsewhere: bool) -> None:
    seen: list[Path] = []
    folder = tmp_path / "fast_disk" if elsewhere else tmp_path

    def fail(task: object, preparation: Preparation, *_: object) -> None:
        assert preparation.prepared
        seen.extend(path for path in folder.rglob("*.page"))
        raise UnitsFailed("a booster must finish", "it did not")

    monkeypatch.setattr(fit_table_module, "train_jobs", fail)
    options = {"cache_dir": folder} if elsewhere else {}
    task = make_task(tmp_path, make_frame(), "external_memory", **options)
    with pytest.raises(UnitsFailed):
        STRATEGIES["external_memory"].train(task)
    assert seen
    assert not list(tmp_path.rglob("*.page"))


def test_the_cache_of_a_killed_run_goes_with_the_next_one(tmp_path: Path) -> None:
    run, other, cache = tmp_path / "run", tmp_path / "other", tmp_path / "cache"
    run.mkdir()
    killed = scratch_folder(run, "matrix", elsewhere=cache)
    left = killed.__enter__()
    (left / "page").write_bytes(b"x")
    with scratch_folder(other, "matrix", elsewhere=cache) as another:
        assert another != left
        assert left.exists()  # it may be in use
    with scratch_folder(run, "matrix", elsewhere=cache) as again:
        assert again == left
        assert not list(again.iterdir())
    assert not list(cache.iterdir())


def test_space_is_checked_before_anything_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task = make_task(tmp_path, make_frame(), "external_memory")
    need = EXTERNAL.cache_bytes(Shape(task.dataset.n_rows, len(task.features)), task.config)
    monkeypatch.setattr("meta_models.run_folder.atomic.free_disk", lambda _: need - 1)
    with pytest.raises(WriteError, match=f"{need:,} bytes"):
        STRATEGIES["external_memory"].train(task)


def test_the_pages_take_no_more_disk_than_was_asked_for(tmp_path: Path) -> None:
    task = make_task(tmp_path, make_frame(n_genes=300, n_features=60))
    (tmp_path / "cache").mkdir()
    bins, cache = cut_values(audit_task(task).sample, task.config.section.max_bin), tmp_path / "cache"
    table = build_matrix(
        task.dataset,
        task.features,
        bins,
        task.config.section.max_bin,
        threads=1,
        progress=Progress("test"),
        cache=cache,
    )
    on_disk = sum(file.stat().st_size for file in (tmp_path / "cache").iterdir())
    assert 0.6 < on_disk / EXTERNAL.cache_bytes(Shape(table.num_row(), table.num_col()), task.config) <= 1


def test_chunks_are_joined_to_pages() -> None:
    chunks = [np.full((rows, 2), i, np.float32) for i, rows in enumerate((3, 3, 3, 1))]
    pages = list(joined(iter(chunks), 6 * 2 * 4))
    assert [len(page) for page in pages] == [6, 4]
    np.testing.assert_array_equal(np.concatenate(pages), np.concatenate(chunks))


@pytest.mark.parametrize("max_bin", [2, 16, 256])
def test_bins_are_the_values_of_the_sample_or_its_quantiles(max_bin: int) -> None:
    rng = np.random.default_rng(0)
    sample = np.column_stack(
        [
            rng.normal(size=5000),
            rng.poisson(2, 5000),
            np.zeros(5000),
            np.where(rng.random(5000) < 0.9, 0, rng.random(5000)),
        ]
    ).astype(np.float32)
    cuts = cut_values(sample, max_bin)
    assert cuts.shape[0] <= max_bin
    for k in range(sample.shape[1]):
        found, distinct = np.unique(cuts[:, k]), np.unique(sample[:, k])
        assert np.isin(found, distinct).all()
        assert found[0] == distinct[0]
        if len(distinct) <= max_bin:
            np.testing.assert_array_equal(found, distinct)
    ptr, values = xgb.QuantileDMatrix(cuts, max_bin=max_bin).get_quantile_cut()
    for k in range(sample.shape[1]):
        np.testing.assert_array_equal(values[ptr[k] + 1 : ptr[k + 1] - 1], np.unique(cuts[:, k])[1:])


def test_quantiles_fill_the_bins_evenly_beside_a_frequent_value() -> None:
    rng = np.random.default_rng(0)
    values = np.where(rng.random(20_000) < 0.5, 0, rng.random(20_000)).astype(np.float32)
    cuts = np.unique(cut_values(values[:, None], 64))
    rows = np.histogram(values[values > 0], [*cuts[1:], 2])[0]
    assert len(cuts) >= 63
    assert rows.max() < 3 * rows.mean()


def test_a_wide_table_has_a_smaller_sample(tmp_path: Path) -> None:
    config = make_task(tmp_path, make_frame()).config
    assert sample_size(100, config) == config.cut_sample_rows
    assert sample_size(1167, config) * 1167 * 4 <= audit.SAMPLE_BYTES
    assert sample_size(10**7, config) == audit.LEAST_SAMPLE


@pytest.mark.parametrize("damage", ["flip", "remove"])
def test_a_booster_of_pages_that_changed_is_not_kept(tmp_path: Path, damage: str) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    for name in ("matrix-1.page", "matrix-2.page"):
        (cache / name).write_bytes(bytes(5_000))
    pages = PageDigests.of(cache)
    pages.verify()
    if damage == "flip":
        (cache / "matrix-2.page").write_bytes(bytes(2_500) + b"\x01" + bytes(2_499))
    else:
        (cache / "matrix-2.page").unlink()
    with pytest.raises(UnitsFailed, match=r"matrix-2\.page"):
        pages.verify()


def test_pages_are_verified_before_a_booster_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task = make_task(tmp_path, make_frame(n_genes=30), "external_memory", n_estimators=3, rounds="fixed")
    fit = QuantisedRows.fit

    def flipping(self: QuantisedRows, *arguments: Any, **options: Any) -> Fitted:
        fitted = fit(self, *arguments, **options)
        if len(task.units.names()) == 2:
            page = max((path for path in tmp_path.rglob("matrix*") if path.is_file()), key=lambda p: p.stat().st_size)
            data = bytearray(page.read_bytes())
            data[len(data) // 2] ^= 1
            page.write_bytes(data)
        return fitted

    monkeypatch.setattr(QuantisedRows, "fit", flipping)
    with pytest.raises(UnitsFailed, match="Changed on disk"):
        STRATEGIES["external_memory"].train(task)
    assert len(task.units.names()) == 2
