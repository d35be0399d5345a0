"""Rows that are trained on behind those of the table, and are in no out-of-fold score: mined ones, and copies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from meta_models.dataset.genes.table import GeneTable
from meta_models.dataset.reading.files import read_footer
from meta_models.dataset.reading.reader import Dataset
from meta_models.learners.seam import FitJob, Fitted
from meta_models.run_folder import hash_file, write_parquet
from meta_models.training.fitting.one_vs_rest import FINAL, FittedProblem
from meta_models.training.fitting.task import TrainingTask


def columns_on_disk(task: TrainingTask) -> dict[str, str]:
    """Columns to be kept of further rows, and their names on disk: features, and what the reader renames."""
    names = dict.fromkeys((*task.features, *task.dataset.renamed))
    return {name: task.dataset.renamed.get(name, name) for name in names}


def write_rows(path: Path, rows: Dataset | GeneTable, columns: dict[str, str]) -> None:
    """Write the `columns` of all `rows` to a Parquet file."""
    schema = pa.schema([(name, pa.float32()) for name in columns.values()])

    def batches() -> Iterator[pa.RecordBatch]:
        """The rows as record batches, chunk by chunk."""
        for chunk in rows.iter_matrix(tuple(columns)):
            arrays = [pa.array(values, from_pandas=True) for values in np.ascontiguousarray(chunk.T)]
            yield pa.RecordBatch.from_arrays(arrays, schema=schema)

    path.parent.mkdir(parents=True, exist_ok=True)
    write_parquet(path, pa.RecordBatchReader.from_batches(schema, batches()))


def extended(dataset: Dataset, path: Path, rows: int) -> Dataset:
    """`dataset` with the `rows` rows of a file behind its own."""
    mask = dataset.row_mask
    mask = None if mask is None else np.concatenate([mask, np.ones(rows, bool)])
    more = read_footer(path, sha256=hash_file(path))
    return replace(dataset, files=(*dataset.files, more), row_mask=mask)


def cut_to_table(first: FittedProblem, fit: FittedProblem) -> FittedProblem:
    """`fit` with the out-of-fold scores of the rows of `first` only, which stand before all further ones."""

    def cut(job: FitJob, fitted: Fitted) -> Fitted:
        """`fitted` with scores of the rows of `first` alone."""
        return replace(fitted, scores=fitted.scores[: int(job.score.sum())]) if job.fold != FINAL else fitted

    fitted = {job.name: cut(job, fit.fitted[job.name]) for job in (*first.held_out, *first.final)}
    return replace(first, fitted=fitted)
