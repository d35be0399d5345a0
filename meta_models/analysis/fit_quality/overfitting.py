"""Does the model learn the genes by heart? Loss curves, gaps at the chosen rounds, spread over the folds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from meta_models.analysis.comparison.scores import META
from meta_models.analysis.framework.base import Analysis, AnalysisContext, Findings
from meta_models.analysis.framework.outcome import Outcome, ReportTable
from meta_models.analysis.plots import style
from meta_models.analysis.plots.lines import Line, draw_lines
from meta_models.metrics import sound_average_precision
from meta_models.result import FitRecord
from meta_models.schema import CLASSES, SITE_CLASSES, SpliceClass

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from meta_models.analysis.plots.lines import Place

FOLDER = "overfitting_analysis"
#: The final model's rounds lie so far from a fold's that they were chosen on unlike losses.
_UNLIKE_ROUNDS = 3.0
#: Held-out loss that ends so many times above its lowest has risen: rounds were taken that did harm.
MOST_RISEN = 1.1


class Overfitting(Analysis):
    """Reads the records of the boosters; trains nothing."""

    code = "overfitting"
    title = "Overfitting"

    def run(self, context: AnalysisContext) -> Outcome:
        """Write losses by round, gaps at the chosen rounds and the spread over the folds."""
        records = context.result.fits
        if not records:
            return self.not_applicable("the strategy recorded no boosters")
        found = Findings(context.writer)
        gaps = gap_table(records)
        file = found.write(f"{FOLDER}/gaps.csv", gaps)
        found.tables.append(ReportTable("Rounds and losses of each booster", gaps, _GAPS, file))
        curves = curve_table(records)
        if curves.height:
            found.write(f"{FOLDER}/loss_curves.csv", curves)
            self._draw(context, found, records)
        else:
            found.tell("The strategy recorded no loss curves.")
        spread = fold_spread(context)
        file = found.write(f"{FOLDER}/fold_spread.csv", spread)
        found.tables.append(ReportTable("Spread over the folds", spread, _SPREAD, file))
        self._judge(context, found, records)
        return self.done(found)

    def _draw(self, context: AnalysisContext, found: Findings, records: Sequence[FitRecord]) -> None:
        if not any(r.train_curve for r in records):
            found.tell(f"Losses by round: not applicable, {context.config.learner.name} has no rounds.")
            return
        with style.style():
            figure = _loss_figure(records, context.config.plot_points)
            found.draw(f"{FOLDER}/loss_curves.png", figure, "Loss by round", _CURVES, pdf=f"{FOLDER}/loss_curves.pdf")

    def _judge(self, context: AnalysisContext, found: Findings, records: Sequence[FitRecord]) -> None:
        """Tell what the rounds say: stopped at the limit, or far apart between folds."""
        limit = context.config.rounds_limit
        if not limit:
            return
        folds = [r for r in records if r.fold >= 0]
        risen = risen_loss(records)
        if risen is not None and risen > MOST_RISEN:
            found.warn(
                f"Overfitting: held-out loss ends at {risen:.2f} times its lowest over the rounds: the last ones did "
                "harm. Take fewer, or --rounds early-stopping."
            )
        at_limit = sum(r.rounds >= limit for r in folds)
        if context.config.rounds != "fixed" and at_limit:
            found.warn(
                f"{at_limit} of {len(folds)} fits of folds used all {limit} rounds, the most they might, and "
                "more of them may score better."
            )
        for target in CLASSES:
            rounds = [r.rounds for r in folds if r.target is target]
            if len(rounds) > 1 and max(rounds) > _UNLIKE_ROUNDS * min(rounds):
                found.tell(
                    f"The folds disagree on the rounds of {target.label}: {min(rounds)} to {max(rounds)}. The genes "
                    "that decide on them are few."
                )


def risen_loss(records: Sequence[FitRecord]) -> float | None:
    """Held-out loss after the last round over the lowest after any, summed over the fits of folds: 1 at least.

    None where no fit has losses by round. The gap to the loss of the rows trained on is no such figure: a run that
    trains longer at a smaller step learns its rows better, and new ones, too.
    """
    curves = [(_known(r), _unseen_loss(r)) for r in records if r.fold >= 0]
    known = [(min(curve.values()), last) for curve, last in curves if last is not None]
    lowest = sum(low for low, _ in known)
    return sum(last for _, last in known) / lowest if lowest else None


_GAPS = (
    "Log-loss after the last round, weighted as in training, on the rows trained on and on rows that were not: the "
    "inner genes that decide when to stop (--rounds early-stopping), else the fold's held-out genes, for the final "
    "members of an ensemble a sample of the other members' genes. The gap is what the booster knows of its own genes "
    "only, and no harm by itself; harm is a held-out loss that has risen above its lowest. 'final' is the model on all "
    "rows."
)
_CURVES = (
    "Log-loss by round, weighted as in training, one line per booster: solid on the rows trained on, dashed on rows "
    "that were not; rounds of nets are epochs. A dashed line that rises while the solid one falls is overfitting."
)
_SPREAD = "Average precision of each class in every held-out fold: lowest, median, highest, standard deviation."


def gap_table(records: Sequence[FitRecord]) -> pl.DataFrame:
    """Rounds, final losses and their gap, one row per booster."""
    rows = []
    for r in sorted(records, key=lambda r: r.order):
        train, unseen = _at_round(r.train_curve, r.rounds), _unseen_loss(r)
        gap = None if train is None or unseen is None else unseen - train
        rows.append((_fold_name(r), r.member, r.of, r.rounds, train, unseen, gap))
    schema = {"fold": pl.String, "member": pl.Int64, "class": pl.String, "rounds": pl.Int64}
    losses = dict.fromkeys(("train_loss", "held_out_loss", "gap"), pl.Float64)
    return pl.DataFrame(rows, schema={**schema, **losses}, orient="row")


def _fold_name(record: FitRecord) -> str:
    return "final" if record.fold < 0 else str(record.fold)


def _at_round(curve: Sequence[float], rounds: int) -> float | None:
    return curve[min(rounds, len(curve)) - 1] if curve and rounds else None


def _held_out(record: FitRecord) -> dict[int, float]:
    """Loss on rows not trained on, by the round that it was taken after."""
    rounds = record.held_out_rounds or range(1, len(record.held_out_curve) + 1)
    return dict(zip(rounds, record.held_out_curve, strict=True))


def _unseen_loss(record: FitRecord) -> float | None:
    """That after the last round of the booster, or the last that it was taken after."""
    known = _known(record)
    return known[max(known)] if known else None


def _known(record: FitRecord) -> dict[int, float]:
    """Loss on rows not trained on, by round, up to the last round of the booster."""
    return {at: loss for at, loss in _held_out(record).items() if at <= record.rounds}


def curve_table(records: Sequence[FitRecord]) -> pl.DataFrame:
    """Losses after each round, one row per booster and round."""
    frames = [
        pl.DataFrame(
            {
                "round": np.arange(1, len(r.train_curve) + 1),
                "train_loss": list(r.train_curve),
                "held_out_loss": [_held_out(r).get(at) for at in range(1, len(r.train_curve) + 1)],
            },
            schema={"round": pl.Int64, "train_loss": pl.Float64, "held_out_loss": pl.Float64},
        ).select(
            pl.lit(_fold_name(r)).alias("fold"),
            pl.lit(r.member).alias("member"),
            pl.lit(r.of).alias("class"),
            pl.all(),
        )
        for r in sorted(records, key=lambda r: r.order)
        if r.train_curve
    ]
    return pl.concat(frames) if frames else pl.DataFrame()


def fold_spread(context: AnalysisContext) -> pl.DataFrame:
    """Spread of the average precision over folds, of every scorer, class and population."""
    scores = context.scores
    rows = []
    for population in scores.populations:
        for target in SITE_CLASSES:
            positive = scores.is_class(target)
            for name, values in scores.scorers.items():
                found = []
                for fold in np.unique(scores.folds):
                    mine = scores.folds == fold
                    value = sound_average_precision(positive[mine], values[mine, target], population.take(mine)).value
                    found += [value] if value is not None else []
                figures = (min(found), float(np.median(found)), max(found)) if found else (None, None, None)
                deviation = float(np.std(found, ddof=1)) if len(found) > 1 else None
                rows.append((population.name, target.label, name, len(found), *figures, deviation))
    schema = {"population": pl.String, "class": pl.String, "scorer": pl.String, "folds": pl.Int64}
    figures_schema = dict.fromkeys(("lowest", "median", "highest", "standard_deviation"), pl.Float64)
    frame = pl.DataFrame(rows, schema={**schema, **figures_schema}, orient="row")
    return frame.sort("population", "class", pl.col("scorer") == META, maintain_order=True)


def _loss_figure(records: Sequence[FitRecord], points: int) -> Figure:
    drawn = {r.of: r.target for r in records if r.train_curve}
    names = sorted(drawn, key=lambda name: drawn[name] is SpliceClass.NEITHER)
    figure, axes = style.new_figure(1, len(names), width=4.2, height=3.3, share_y=True)
    for ax, name in zip(axes[0], names, strict=True):
        mine = [r for r in records if r.of == name and r.train_curve]
        _draw_losses(ax, mine, name, points, legend="upper right" if ax is axes[0][0] else None)
    figure.suptitle("Log-loss by round", fontsize=11)
    return figure


def _draw_losses(ax: Axes, records: Sequence[FitRecord], title: str, points: int, *, legend: Place | None) -> None:
    from meta_models.analysis.plots.logarithmic import make_logarithmic

    lines, named = [], set[str]()
    for r in records:
        final = r.fold < 0
        held_out, train = _held_out(r), dict(enumerate(r.train_curve, start=1))
        pairs = (
            (train, False, "final model, its own rows" if final else "fold, rows trained on"),
            (held_out, True, "final model, other members' rows" if final else "fold, rows held out"),
        )
        for curve, dashed, name in pairs:
            if curve:
                shown = "_" + name if name in named else name
                named.add(name)
                colour = style.ORANGE if dashed else style.GREEN if final else style.BLUE
                lines.append(_loss_line(curve, shown, colour, r.rounds, points, dashed=dashed))
    draw_lines(ax, lines, title=title, x_label="round", y_label="log-loss", legend=legend)
    make_logarithmic(ax, "y", minor=True)


def _loss_line(curve: Mapping[int, float], name: str, colour: str, rounds: int, points: int, *, dashed: bool) -> Line:
    x, values = np.array(list(curve), np.float64), np.array(list(curve.values()), np.float64)
    keep = np.unique(np.linspace(0, len(values) - 1, min(points, len(values))).astype(np.int64))
    at = int(np.searchsorted(x, rounds, side="right")) - 1
    mark = (float(x[at]), float(values[at])) if dashed and at >= 0 else None
    return Line(name, x[keep], values[keep], colour, dashed=dashed, mark=mark)
