"""Made-up rows with a column ``sequence`` in whose middle a motif tells what they are, beside noisy base scores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from meta_models.learners.seam import FitJob
from meta_models.learners.seam.windows import TrainingWindows
from meta_models.learners.window_bridge import WindowsOfTable
from meta_models.schema import CLASS_NAMES

WINDOW, ROWS_OF_GENE = 41, 12
MODELS, COLUMNS = ("main", "alt"), ("hint", "noise")
#: AGGTAA around a donor, TTCAGG around an acceptor; the place of the site in them.
_MOTIFS = {1: ("AGGTAA", 1), 2: ("TTCAGG", 5)}


def window_frame(genes: int = 20, seed: int = 0, window: int = WINDOW) -> pl.DataFrame:
    """`ROWS_OF_GENE` rows of each gene: in turn a donor, an acceptor, and two that are neither."""
    random, n = np.random.default_rng(seed), genes * ROWS_OF_GENE
    labels = np.tile([1, 2, 0, 0], n // 4)
    hint = random.normal(labels > 0, 1)
    hint[::7] = np.nan
    scores = {
        f"{prefix}{name}": values
        for prefix in ("", "alt_")
        for name, values in zip(("donor_score", "acceptor_score"), _scores(labels, random), strict=True)
    }
    frame = pl.DataFrame({
        "gene_id": [f"{seed}_g{row // ROWS_OF_GENE}" for row in range(n)],
        "gene_family": [f"{seed}_f{row // ROWS_OF_GENE // 2}" for row in range(n)],
        "position": [10 * (row % ROWS_OF_GENE) for row in range(n)],
        "splice_type": [CLASS_NAMES[label] for label in labels],
        "sampling_weight": np.where(labels > 0, 1.0, 5.0),
        **scores,
        "hint": hint, "noise": random.normal(size=n),
        "sequence": [_window(label, window, random) for label in labels],
    })  # fmt: skip
    return frame.with_columns(
        (1 - pl.col(f"{prefix}donor_score") - pl.col(f"{prefix}acceptor_score")).alias(f"{prefix}neither_score")
        for prefix in ("", "alt_")
    )


def write_windows(folder: Path, frame: pl.DataFrame) -> Path:
    """The frame as two files of a table, of several row groups."""
    folder.mkdir(parents=True)
    half = frame.height // 2
    for number, part in enumerate((frame[:half], frame[half:])):
        part.write_parquet(folder / f"part_{number}.parquet", row_group_size=50)
    return folder


def training(dataset: object, window: int = WINDOW) -> TrainingWindows:
    """The rows of a table such as `write_windows` makes."""
    return TrainingWindows(WindowsOfTable(dataset), dataset.n_rows, window, MODELS, COLUMNS)


def labels_of(frame: pl.DataFrame) -> np.ndarray:
    """Classes of the rows."""
    return np.array([CLASS_NAMES.index(name) for name in frame["splice_type"]], np.uint8)


def job(frame: pl.DataFrame, stop: int = 0, score: int = 4) -> FitJob:
    """A fit that holds out the first `score` genes, and stops by the `stop` that come next."""
    gene = np.arange(frame.height) // ROWS_OF_GENE
    scored, stopped = gene < score, (gene >= score) & (gene < score + stop)
    return FitJob("fold 0", 0, (0, 1, 2), ~scored & ~stopped, stopped, scored)


def _scores(labels: np.ndarray, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    odds = random.normal(-2, 1.5, (2, len(labels)))
    odds[0] += 1.5 * (labels == 1)
    odds[1] += 1.5 * (labels == 2)
    donor, acceptor = 0.5 / (1 + np.exp(-odds))
    return donor, acceptor


def _window(label: int, window: int, random: np.random.Generator) -> str:
    bases = random.choice(list("ACGT"), window)
    if label:
        motif, shift = _MOTIFS[label]
        begin = window // 2 - shift
        bases[begin : begin + len(motif)] = list(motif)
    return "".join(bases)
