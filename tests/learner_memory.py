"""``learner_memory.py NAME ROWS FEATURES``: bytes that preparing takes at most, and that everything takes at most.

Beyond what the process took before; of a learner with its options as they are, that fits the rows of four folds and
scores those of the fifth, on a table on disk half of whose features are counts and a tenth of whose rows are sites.
"""

from __future__ import annotations

import gc
import resource
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import polars as pl

from meta_models.dataset.reading.open import open_dataset
from meta_models.dataset.reading.reader import Dataset
from meta_models.learners.registry import LEARNERS
from meta_models.learners.seam import FitJob, Resources, TrainingRows
from meta_models.resources.heap import release_memory

#: Of the sample that bins and scales are made of: as many as a run draws.
SAMPLE_ROWS = 100_000


def make_table(rows: int, features: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    labels = rng.choice(3, rows, p=(0.9, 0.05, 0.05))
    matrix = rng.standard_normal((rows, features), np.float32)
    matrix[:, features // 2 :] = rng.poisson(3, (rows, features - features // 2))
    matrix[:, 0] += 2 * (labels == 1)
    matrix[:, 1] += 2 * (labels == 2)
    return matrix, labels


def warmed_up(name: str) -> None:
    """Libraries are loaded, and what they hold for good is held, before anything is measured."""
    measured(name, 300, 4)


def on_disk(folder: Path, matrix: np.ndarray, labels: np.ndarray) -> Dataset:
    """`matrix` as a table, in row groups of 10,000 rows."""
    names = np.array(["neither", "donor", "acceptor"])
    frame = pl.DataFrame({f"f{k}": column for k, column in enumerate(matrix.T)}).with_columns(
        gene_id=pl.Series([f"g{row // 100}" for row in range(len(labels))]), splice_type=pl.Series(names[labels]),
        donor_score=0.1, acceptor_score=0.1, neither_score=0.8,
    )  # fmt: skip
    frame.write_parquet(folder / "table.parquet", row_group_size=10_000)
    return open_dataset(folder / "table.parquet", work_dir=folder)


def measured(name: str, n_rows: int, n_features: int) -> tuple[int, int]:
    with tempfile.TemporaryDirectory() as folder:
        matrix, labels = make_table(n_rows, n_features)
        sample, table = matrix[:SAMPLE_ROWS].copy(), on_disk(Path(folder), matrix, labels)
        del matrix
        return peaks(name, TrainingRows(table, tuple(f"f{k}" for k in range(n_features)), sample), labels)


def peaks(name: str, rows: TrainingRows, labels: np.ndarray) -> tuple[int, int]:
    kind = LEARNERS[name]
    score = np.arange(len(labels)) % 5 == 0
    targets = (0,) if kind.traits.targets == "each" else (0, 1, 2)  # the class whose trees are the largest
    job = FitJob("fold-0", 0, targets, ~score, np.zeros(len(labels), bool), score)
    release_memory()
    start_peak()
    before = now()
    with kind.prepare(rows, kind.Config(), Resources()) as prepared:
        building = peak() - before
        prepared.fit(job, labels, np.ones(len(labels), np.float32), threads=1)
    return building, peak() - before


def start_peak() -> None:
    """Have the kernel count from what is held now (``proc_pid_clear_refs(5)``)."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def now() -> int:
    return _status("VmRSS")


def peak() -> int:
    return _status("VmHWM")


def _status(name: str) -> int:
    text = Path("/proc/self/status").read_text(encoding="ascii")
    return 1024 * int(text.split(f"{name}:")[1].split()[0])


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    learner_name, n_rows, n_features = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    warmed_up(learner_name)
    sys.stdout.write(" ".join(map(str, measured(learner_name, n_rows, n_features))) + "\n")
