"""The leaderboard's figures on every position of whole genes, where these were scored out of fold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from meta_models.dataset.positions import codes
from meta_models.inference.contenders import FoldScorer
from meta_models.metrics import SiteFigures, SiteResamples
from meta_models.result import TrainingResult, probability_columns
from meta_models.schema import BaseModel
from meta_models.standings import Difference, LeaderboardRecord, Pair, Standing

Floats32 = NDArray[np.float32]


def with_every_position(
    result: TrainingResult, frame: pl.DataFrame, scorer: FoldScorer, bases: Sequence[BaseModel], *, weighting: str
) -> TrainingResult:
    """`result`, on whose leaderboard stand the figures of `frame`, and which is ranked by them.

    Parameters
    ----------
    frame : polars.DataFrame
        Positions scored by `scorer`, with the scores of `bases`.
    weighting : str
        Where the weights of the positions come from; ``"none"``: each stands for itself.
    """
    board = result.leaderboard
    if board is None:
        return result
    weights = None if weighting == "none" else frame["weight"].to_numpy()
    scored = _Scored(frame, scorer, {base.name: base.columns for base in bases})
    board = replace(board, standings=tuple(_standing(row, scored, weights) for row in board.standings))
    drawn = SiteResamples.make(
        scored.labels, codes(frame["family"]), weights,
        samples=result.config.bootstrap_samples, seed=result.config.seed,
    )  # fmt: skip
    board = replace(board, every=_gain(board, scored, drawn), pairs=_pairs(board.pairs, scored, drawn))
    return replace(result, leaderboard=replace(board, standings=board.ranked))


@dataclass(frozen=True)
class _Scored:
    """Scored positions, and in which columns the scores of whom stand."""

    frame: pl.DataFrame
    scorer: FoldScorer
    of_base: Mapping[str, tuple[str, str, str]]

    @property
    def labels(self) -> NDArray[np.uint8]:
        """Class of each position, (n,)."""
        return self.frame["label"].to_numpy()

    def of(self, name: str, *, base: bool = False) -> Floats32 | None:
        """Scores (n, 3) of a contender or of a base model; None where it was not scored."""
        columns = self.of_base.get(name) if base else self._columns(name)
        return None if columns is None else self.frame.select(columns).to_numpy()

    def _columns(self, name: str) -> tuple[str, str, str] | None:
        return probability_columns(self.scorer.of(name)) if self.scorer.knows(name) else None


def _standing(row: Standing, scored: _Scored, weights: Floats32 | None) -> Standing:
    scores = scored.of(row.name, base=row.role == "base")
    if scores is None:
        return row
    found = SiteFigures.of(scored.labels, scores, weights)
    return replace(
        row, every_donor=found.donor, every_acceptor=found.acceptor, every_mean=found.mean,
        every_log_loss=found.log_loss,
    )  # fmt: skip


def _gain(board: LeaderboardRecord, scored: _Scored, drawn: SiteResamples) -> Difference | None:
    """The combination minus the best member; None where there is no combination."""
    whole = None if board.combined is None else scored.of(board.combined.name)
    best = scored.of(board.opponent)
    return None if whole is None or best is None else Difference.of(drawn.of(whole).minus(drawn.of(best)))


def _pairs(pairs: Sequence[Pair], scored: _Scored, drawn: SiteResamples) -> tuple[Pair, ...]:
    names = dict.fromkeys(name for pair in pairs for name in (pair.one, pair.other))
    scores = {name: scored.of(name) for name in names}
    found = {name: drawn.of(values) for name, values in scores.items() if values is not None}

    def compared(pair: Pair) -> Pair:
        """`pair` with its difference on every position, where both were scored there."""
        one, other = found.get(pair.one), found.get(pair.other)
        return pair if one is None or other is None else replace(pair, every=Difference.of(one.minus(other)))

    return tuple(map(compared, pairs))
