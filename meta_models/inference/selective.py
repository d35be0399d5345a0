"""What applying the model only to uncertain rows touched, and what that did on a labelled table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from meta_models.inference.checks.seen import SEEN
from meta_models.inference.chunk_scorer import APPLIED, BASE
from meta_models.inference.served import HIDDEN_LABEL, HIDDEN_WEIGHT
from meta_models.metrics import average_precision
from meta_models.result import CALIBRATED, probability_columns
from meta_models.schema import SITE_CLASSES


def selective_figures(frames: Iterable[pl.DataFrame], bounds: tuple[float, float], *, weighted: bool) -> dict[str, Any]:
    """Share of rows that the model was applied to; with labels, average precision of the base scores and of the result.

    Held at once: 9 bytes of each row (14 with weights), and the sorting of a column.

    Parameters
    ----------
    frames : iterable of polars.DataFrame
        Scored rows, with their labels where the table has them.
    weighted : bool
        Whether rows are weighted by ``sampling_weight``; the share, too, is then of all positions.

    Returns
    -------
    dict
        For JSON. ``average_precision`` is of all rows and of those whose gene the model was not trained on; null
        without labels.
    """
    kept = [_narrow(frame) for frame in frames]
    rows = pl.concat(kept)
    weights = rows[HIDDEN_WEIGHT].to_numpy() if weighted else np.ones(rows.height, np.float32)
    applied = rows[APPLIED].to_numpy()
    figures: dict[str, Any] = {
        "bounds": list(bounds),
        "rows": rows.height,
        "rows_touched": int(applied.sum()),
        "share_touched": float(applied.mean()),
        "weighted_share_touched": float(weights[applied].sum() / weights.sum()) if weighted else None,
        "average_precision": None,
    }
    if HIDDEN_LABEL in rows.columns:
        everything = np.ones(rows.height, bool)
        named = not rows[SEEN].is_null().all()
        unseen = (~rows[SEEN]).fill_null(value=False).to_numpy() if named else everything
        figures["average_precision"] = {
            "weighted": weighted,
            "all rows": _compared(rows, everything, weights),
            "genes not trained on": _compared(rows, unseen, weights),
        }
    return figures


def _narrow(frame: pl.DataFrame) -> pl.DataFrame:
    sites = [probability_columns(prefix)[c] for prefix in (BASE, CALIBRATED) for c in SITE_CLASSES]
    return frame.select(c for c in (*sites, APPLIED, SEEN, HIDDEN_LABEL, HIDDEN_WEIGHT) if c in frame.columns)


def _compared(rows: pl.DataFrame, chosen: NDArray[np.bool_], weights: NDArray[np.float32]) -> dict[str, Any]:
    labels, heavy = rows[HIDDEN_LABEL].to_numpy()[chosen], weights[chosen]
    result: dict[str, Any] = {"rows": len(labels)}
    for target in SITE_CLASSES:
        scores = {
            name: rows[probability_columns(prefix)[target]].to_numpy()[chosen]
            for name, prefix in (("base", BASE), ("selective", CALIBRATED))
        }
        figures = {name: average_precision(labels == target, values, heavy) for name, values in scores.items()}
        result[target.label] = {name: metric.as_json() for name, metric in figures.items()}
    return result
