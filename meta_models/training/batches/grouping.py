"""Which genes' batches are combined with one another first: of a chromosome, a type, or a cluster by sequence."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from meta_models.config import TrainingConfig
from meta_models.dataset.positions import Positions
from meta_models.errors import UsageError
from meta_models.places import table_path
from meta_models.schema import CHROM, CLASSES, GENE, GENE_TYPE
from meta_models.training.batches.sketch_clusters import sketch_clusters

Codes = NDArray[np.int64]
_COLUMNS = {"chromosome": CHROM, "gene-type": GENE_TYPE}
#: Groups with a smaller share of the rows are one group, so are those that lack a class.
LEAST_SHARE = 0.05
_OTHERS = "others"


def batch_groups(positions: Positions, config: TrainingConfig) -> dict[str, NDArray[np.bool_]]:
    """Rows (n_rows,) of each group by its name, the largest first; one group of all rows where they are not grouped.

    Relatives are of one group: that of most of their rows, of equally many the first by name.

    Raises
    ------
    UsageError
        If the table does not say what groups are made by.
    """
    if config.batch_groups == "none":
        return {"": np.ones(positions.frame.height, bool)}
    texts = _texts(positions, config)
    names = texts.unique().sort()
    codes = texts.replace_strict(names, np.arange(len(names))).to_numpy()
    of_row = _of_relatives(positions.relatives(), codes, len(names))
    large = [code for code in range(len(names)) if _stands_alone(positions, of_row == code)]
    groups = {names[code]: of_row == code for code in sorted(large, key=lambda code: -int((of_row == code).sum()))}
    rest = ~np.isin(of_row, large)
    return groups | {_OTHERS: rest} if rest.any() else groups


def _texts(positions: Positions, config: TrainingConfig) -> pl.Series:
    """What each row (n_rows,) is grouped by."""
    by = config.batch_groups
    if by == "sketch":
        genes = positions.frame[GENE].cast(str)
        return genes.replace_strict(sketch_clusters(table_path(config.dataset), set(genes.unique()), config.seed))
    column = _COLUMNS[by]
    if column not in positions.frame.columns:
        raise UsageError(f"--batch-groups {by} needs the column {column}", "The table has none", "Leave it out")
    return positions.frame[column].cast(str).fill_null("unknown")


def _of_relatives(relatives: NDArray[np.integer], codes: Codes, n_codes: int) -> Codes:
    """The code (n_rows,) that most rows of each row's relatives have."""
    _, of_row = np.unique(relatives, return_inverse=True)
    counts = np.bincount(of_row * n_codes + codes, minlength=(int(of_row.max()) + 1) * n_codes).reshape(-1, n_codes)
    return np.asarray(counts.argmax(axis=1)[of_row])


def _stands_alone(positions: Positions, rows: NDArray[np.bool_]) -> bool:
    """Whether the rows are enough for a group."""
    classes = np.bincount(positions.labels[rows], minlength=len(CLASSES))
    return bool(classes.min() > 0 and rows.mean() >= LEAST_SHARE)
