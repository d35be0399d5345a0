"""Base against meta-model, paired, on out-of-fold probabilities: every base model, population and stratum."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from meta_models.analysis.comparison import combiners
from meta_models.analysis.comparison.fold_metrics import fold_metrics
from meta_models.analysis.comparison.pairs import compare
from meta_models.analysis.comparison.replicates import Rows, figures_of
from meta_models.analysis.comparison.table import (
    ALL_ROWS,
    BASE_TRAIN,
    BEST_BASE,
    GENOMIC,
    LOGISTIC_COMBINER,
    MEAN_COMBINER,
    NOT_BASE_TRAIN,
    TABLE,
    UNKNOWN_CHROM,
    EvaluationRow,
    EvaluationTable,
    Headline,
    combiner_note,
)
from meta_models.config import TrainingConfig
from meta_models.dataset.plausibility.base_chromosomes import rows_of
from meta_models.errors import InputError
from meta_models.metrics import Draws, best_by_fold, best_scorer
from meta_models.result import CALIBRATED, SCREENED, probability_columns
from meta_models.schema import CHROM, BaseModel, SpliceClass
from meta_models.workers import run_shares

__all__ = ["best_base_overall", "choose_best_base", "evaluate", "fold_metrics", "standard_strata"]

Scores = NDArray[np.floating[Any]]

#: Bytes that a process which compares one stratum holds of its own for each row of the table.
_BYTES_A_ROW = 200
#: Most rows the logistic combiner is fitted on, where nothing else is said.
MAX_COMBINER_ROWS: int = TrainingConfig.model_fields["combiner_rows"].default


def standard_strata(frame: pl.DataFrame, base_train_chroms: Sequence[str] | None = None) -> dict[str, pl.Expr]:
    """The strata of every evaluation, as boolean expressions over `frame`.

    ``"all"``; ``"base-train chromosomes"`` and ``"other chromosomes"`` where `base_train_chroms` and the column
    ``chrom`` are known (``chr1`` and ``1`` are the same), and ``"unknown chromosomes"`` where some rows have none or an
    accession that was not named; ``"screened genes"`` and ``"genes not screened"`` where `frame` has ``screened``.
    """
    strata = {ALL_ROWS: pl.lit(value=True)}
    if base_train_chroms and CHROM in frame.columns:
        seen, unknown = rows_of(frame, base_train_chroms)
        strata |= {BASE_TRAIN: seen, NOT_BASE_TRAIN: ~seen & ~unknown}
        if frame.select(unknown.any()).item():
            strata[UNKNOWN_CHROM] = unknown
    if SCREENED in frame.columns:
        strata |= {"screened genes": pl.col(SCREENED), "genes not screened": ~pl.col(SCREENED)}
    return strata


def choose_best_base(frame: pl.DataFrame, bases: Sequence[BaseModel], *, weighting: str) -> dict[int, str]:
    """For each fold the base model with the best mean AP of donor and acceptor on the *other* folds.

    Where folds disagree, the best on all rows, for all of them; see :func:`meta_models.metrics.best_by_fold`. Weighted
    as the headline; the first of `bases` wins ties. With one fold only (an external table) nothing can be
    chosen on other rows: choose on the out-of-fold table instead (:func:`best_base_overall`).
    """
    scores = {base.name: _scores(frame, base.columns) for base in bases}
    return best_by_fold(frame["label"].to_numpy(), scores, frame["fold"].to_numpy(), _weight(frame, weighting))


def best_base_overall(frame: pl.DataFrame, bases: Sequence[BaseModel], *, weighting: str) -> str:
    """The base model with the best mean AP on all rows of `frame`: the opponent for an external table."""
    scores = {base.name: _scores(frame, base.columns) for base in bases}
    return best_scorer(frame["label"].to_numpy(), scores, _weight(frame, weighting))


def comparing_processes(threads: int, n_rows: int, budget: int | None) -> int:
    """How many strata may be compared at a time: what more than two hold must fit into an eighth of `budget` bytes."""
    if budget is None:
        return threads
    return min(threads, 2 + int(budget / 8 / (_BYTES_A_ROW * max(n_rows, 1))))


def evaluate(
    frame: pl.DataFrame,
    bases: Sequence[BaseModel],
    *,
    weighting: str,
    bootstrap_samples: int,
    seed: int,
    best_base: str | Mapping[int, str] | None = None,
    strata: Mapping[str, pl.Expr] | None = None,
    prediction: str = CALIBRATED,
    combiner_frame: pl.DataFrame | None = None,
    combiner_weighting: str = "none",
    combiner_rows: int = MAX_COMBINER_ROWS,
    threads: int = 1,
    meanwhile: Callable[[], None] = lambda: None,
) -> EvaluationTable:
    """Compare the meta-model with every base model and, in the stratum ``"all"``, with trivial combiners of them.

    Parameters
    ----------
    frame : polars.DataFrame
        Table as in :class:`meta_models.result.TrainingResult` (``oof``); for an external table the same columns with
        ``fold`` -1. Column ``screened`` may be missing.
    bases : sequence of BaseModel
        Main one first.
    weighting : str
        ``"sampling_weight"``, ``"true_prevalence"`` or ``"none"``. Other than ``"none"``, the genomic population is
        weighted by column ``weight`` and is the headline.
    best_base : str, mapping of fold to str, or None
        Name of the opponent of the headline for all rows or by fold. None chooses it on the other folds, or, where
        there is one fold only, on the rows themselves, which favours the base.
    strata : mapping of name to boolean expression, optional
        Default: :func:`standard_strata` without chromosomes. ``"all"`` is always added.
    prediction : str
        Prefix of the probability columns that stand for the meta-model: ``"calibrated"`` or ``"raw"``.
    combiner_frame : polars.DataFrame, optional
        Rows to fit the logistic combiner on (the OOF table, for an external one); by default it is cross-fitted over
        the folds of `frame`. Combiners exist where there are two base models or more.
    combiner_weighting : str
        As `weighting`, of `combiner_frame`.
    combiner_rows : int
        Most rows the logistic combiner is fitted on: all sites and a draw of the others.
    threads : int
        Strata compared, and folds of the logistic combiner fitted, at the same time, in processes of their own;
        changes no figure.
    meanwhile : callable, optional
        Called while other processes compare.

    Raises
    ------
    InputError
        If a score is null, not finite or negative.
    """
    by_fold = _opponent_by_fold(frame, bases, best_base, weighting)
    draws = _Resamples(bootstrap_samples, seed)
    with threadpool_limits(1, user_api="blas"):  # its threads would wait for one another, and sum in another order
        trivial: Mapping[str, Scores] = {}
        if len(bases) > 1:
            of_frame = combiner_weighting if combiner_frame is not None else weighting
            trivial = _combined(frame, bases, of_frame, combiner_frame, combiner_rows, seed, threads)
        table = _Table(
            labels=frame["label"].to_numpy(),
            weight=_weight(frame, weighting),
            families=frame["family"].cast(pl.String).rank("dense").to_numpy().astype(np.int64),
            meta=_scores(frame, probability_columns(prediction)),
            opponents=_opponents(frame, bases, by_fold),
            trivial=trivial,
            strata=_masks(frame, strata or standard_strata(frame)),
            draws=draws,
        )
        jobs = table.jobs()
        found = run_shares(
            jobs, table.compared, [table.cost(job) for job in jobs], processes=threads, meanwhile=meanwhile
        )
    fitted_on = frame if combiner_frame is None else combiner_frame
    drawn = combiner_note(fitted_on.height, combiner_rows)
    rows = tuple(_noted(row, drawn) for job in jobs for row in found[job])
    return EvaluationTable(rows, _headline(rows, bases, weighting, by_fold), bootstrap_samples, seed)


class _Resamples(NamedTuple):
    """How many, and by which seed."""

    samples: int
    seed: int


def _noted(row: EvaluationRow, drawn: str) -> EvaluationRow:
    """`row`, of the logistic combiner with what rows it is fitted on."""
    if not drawn or row.base_model != LOGISTIC_COMBINER:
        return row
    return replace(row, note="; ".join(filter(None, (row.note, f"{LOGISTIC_COMBINER}: {drawn}"))))


def _masks(frame: pl.DataFrame, strata: Mapping[str, pl.Expr]) -> dict[str, NDArray[np.bool_]]:
    """Which rows each stratum holds, (n,) each; all rows first."""
    everything = pl.repeat(value=True, n=pl.len())
    chosen = {ALL_ROWS: pl.lit(value=True)} | dict(strata)
    masks = frame.select((everything & mask.fill_null(value=False)).alias(name) for name, mask in chosen.items())
    return {name: masks[name].to_numpy() for name in chosen}


@dataclass(frozen=True)
class _Table:
    """All that is compared, (n,) or (n, 3) arrays; a job is a stratum and a population."""

    labels: NDArray[np.uint8]
    weight: NDArray[np.float64] | None
    families: NDArray[np.int64]
    meta: Scores
    opponents: Mapping[str, Scores]
    trivial: Mapping[str, Scores]
    strata: Mapping[str, NDArray[np.bool_]]
    draws: _Resamples

    def jobs(self) -> list[tuple[str, str]]:
        """Strata and populations in the order of the rows of the evaluation."""
        populations = (TABLE,) if self.weight is None else (TABLE, GENOMIC)
        return [(stratum, population) for stratum in self.strata for population in populations]

    def cost(self, job: tuple[str, str]) -> float:
        """What comparing one stratum takes, next to others: each scorer sorts the rows and resamples the sites."""
        stratum, _ = job
        inside = self.strata[stratum]
        scorers = (
            1
            + len({id(scores) for scores in self.opponents.values()})
            + (len(self.trivial) if stratum == ALL_ROWS else 0)
        )
        sites = np.count_nonzero(inside & (self.labels != SpliceClass.NEITHER))
        return float(scorers * (np.count_nonzero(inside) + sites * self.draws.samples / 100))

    def compared(self, job: tuple[str, str]) -> list[EvaluationRow]:
        """The rows of one stratum and population."""
        stratum, population = job
        index = np.flatnonzero(self.strata[stratum])
        families, family = np.unique(self.families[index], return_inverse=True)
        weight = None if population == TABLE or self.weight is None else self.weight[index]
        thinned = population == TABLE and self.weight is not None and bool(np.any(self.weight != 1))
        part = Rows(self.labels[index], weight, family, len(families), thinned=thinned)
        draws = Draws.make(len(families), *self.draws) if len(index) else None
        of_meta = figures_of(part, self.meta[index], draws)
        cells: dict[int, list[dict[str, Any]]] = {}
        rows = []
        for name, scores in {**self.opponents, **(self.trivial if stratum == ALL_ROWS else {})}.items():
            if id(scores) not in cells:
                cells[id(scores)] = compare(part, figures_of(part, scores[index], draws), of_meta)
            rows += [
                EvaluationRow(population=population, stratum=stratum, base_model=name, **cell)
                for cell in cells[id(scores)]
            ]
        return rows


def _opponent_by_fold(
    frame: pl.DataFrame, bases: Sequence[BaseModel], best_base: str | Mapping[int, str] | None, weighting: str
) -> dict[int, str]:
    folds = sorted(frame["fold"].unique().to_list())
    if isinstance(best_base, str):
        return dict.fromkeys(folds, best_base)
    if best_base is not None:
        return {fold: best_base[fold] for fold in folds}
    if len(folds) > 1:
        return choose_best_base(frame, bases, weighting=weighting)
    return dict.fromkeys(folds, best_base_overall(frame, bases, weighting=weighting))


def _opponents(frame: pl.DataFrame, bases: Sequence[BaseModel], by_fold: Mapping[int, str]) -> dict[str, Scores]:
    """Best base first, then every base model; the same array stands for both where one is chosen throughout."""
    scores = {base.name: _scores(frame, base.columns) for base in bases}
    names = sorted(set(by_fold.values()))
    best = scores[names[0]]
    if len(names) > 1:
        best, fold = best.copy(), frame["fold"].to_numpy()
        for held_out, name in by_fold.items():
            best[fold == held_out] = scores[name][fold == held_out]
    return {BEST_BASE: best, **scores}


def _combined(
    frame: pl.DataFrame,
    bases: Sequence[BaseModel],
    weighting: str,
    combiner_frame: pl.DataFrame | None,
    max_rows: int,
    seed: int,
    threads: int,
) -> dict[str, Scores]:
    scores = [_scores(frame, base.columns) for base in bases]
    found: dict[str, Scores] = {MEAN_COMBINER: combiners.mean_of_scores(scores)}
    source = frame if combiner_frame is None else combiner_frame
    labels, weight = source["label"].to_numpy(), _weight(source, weighting)
    logistic: Scores | None = None
    if combiner_frame is None:
        fold = frame["fold"].to_numpy()
        logistic = combiners.cross_fitted_logistic(
            labels, scores, fold, weight, max_rows=max_rows, seed=seed, threads=threads
        )
    else:
        fitted_on = [_scores(source, base.columns) for base in bases]
        model = combiners.fit_logistic(labels, fitted_on, weight, max_rows=max_rows, seed=seed)
        logistic = None if model is None else combiners.predict_logistic(model, scores)
    return found if logistic is None else found | {LOGISTIC_COMBINER: logistic}


def _headline(
    rows: Sequence[EvaluationRow], bases: Sequence[BaseModel], weighting: str, by_fold: Mapping[int, str]
) -> Headline:
    population = TABLE if weighting == "none" else GENOMIC
    mean = [row for row in rows if (row.metric, row.target) == ("average_precision", "mean")]
    found = {(row.population, row.base_model): row for row in mean if row.stratum == ALL_ROWS}
    trivial = [found[population, name] for name in (MEAN_COMBINER, LOGISTIC_COMBINER) if (population, name) in found]
    chosen = Counter(by_fold.values())
    return Headline(
        population=population,
        row=found[population, BEST_BASE],
        main=found[population, bases[0].name],
        table=found[TABLE, BEST_BASE],
        combiners=tuple(trivial),
        chosen={name: chosen[name] for name in sorted(chosen)},
        strata=tuple(
            row
            for row in mean
            if row.stratum in (BASE_TRAIN, NOT_BASE_TRAIN, UNKNOWN_CHROM)
            and (row.population, row.base_model) == (population, BEST_BASE)
            and row.rows
        ),
    )


def _weight(frame: pl.DataFrame, weighting: str) -> NDArray[np.float64] | None:
    return None if weighting == "none" else frame["weight"].cast(pl.Float64).to_numpy()


def _scores(frame: pl.DataFrame, columns: Sequence[str]) -> Scores:
    for column in columns:
        values = frame[column]
        bad = values.null_count() + int((~values.is_finite() | (values < 0)).sum())
        if bad:
            raise InputError(
                "Scores and probabilities must be finite and not negative",
                f"Found {bad} other values (null, NaN, infinite or negative) in column {column}",
                "Correct the table",
            )
    return frame.select(columns).to_numpy()
