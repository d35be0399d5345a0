"""From a chunk of a table to the rows of the output."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from meta_models.dataset.plausibility.percent import ends, percent_hint
from meta_models.dataset.positions import require_weights
from meta_models.errors import InputError
from meta_models.inference.checks.seen import SEEN, SeenRows
from meta_models.inference.prior import PriorCorrection
from meta_models.inference.served import HIDDEN_LABEL, HIDDEN_WEIGHT, ServedTable
from meta_models.model import FittedModel
from meta_models.result import CALIBRATED, RAW, probability_columns
from meta_models.schema import CLASS_NAMES, CLASSES, GENE, LABEL_VALUES, MAIN_BASE, SITE_CLASSES, BaseModel

#: Prefixes of the probability columns that only predictions have.
BASE, CORRECTED = "base", "corrected"
PREDICTED, APPLIED = "predicted_class", "meta_applied"
_TOLERANCE = 1e-3
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ChunkScorer:
    """Scores chunks of one table with one model.

    Parameters
    ----------
    prior : PriorCorrection or None
        None leaves the ``corrected_*`` columns out.
    uncertain : tuple of two float, or None
        Bounds of the main base model's highest site score between which the model is applied; None applies it to all.
    labels : bool
        Whether label and weight travel along, for figures at the end.
    """

    model: FittedModel
    table: ServedTable
    prior: PriorCorrection | None = None
    uncertain: tuple[float, float] | None = None
    labels: bool = False

    @cached_property
    def _seen_rows(self) -> SeenRows:
        return SeenRows(self.model.info, self.table.dataset.info.genome)

    def expressions(self) -> list[pl.Expr]:
        """What :meth:`score` needs of the table."""
        return self.table.expressions(labels=self.labels)

    def score(self, chunk: pl.DataFrame) -> pl.DataFrame:
        """The rows of the output for `chunk`, in its order.

        Returns
        -------
        polars.DataFrame
            What is passed on, ``base_*``, ``raw_*``, ``calibrated_*``, ``corrected_*`` (Float32; each three in the
            order of :class:`~meta_models.schema.SpliceClass`), ``predicted_class``, ``seen_in_training`` (null where
            the table names no genes, or that is not known), ``meta_applied`` where only uncertain rows are scored.
            Where the model was not applied, all probabilities are the base scores as they stand in the table.

        Raises
        ------
        InputError
            If base scores are no probabilities, or those of the main base model missing, features are infinite, or
            labels are unknown.
        """
        base = self._base_scores(chunk)
        self._require_further(chunk)
        applied = self._applied(base)
        blocks = {BASE: base, **self._probabilities(chunk, base, applied)}
        decided = blocks.get(CORRECTED, blocks[CALIBRATED]).argmax(axis=1)
        columns = [
            *(pl.Series(name, block[:, c], dtype=pl.Float32)
              for prefix, block in blocks.items()
              for c, name in zip(CLASSES, probability_columns(prefix), strict=True)),
            pl.Series(PREDICTED, CLASS_NAMES, dtype=pl.String).gather(decided),
            self._seen(chunk),
        ]  # fmt: skip
        if self.uncertain is not None:
            columns.append(pl.Series(APPLIED, applied))
        if self.labels:
            require_weights(chunk[HIDDEN_WEIGHT], self.table.dataset.source)
            columns += [_labels(chunk[HIDDEN_LABEL], self.table), chunk[HIDDEN_WEIGHT]]
        return pl.DataFrame([*chunk.select(self.table.passed_on).get_columns(), *columns])

    def _base_scores(self, chunk: pl.DataFrame) -> Floats:
        frame = chunk.select(pl.col(MAIN_BASE.columns).cast(pl.Float64))
        self._require_probabilities(frame, missing=False)
        return frame.to_numpy().clip(0, 1)

    def _require_further(self, chunk: pl.DataFrame) -> None:
        """The other base models had a probability in every row of training; here some may be missing."""
        for name in self.model.info.base_models:
            columns = [c for c in BaseModel(name).columns if name != MAIN_BASE.name and c in chunk.columns]
            self._require_probabilities(chunk.select(pl.col(columns).cast(pl.Float64)), missing=True)

    def _require_probabilities(self, frame: pl.DataFrame, *, missing: bool) -> None:
        for name in frame.columns:
            bad = int((~frame[name].is_between(-_TOLERANCE, 1 + _TOLERANCE)).fill_null(value=not missing).sum())
            if bad:
                raise InputError(
                    f"The base scores of {self.table.dataset.source!r} must be probabilities in every row",
                    f"Found {bad} of {frame.height} rows with a missing or other value in {name!r}",
                    percent_hint(*ends(frame.to_numpy())) or "Correct the column",
                )

    def _applied(self, base: Floats) -> NDArray[np.bool_]:
        if self.uncertain is None:
            return np.ones(len(base), bool)
        low, high = self.uncertain
        highest = base[:, list(SITE_CLASSES)].max(axis=1)
        return np.asarray((highest >= low) & (highest <= high))

    def _probabilities(self, chunk: pl.DataFrame, base: Floats, applied: NDArray[np.bool_]) -> dict[str, Floats]:
        everywhere = bool(applied.all())
        raw, calibrated = self.model.predict_both(chunk if everywhere else chunk.filter(pl.Series(applied)))
        found = {RAW: raw, CALIBRATED: calibrated}
        if self.prior is not None:
            found[CORRECTED] = self.prior.apply(calibrated)
        return found if everywhere else {prefix: _filled(base, applied, block) for prefix, block in found.items()}

    def _seen(self, chunk: pl.DataFrame) -> pl.Series:
        """Whether the model was trained on the row's gene, family or position."""
        if GENE not in self.table.passed_on:
            return pl.Series(SEEN, [None] * chunk.height, dtype=pl.Boolean)
        return self._seen_rows.of(chunk)


def _filled(base: Floats, applied: NDArray[np.bool_], block: Floats) -> Floats:
    result = base.copy()
    result[applied] = block
    return result


def _labels(labels: pl.Series, table: ServedTable) -> pl.Series:
    text = labels.fill_null("")
    codes = text.replace_strict({k: int(v) for k, v in LABEL_VALUES.items()}, default=None, return_dtype=pl.UInt8)
    if codes.null_count():
        unknown = sorted(text.filter(codes.is_null()).unique().to_list())[:20]
        raise InputError(
            f"The labels of {table.dataset.source!r} must be donor, acceptor or neither (null, '' and '0' for neither)",
            f"Found {', '.join(map(repr, unknown))} in {codes.null_count()} rows",
            "Rename them, or leave the column out",
        )
    return codes
