"""Training on a share of the easy negatives: those that no base model takes for a site."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from meta_models.dataset.positions import Positions
from meta_models.errors import UsageError
from meta_models.schema import SpliceClass

#: Makes the draw independent of others with the same seed, that of a simulated table's labels, say.
_STREAM = 7417


def thin_negatives(positions: Positions, share: float, below: float, seed: int) -> tuple[NDArray[np.bool_], Positions]:
    """Draw a `share` of the easy negatives; what is drawn stands for the others by its weight.

    Each easy negative is drawn by itself with probability `share` (no label but its own, gene or fold is looked at), so
    that a total over the rows is estimated without bias by the weighted rows.

    Parameters
    ----------
    below : float
        Easy is a negative whose highest donor or acceptor score of any base model is below this.

    Returns
    -------
    ndarray of bool (n_rows,), Positions
        The rows kept, and these with weights: ``1 / share`` times their own where they were drawn.

    Raises
    ------
    UsageError
        If the weights of the table are a class ratio: what was drawn could not be told from that.
    """
    if positions.weighting == "true_prevalence":
        raise UsageError(
            "--thin-negatives needs a table with sampling_weight, or with every position and no true_prevalence",
            "The weights of this table come from true_prevalence, so it was down-sampled already",
            "Leave --thin-negatives out, or add sampling_weight",
        )
    columns = [column for base in positions.bases for column in base.columns[1:]]
    highest = positions.frame.select(highest=pl.max_horizontal(columns))["highest"].to_numpy()
    easy = (positions.labels == SpliceClass.NEITHER) & (highest < below)
    drawn = np.random.default_rng([seed, _STREAM]).random(len(easy)) < share
    kept = ~easy | drawn
    weights = np.where(easy, positions.weights / share, positions.weights)[kept].astype(np.float32)
    frame = positions.frame.filter(kept).with_columns(weight=pl.Series(weights))
    text = (
        f"Of {easy.sum():,} negatives that every base model scores below {below:g}, "
        f"{(easy & drawn).sum():,} were drawn; each counts {1 / share:g} times. "
        "Give --oof-dataset for figures on all positions."
    )
    return kept, replace(positions, frame=frame, weighting="sampling_weight", notes=(*positions.notes, text))
