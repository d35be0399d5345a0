"""What the evaluation hands on: a table of paired figures and the headline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import polars as pl

from meta_models.analysis.comparison.notes import in_short

#: Populations: the rows as they are, and the rows weighted to the positions they stand for.
TABLE, GENOMIC = "table", "genomic"
#: The stratum that always exists.
ALL_ROWS = "all"
#: Opponents besides the base models themselves.
BEST_BASE = "best base"
MEAN_COMBINER = "mean of base scores"
LOGISTIC_COMBINER = "logistic combiner"
#: Strata by what the base model was trained on: its figures on the first flatter it.
BASE_TRAIN, NOT_BASE_TRAIN = "base-train chromosomes", "other chromosomes"
UNKNOWN_CHROM = "unknown chromosomes"
#: Figures from here on, such as counts a megabase, are shown with one decimal place.
_LARGE = 10.0
#: Those below it, such as calibration errors, with an exponent.
_SMALL = 1e-3
#: Decimals of a difference, below which it is written with a power of ten.
_MOST_DECIMALS = 9


@dataclass(frozen=True)
class EvaluationRow:
    """Base against meta-model in one population, stratum, metric and target.

    Attributes
    ----------
    population : str
        ``"table"`` (every row counts once) or ``"genomic"`` (rows weighted).
    stratum : str
        ``"all"`` or the name of a subset of the rows.
    base_model : str
        The opponent: name of a base model, ``"best base"``, ``"mean of base scores"`` or ``"logistic combiner"``.
    target : str
        ``"donor"``, ``"acceptor"``, ``"mean"`` (of these two) or ``"all"`` (metrics over all three classes).
    metric : str
        Name in :data:`meta_models.metrics.METRICS`.
    base, meta, difference : float or None
        The figures and meta minus base.
    lower, upper : float or None
        95 % bootstrap interval of the difference, over families.
    base_lower, base_upper, meta_lower, meta_upper : float or None
        95 % intervals of the two figures, from the same resamples.
    base_design_error, meta_design_error, difference_design_error : float or None
        Average precision in the genomic population only: standard errors from the sampling of negatives (how far the
        figures of these very genes may be from those on all their positions).
    base_design_lower, base_design_upper, meta_design_lower, meta_design_upper : float or None
        As the design errors: 95 % intervals of the figures on all positions of these very genes. None also where too
        few sampled negatives were drawn above sites to know.
    base_reason, meta_reason : str or None
        Why a figure is null.
    families, rows : int
        Families (genes where there are none) and rows in the stratum.
    note : str
        What a reader must know: why there is no interval, few families, heavy rows. Empty where there is nothing.
    """

    population: str
    stratum: str
    base_model: str
    target: str
    metric: str
    base: float | None
    meta: float | None
    difference: float | None
    lower: float | None
    upper: float | None
    base_lower: float | None
    base_upper: float | None
    meta_lower: float | None
    meta_upper: float | None
    base_design_error: float | None
    meta_design_error: float | None
    difference_design_error: float | None
    base_reason: str | None
    meta_reason: str | None
    families: int
    rows: int
    note: str
    base_design_lower: float | None = None
    base_design_upper: float | None = None
    meta_design_lower: float | None = None
    meta_design_upper: float | None = None

    @property
    def reason(self) -> str:
        """Why there is no difference; empty where there is one."""
        if self.base_reason is not None and self.base_reason == self.meta_reason:
            return self.base_reason
        parts = (("base", self.base_reason), ("meta-model", self.meta_reason))
        return "; ".join(f"{name}: {reason}" for name, reason in parts if reason is not None)


@dataclass(frozen=True)
class Headline:
    """The one comparison that counts: mean AP of donor and acceptor, meta-model against the best base model.

    Attributes
    ----------
    population : str
        ``"genomic"`` where weights are known, else ``"table"``.
    row : EvaluationRow
        Against the best base model, chosen on training folds.
    main : EvaluationRow
        Against the main base model.
    table : EvaluationRow
        As `row`, in the table population (`row` itself where there are no weights).
    combiners : tuple of EvaluationRow
        Against the trivial combiners of the base scores, as far as there are any.
    chosen : mapping of base model to int
        Number of folds each base model was chosen for.
    strata : tuple of EvaluationRow
        As `row`, on the chromosomes that the base model was trained on and on the others, where they are known.
    """

    population: str
    row: EvaluationRow
    main: EvaluationRow
    table: EvaluationRow
    combiners: tuple[EvaluationRow, ...]
    chosen: Mapping[str, int]
    strata: tuple[EvaluationRow, ...] = ()

    @property
    def beats(self) -> bool | None:
        """Whether the interval of the difference lies above 0; None where there is no interval."""
        return None if self.row.lower is None else self.row.lower > 0

    @property
    def weighted(self) -> bool:
        """Whether weights make a difference; where every row stands for itself alone they make none."""
        return self.population == GENOMIC and (self.table.base, self.table.meta) != (self.row.base, self.row.meta)

    @property
    def winning_combiners(self) -> tuple[EvaluationRow, ...]:
        """Comparisons with trivial combiners whose figure is above the meta-model's."""
        return tuple(row for row in self.combiners if row.difference is not None and row.difference < 0)

    @property
    def best_base_text(self) -> str:
        """Name of the best base model, with the number of folds where it differs between folds."""
        if len(self.chosen) == 1:
            return next(iter(self.chosen))
        return ", ".join(f"{name} in {count} folds" for name, count in self.chosen.items())

    def where(self, rows: str = "rows of the table") -> str:
        """What the figures of the headline are of, for people; `rows` is what rows without weights are called."""
        return self._where(self.row, rows)

    def sentence(self, rows: str = "rows of the table") -> str:
        """The headline for people, in full sentences; where the meta-model does not beat the base, it says so first.

        Parameters
        ----------
        rows : str
            What rows that are not weighted to all positions are called.
        """
        parts = [
            self._verdict(),
            *self.combiner_texts,
            self._figures(self.row, f"best base model ({self.best_base_text})", rows=rows),
        ]
        if self.main.base != self.row.base:
            parts.append(self._figures(self.main, f"main base model ({self.main.base_model})", rows=rows))
        if self.weighted:
            parts.append(self._figures(self.table, "best base model", rows=rows))
        parts += [self._figures(row, "best base model", row.stratum, rows=rows) for row in self.parted]
        parts += self.stratum_texts
        if self.row.note:
            parts.append(f"Note: {in_short(self.row.note)}.")
        return " ".join(parts)

    def to_json(self) -> dict[str, Any]:
        """Plain values; a null figure stands with its reason."""
        return {
            "metric": "average_precision, mean of donor and acceptor",
            "population": self.population,
            "beats_best_base": self.beats,
            "best_base_folds": dict(self.chosen),
            "sentence": self.sentence(),
            "best_base": asdict(self.row),
            "main_base": asdict(self.main),
            "table": asdict(self.table),
            "combiners": [asdict(row) for row in self.combiners],
            "strata": [asdict(row) for row in self.strata],
            "combiners_better_than_meta": [row.base_model for row in self.winning_combiners],
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Headline:
        """The headline that :meth:`to_json` made the `values` of."""
        return cls(
            population=values["population"],
            row=EvaluationRow(**values["best_base"]),
            main=EvaluationRow(**values["main_base"]),
            table=EvaluationRow(**values["table"]),
            combiners=tuple(EvaluationRow(**row) for row in values["combiners"]),
            chosen=dict(values["best_base_folds"]),
            strata=tuple(EvaluationRow(**row) for row in values.get("strata", ())),
        )

    @property
    def parted(self) -> tuple[EvaluationRow, ...]:
        """`strata`, where they part the rows."""
        return tuple(row for row in self.strata if row.rows < self.row.rows)

    @property
    def stratum_texts(self) -> list[str]:
        """What to say where one stratum holds all rows."""
        return [f"All rows are of {row.stratum}." for row in self.strata if row.rows == self.row.rows]

    @property
    def combiner_texts(self) -> list[str]:
        """What to say, right after the verdict, of trivial combinations of the base scores that do better."""
        return [
            f"A trivial combiner, the {row.base_model}, is better than the meta-model: {row.base:.4f}."
            for row in self.winning_combiners
        ]

    def _verdict(self) -> str:
        if self.beats is None:
            why = "" if self.row.reason else " (no interval)"
            return f"Whether the meta-model beats the best base model cannot be told{why}."
        if self.beats:
            return "The meta-model beats the best base model."
        if self.row.upper is not None and self.row.upper < 0:
            return "The meta-model does NOT beat the best base model: it is worse."
        return "The meta-model does NOT beat the best base model: the interval of the difference includes 0."

    def _where(self, row: EvaluationRow, rows: str = "rows of the table") -> str:
        if row.population != GENOMIC:
            return rows
        return "all positions, weighted" if self.weighted else "all positions"

    def _figures(self, row: EvaluationRow, opponent: str, stratum: str = "", *, rows: str) -> str:
        what = f"Mean AP of donor and acceptor on {self._where(row, rows)}{f', {stratum}' if stratum else ''}"
        if row.difference is None and row is not self.row and row.reason == self.row.reason:
            return f"{what}: no difference to the {opponent} either."
        if row.base is None and row.meta is None:
            return f"{what} cannot be computed ({row.reason})."
        start = f"{what}: meta-model {shown(row.meta)}, {opponent} {shown(row.base)}"
        if row.difference is None:
            return f"{start} ({row.reason})."
        if row.lower is None:
            return f"{start}, difference {row.difference:+.4f}."
        interval = f"95 % interval {row.lower:+.4f} to {row.upper:+.4f} over {row.families} families"
        return f"{start}, difference {row.difference:+.4f} ({interval})."


@dataclass(frozen=True)
class EvaluationTable:
    """All comparisons; returned by :func:`meta_models.analysis.comparison.evaluate.evaluate`.

    Attributes
    ----------
    rows : tuple of EvaluationRow
        By stratum, population, opponent, target and metric, in the order of their definition: the same for every run.
    """

    rows: tuple[EvaluationRow, ...]
    headline: Headline
    bootstrap_samples: int
    seed: int

    def select(self, **values: str) -> tuple[EvaluationRow, ...]:
        """Rows whose attributes equal `values`, such as ``stratum="all", metric="average_precision"``."""
        return tuple(row for row in self.rows if all(getattr(row, name) == value for name, value in values.items()))

    def called(self, rows: str) -> EvaluationTable:
        """The table, where `rows` is the name of what stands for itself, not ``"table"``."""

        def named(row: EvaluationRow) -> EvaluationRow:
            return replace(row, population=rows) if row.population == TABLE else row

        old = self.headline
        row, main, table = map(named, (old.row, old.main, old.table))
        combiners, strata = (tuple(map(named, rows)) for rows in (old.combiners, old.strata))
        head = Headline(row.population, row, main, table, combiners, old.chosen, strata)
        return replace(self, rows=tuple(map(named, self.rows)), headline=head)

    def to_frame(self) -> pl.DataFrame:
        """One row per comparison, a column per attribute of :class:`EvaluationRow`; for the TSV."""
        types: dict[str, Any] = {
            field.name: {"str": pl.String, "str | None": pl.String, "int": pl.Int64}.get(str(field.type), pl.Float64)
            for field in fields(EvaluationRow)
        }
        return pl.DataFrame([vars(row) for row in self.rows], schema=types)

    def to_json(self) -> dict[str, Any]:
        """Headline and rows as plain values; a null figure stands with its reason."""
        return {
            "bootstrap": {"samples": self.bootstrap_samples, "seed": self.seed, "unit": "family", "level": 0.95},
            "headline": self.headline.to_json(),
            "rows": [dict(vars(row)) for row in self.rows],
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> EvaluationTable:
        """The table that :meth:`to_json` made the `values` of; other keys are ignored.

        Raises
        ------
        KeyError, TypeError
            If `values` are others.
        """
        rows = tuple(EvaluationRow(**row) for row in values["rows"])
        bootstrap = values["bootstrap"]
        return cls(rows, Headline.from_json(values["headline"]), bootstrap["samples"], bootstrap["seed"])


def combiner_note(rows: int, limit: int) -> str:
    """What is told of the logistic combiner where it is fitted on `limit` of the `rows` at most; empty where on all."""
    return f"fitted on {limit:,} rows (--combiner-rows): all sites, others drawn" if rows > limit else ""


def shown(value: float | None, sign: str = "") -> str:
    """A figure for people, here and wherever figures stand in a text.

    A difference has a `sign`, and four decimals, or as many as show that it is not 0.
    """
    if value is None:
        return "–"
    if abs(value) >= _LARGE:
        return f"{value:{sign},.1f}"
    if not sign and 0 < abs(value) < _SMALL:
        return f"{value:.1e}"
    texts = (f"{value:{sign}.{decimals}f}" for decimals in range(4, _MOST_DECIMALS))
    return next((text for text in texts if not value or float(text)), f"{value:{sign}.0e}")
