"""``learner_memory.py NAME ROWS FEATURES``: bytes that preparing takes at most, and that everything takes at most.

Beyond what the process took before, the table included; of a learner with its options as they are, on a table half of
whose features are counts and a tenth of whose rows are sites.
"""

from __future__ import annotations

import gc
import resource
import sys
import warnings
from pathlib import Path

import numpy as np

from meta_models.learners.registry import LEARNERS
from meta_models.learners.seam import FitJob, Resources, TrainingRows
from meta_models.learners.tables import ArrayTable


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
    matrix, labels = make_table(300, 4)
    measured(name, matrix, labels)


def measured(name: str, matrix: np.ndarray, labels: np.ndarray) -> tuple[int, int]:
    kind = LEARNERS[name]
    sample = matrix[: min(len(matrix), 5000)].copy()
    rows = TrainingRows(ArrayTable(matrix), tuple(f"f{k}" for k in range(matrix.shape[1])), sample)
    everything, nothing = np.ones(len(labels), bool), np.zeros(len(labels), bool)
    targets = (1,) if kind.traits.targets == "each" else (0, 1, 2)
    job = FitJob("final", -1, targets, everything, nothing, nothing)
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
    sys.stdout.write(" ".join(map(str, measured(learner_name, *make_table(n_rows, n_features)))) + "\n")
