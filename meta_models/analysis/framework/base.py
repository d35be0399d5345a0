"""What an analysis is and what it is given."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, cast

import numpy as np
import polars as pl
from numpy.typing import NDArray

from meta_models.analysis.attribution.contributions import (
    Contributions,
    explain,
    parts_of,
    require_memory,
    spread_sample,
)
from meta_models.analysis.comparison.evaluate import comparing_processes, evaluate
from meta_models.analysis.comparison.fold_metrics import fold_metrics
from meta_models.analysis.comparison.scores import Scores
from meta_models.analysis.comparison.sources import RowSource
from meta_models.analysis.comparison.strata import with_strata
from meta_models.analysis.comparison.table import EvaluationTable
from meta_models.analysis.framework.outcome import Outcome, ReportTable, Status
from meta_models.analysis.framework.sources import ArtifactWriter, Retrainer
from meta_models.analysis.plots import style
from meta_models.analysis.plots.sheets import Page, Sheet
from meta_models.config import TrainingConfig
from meta_models.dataset.genes.folder import GeneFolder
from meta_models.result import Note, TrainingResult

if TYPE_CHECKING:
    from matplotlib.figure import Figure

log = logging.getLogger(__name__)

#: Most bytes of feature values that stay in memory from one analysis to the next.
_HELD_BYTES = 64 << 20


@dataclass(frozen=True)
class AnalysisContext:
    """All that the analyses share; what is costly is computed once, when first asked for.

    Attributes
    ----------
    writer : ArtifactWriter
        Where artifacts go.
    rows : RowSource or None
        Source of feature values; without it SHAP, permutation and strata by features are not applicable.
    retrainer : Retrainer or None
        Trains again; without it the analyses that need it are not applicable, because of `no_retrainer`.
    budget : int or None
        Memory budget in bytes.
    threads : int
        Threads for predictions and contributions.
    genes : GeneFolder or None
        The genes of the table, where a learner reads them whole.
    """

    result: TrainingResult
    writer: ArtifactWriter
    rows: RowSource | None = None
    retrainer: Retrainer | None = None
    no_retrainer: str = "this run has no source of rows to train on again"
    budget: int | None = None
    threads: int = 1
    genes: GeneFolder | None = None

    @property
    def config(self) -> TrainingConfig:
        """The configuration of the run."""
        return self.result.config

    @cached_property
    def scores(self) -> Scores:
        """The out-of-fold table as arrays."""
        return Scores(self.result)

    @cached_property
    def strata(self) -> tuple[pl.DataFrame, dict[str, pl.Expr]]:
        """The out-of-fold table, with the feature columns that strata need, and the strata over it."""
        return with_strata(self.result, self.rows)

    @cached_property
    def evaluation(self) -> EvaluationTable:
        """Base against meta-model in every stratum."""
        frame, strata = self.strata
        log.info("comparing base and meta-model in %d strata", len(strata))
        return evaluate(
            frame,
            self.result.bases,
            weighting=self.result.weighting,
            bootstrap_samples=self.config.bootstrap_samples,
            seed=self.config.seed,
            best_base=self.result.best_base_by_fold,
            strata=strata,
            combiner_rows=self.config.combiner_rows,
            threads=self.comparing,
            meanwhile=style.load,
        )

    @property
    def comparing(self) -> int:
        """Processes that compare at a time."""
        return comparing_processes(self.threads, self.result.oof.height, self.budget)

    @cached_property
    def fold_metrics(self) -> pl.DataFrame:
        """The metrics of every fold and pooled."""
        result = self.result
        return fold_metrics(result.oof, result.bases, weighting=result.weighting, threads=self.comparing)

    @property
    def known_evaluation(self) -> EvaluationTable | None:
        """The evaluation, if some analysis has asked for it already."""
        found: EvaluationTable | None = vars(self).get("evaluation")
        return found

    @cached_property
    def contributions(self) -> Contributions:
        """SHAP values of a sample of rows, shared by the analyses that rank features.

        Raises
        ------
        LookupError
            Without a row source, or where the learner gives no contributions.
        MemoryBudgetError
            If they would not fit into the budget.
        """
        model = self.result.model
        parts = parts_of(model)
        if parts is None:
            raise LookupError("the learner of this model gives no contributions of features")
        require_memory(min(self.config.shap_rows, len(self.scores.labels)), len(self.result.kept_features), self.budget)
        rows = spread_sample(self.scores.labels, self.scores.genes, self.config.shap_rows, self.config.seed)
        return explain(parts, model, rows, self.read_rows(rows))

    @cached_property
    def retrained(self) -> NDArray[np.float64]:
        """Out-of-fold probabilities (n_rows, 3) on the cheap setting, with all features, genes and labels.

        Raises
        ------
        LookupError
            Without a retrainer; analyses ask for it first.
        """
        if self.retrainer is None:
            raise LookupError(self.no_retrainer)
        return self.retrainer.retrain(self.result.kept_features)

    def read_rows(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Values of the kept features of `rows`, (n, n_features) float32 in the order of the model's columns.

        Raises
        ------
        LookupError
            Without a row source; analyses ask for `rows` first.
        """
        if self.rows is None:
            raise LookupError("this run has no source of feature values")
        if 4 * len(self.scores.labels) * len(self.result.kept_features) <= _HELD_BYTES:
            return self._held_rows[rows]
        return self.rows.read_rows(rows, self.result.kept_features)

    @cached_property
    def _held_rows(self) -> NDArray[np.float32]:
        """All rows of a small table, which is decoded once for all analyses."""
        return cast("RowSource", self.rows).read_rows(np.arange(len(self.scores.labels)), self.result.kept_features)


