"""What mining negatives brought, round by round, on all positions of the training genes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from meta_models.analysis.framework.base import Analysis, AnalysisContext, Findings
from meta_models.analysis.framework.outcome import Outcome, ReportTable
from meta_models.analysis.plots import style
from meta_models.analysis.plots.lines import Line, draw_lines
from meta_models.result import MiningRecord

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_ALL = -1
_CAPTION = (
    "One row per round and fold (fold -1: all genes out of fold; its mined rows are those of the final model), and in "
    "an ensemble per member, which mines for itself and is scored alone, on the genes of its batch. Round 0 "
    "is the table alone. certain: negatives of the table that are as hard as those mined, and hence count 1. Average "
    "precision on all positions of the held-out genes, before calibration. chosen: the fold's models are of this "
    "round, as the other folds decided."
)
_PICTURE = (
    "Average precision on all positions of the training genes, out of fold, after each round of mining: each fold "
    "(grey, dashed) and all folds together (blue; in an ensemble one line for each member, alone, on its own batch)."
)
_SCHEMA = {
    "round": pl.Int64, "fold": pl.Int64, "mined": pl.Int64, "certain": pl.Int64, "threshold": pl.Float64,
    "donor": pl.Float64, "acceptor": pl.Float64, "chosen": pl.Boolean, "member": pl.Int64,
}  # fmt: skip


class Mining(Analysis):
    """Writes ``mining.csv``."""

    code = "mining"
    title = "Mined negatives"

    def run(self, context: AnalysisContext) -> Outcome:
        """Show the records of mining."""
        records = context.result.mining
        if not records:
            return self.not_applicable("no negatives were mined (--mine-negatives)")
        found = Findings(context.writer)
        table = mining_table(records)
        file = found.write("mining.csv", table)
        found.tables.append(ReportTable("Rounds of mining", table, _CAPTION, file))
        self._say(found, table)
        with style.style():
            found.draw("performance_plots/mining.png", _figure(table), "Average precision by round of mining", _PICTURE)
        rounds = max(record.round for record in records)
        return self.done(found, f"{rounds} rounds of mining, {len({record.fold for record in records}) - 1} folds")

    @staticmethod
    def _say(found: Findings, table: pl.DataFrame) -> None:
        pooled = table.filter(pl.col("fold") == _ALL)
        first, last = (pooled.filter(rows)["mean"].mean() for rows in (pl.col("round") == 0, pl.col("chosen")))
        if isinstance(first, float) and isinstance(last, float) and table["round"].max() and last <= first:
            found.warn(
                f"Mining did not raise average precision on all positions ({first:.4f} before, {last:.4f} kept)."
            )


def mining_table(records: Sequence[MiningRecord]) -> pl.DataFrame:
    """One row per round and fold (and member), with the mean of donor and acceptor."""
    frame = pl.DataFrame([asdict(record) for record in records], schema=_SCHEMA)
    return frame.insert_column(7, ((pl.col("donor") + pl.col("acceptor")) / 2).alias("mean"))


def _figure(table: pl.DataFrame) -> Figure:
    figure, axes = style.new_figure(1, 3, width=3.6, height=3.2)
    for ax, column in zip(axes[0], ("donor", "acceptor", "mean"), strict=True):
        members = table.partition_by("member", maintain_order=True)
        folds = sorted(set(table["fold"]) - {_ALL}) if len(members) == 1 else []
        lines = [_line(table, fold, column) for fold in folds] + [_line(part, _ALL, column) for part in members]
        draw_lines(ax, lines, title=column, x_label="round of mining", y_label="average precision", legend=None)
        ax.set_xticks(sorted(set(table["round"])))
    kinds = {str(line.get_linestyle()): line for line in axes[0][0].lines}
    names = {"-": "all folds together", "--": "each fold"}
    labels = [names[kind] for kind in kinds]
    figure.legend(list(kinds.values()), labels, loc="outside lower center", ncols=len(labels), fontsize=8.5)
    return figure


def _line(table: pl.DataFrame, fold: int, column: str) -> Line:
    rows = table.filter(pl.col("fold") == fold).sort("round")
    x, y = rows["round"].to_numpy().astype(np.float64), rows[column].cast(pl.Float64).to_numpy()
    name, colour = ("all folds", style.BLUE) if fold == _ALL else (f"fold {fold}", style.GREY)
    return Line(name, x, y, colour, dashed=fold != _ALL)