@dataclass
class Findings:
    """Collects what an analysis makes, in the order in which it makes it."""

    writer: ArtifactWriter
    notes: list[Note] = field(default_factory=list)
    tables: list[ReportTable] = field(default_factory=list)
    sheets: list[Sheet] = field(default_factory=list)
    artifacts: list[str] = field(default_factory=list)

    def warn(self, text: str) -> None:
        """Something that makes the outcome a finding."""
        self.notes.append(Note("warning", text))

    def tell(self, text: str) -> None:
        """Something worth knowing."""
        self.notes.append(Note("info", text))

    def write(self, name: str, data: bytes | str | pl.DataFrame | object) -> str:
        """Write an artifact: a frame by its suffix (csv, tsv, parquet), bytes, text, or a value as JSON."""
        if isinstance(data, pl.DataFrame):
            self._write_frame(name, data)
        elif isinstance(data, bytes):
            self.writer.write_bytes(name, data)
        elif isinstance(data, str):
            self.writer.write_text(name, data)
        else:
            self.writer.write_json(name, data)
        self.artifacts.append(name)
        return name

    def draw(
        self, name: str, figure: Figure | Callable[[], Figure], title: str, caption: str, *, pdf: str = ""
    ) -> None:
        """Have `figure`, or what it makes, drawn as PNG `name` for the report and, where `pdf` names one, as PDF."""
        self.draw_pages([Page(figure, name, title, caption)], pdf)

    def draw_pages(self, pages: Sequence[Page], pdf: str) -> None:
        """Have `pages` drawn, each as PNG for the report where it has a file, and all of them as one PDF."""
        self.sheets.append(Sheet(tuple(pages), pdf))

    def _write_frame(self, name: str, frame: pl.DataFrame) -> None:
        if name.endswith(".parquet"):
            text = frame.with_columns(pl.col(pl.Categorical).cast(pl.String))
            self.writer.write_parquet(name, text.to_arrow(compat_level=pl.CompatLevel.oldest()))
        else:
            self.writer.write_text(name, frame.write_csv(separator="\t" if name.endswith(".tsv") else ","))


class Draws(IntEnum):
    """How much an analysis draws."""

    NOTHING = 0
    ONE = 1
    SEVERAL = 2


class Analysis(ABC):
    """One analysis: a code to name it by, a title for people, whether it trains again (slow), and how much it draws.

    Subclasses stand in :data:`meta_models.analysis.registry.ANALYSES`, one a file.
    """

    code: ClassVar[str]
    title: ClassVar[str]
    slow: ClassVar[bool] = False
    draws: ClassVar[Draws] = Draws.SEVERAL

    def value_bytes(self, rows: int, features: int, config: TrainingConfig) -> int:
        """Bytes of the feature values that are looked at, in a table of so many rows and features."""
        del rows, features, config
        return 0

    @abstractmethod
    def run(self, context: AnalysisContext) -> Outcome:
        """Look, write artifacts, and say what was found."""

    def done(self, found: Findings, reason: str = "") -> Outcome:
        """The outcome of what was collected: ``finding`` where there is a warning, else ``passed``."""
        warned = any(note.level == "warning" for note in found.notes)
        return Outcome(
            self.code,
            self.title,
            Status.FINDING if warned else Status.PASSED,
            reason,
            tuple(found.notes),
            tuple(found.tables),
            artifacts=tuple(found.artifacts),
            sheets=tuple(found.sheets),
        )

    def not_applicable(self, reason: str) -> Outcome:
        """Nothing to look at, because of `reason`."""
        return Outcome(self.code, self.title, Status.NOT_APPLICABLE, reason)

    def skipped(self, reason: str) -> Outcome:
        """Not run, because of `reason`."""
        return Outcome(self.code, self.title, Status.SKIPPED, reason)


def codes(analyses: Sequence[Analysis]) -> tuple[str, ...]:
    """Their codes, in order."""
    return tuple(analysis.code for analysis in analyses)
