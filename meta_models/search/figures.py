"""How a search went: every trial and the best so far; what each option weighs; where good values lie."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from meta_models.analysis.plots import style
from meta_models.analysis.plots.features import draw_bars
from meta_models.search.space import Choices, LearnerSpace, Range, Value
from meta_models.search.trials import Trial, TrialState

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOURS = (style.BLUE, style.ORANGE, style.GREEN, style.PURPLE, style.SKY, style.RED)
#: Axes of a row of small figures.
_PER_ROW = 4
#: How far the line of the best goes on behind the last trial, which may be the best itself.
_BEHIND = 0.5
#: Share of the trials, the worst ones, that may lie below the figure: one bad trial would flatten all others.
_BELOW = 0.15


def colours_of(trials: Sequence[Trial]) -> dict[str, str]:
    """The colour of each learner, the same in all figures of a search."""
    return dict(zip(dict.fromkeys(trial.learner for trial in trials), itertools.cycle(_COLOURS), strict=False))


def history_png(trials: Sequence[Trial], winner: Trial) -> bytes:
    """Each trial's mean over its folds, and the best complete one so far."""
    with style.style():
        figure, axes = style.new_figure(1, 1, width=8.4, height=3.6)
        _draw_history(axes[0][0], trials, winner)
        return style.png_bytes(style.settled(figure))


def importance_png(shares: Mapping[str, Mapping[str, float]]) -> bytes:
    """Share of each option, one column of bars for each learner."""
    most = max(map(len, shares.values()))
    with style.style():
        figure, axes = style.new_figure(1, len(shares), width=8.4 / max(1, len(shares)), height=0.9 + 0.32 * most)
        for ax, (learner, found) in zip(axes[0], shares.items(), strict=True):
            names, values = list(found), np.array(list(found.values()))
            draw_bars(ax, names, values, [style.BLUE] * len(names), title=learner, x_label="share")
        return style.png_bytes(style.settled(figure))


def values_png(space: LearnerSpace, trials: Sequence[Trial], winner: Trial, colour: str) -> bytes:
    """The mean of each trial of a learner, of that `colour`, over the value of each option."""
    names = list(dict.fromkeys(name for trial in trials for name in trial.values))
    rows = -(-len(names) // _PER_ROW)
    columns = min(_PER_ROW, len(names))
    with style.style():
        figure, axes = style.new_figure(rows, columns, width=8.8 / columns, height=2.4, share_y=True)
        flat = [ax for row in axes for ax in row]
        for ax, name in zip(flat, names, strict=False):
            _draw_values(ax, space, name, trials, winner, colour)
        for ax in flat[len(names) :]:
            ax.set_axis_off()
        for row in axes:
            row[0].set_ylabel("mean AP")
        return style.png_bytes(style.settled(figure))


def _draw_history(ax: Axes, trials: Sequence[Trial], winner: Trial) -> None:
    from matplotlib.ticker import MaxNLocator

    for learner, colour in colours_of(trials).items():
        for state, face in ((TrialState.COMPLETE, colour), (TrialState.PRUNED, "none")):
            mine = [t for t in trials if t.learner == learner and t.state is state and t.value is not None]
            if mine:
                name = learner if state is TrialState.COMPLETE else f"{learner}, given up"
                ax.scatter([t.number for t in mine], [t.height for t in mine], s=30, facecolors=face, edgecolors=colour,
                           label=name, zorder=3)  # fmt: skip
    complete = [t for t in trials if t.state is TrialState.COMPLETE]
    best = np.maximum.accumulate([t.value or 0.0 for t in complete])
    ends = [*(t.number for t in complete), trials[-1].number + _BEHIND]
    ax.step(ends, [*best, best[-1]], where="post", color=style.GREY, lw=1.4, label="best so far")
    ax.plot(winner.number, winner.height, marker="*", ms=15, color=style.RED, mec="white", zorder=4, label="chosen",
            ls="none")  # fmt: skip
    ax.set(xlabel="trial", ylabel="mean average precision over its folds", title="Trials")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    _limit(ax, trials)
    ax.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))


def _draw_values(ax: Axes, space: LearnerSpace, name: str, trials: Sequence[Trial], winner: Trial, colour: str) -> None:
    from meta_models.analysis.plots.logarithmic import alike, round_ticks

    domain = _domain(space, name)
    choices = _choices(domain, [t.values[name] for t in trials if name in t.values])
    for state, face in ((TrialState.COMPLETE, colour), (TrialState.PRUNED, "none")):
        mine = [t for t in trials if name in t.values and t.state is state]
        places = [_place(t.values[name], choices) for t in mine]
        ax.scatter(places, [t.height for t in mine], s=20, facecolors=face, edgecolors=colour)
    if name in winner.values:
        ax.plot(_place(winner.values[name], choices), winner.height, marker="*", ms=12, color=style.RED, mec="white")
    if isinstance(domain, Choices):
        apart = [f"{value}\n(start)" for value in choices[len(domain.values) :]]
        ax.set_xticks(range(len(choices)), [*map(str, domain.values), *apart])
    elif domain.log:
        ticks = round_ticks(domain.low, domain.high)
        ax.set_xscale("log")
        ax.set_xticks(ticks, alike(ticks))
        ax.minorticks_off()
    ax.set(title=name)
    _limit(ax, trials)


def without_a_place(space: LearnerSpace, trials: Sequence[Trial]) -> dict[str, Value]:
    """Values that no axis can show: a start outside of its range that is no number, or not above 0 on a log scale."""
    tried = [(name, value, _domain(space, name)) for trial in trials for name, value in trial.values.items()]
    return {name: value for name, value, domain in tried if isinstance(domain, Range) and not _has_place(value, domain)}


def _has_place(value: Value, axis: Range) -> bool:
    place = _place(value, ())
    return bool(np.isfinite(place)) and (place > 0 or not axis.log)


def _domain(space: LearnerSpace, name: str) -> Range | Choices:
    return next(parameter.domain for parameter in space.parameters if parameter.name == name)


def _choices(domain: Range | Choices, tried: Sequence[Value]) -> tuple[Value, ...]:
    """The values of an axis: the choices, and behind them a start that is none of them; empty of a range."""
    if isinstance(domain, Range):
        return ()
    return (*domain.values, *dict.fromkeys(value for value in tried if value not in domain.values))


def _place(value: Value, choices: Sequence[Value]) -> float:
    """Where a value stands on its axis, of `choices` or else of numbers; NaN of one that is no number."""
    if choices:
        return float(choices.index(value))
    return float(value) if isinstance(value, int | float) else float("nan")


def _limit(ax: Axes, trials: Sequence[Trial]) -> None:
    """Have the axis begin where the worst trials are left out, if they would take most of it."""
    values = np.array([t.value for t in trials if t.value is not None])
    low, high, least = float(np.quantile(values, _BELOW)), float(values.max()), float(values.min())
    if high > low and (high - least) > 3 * (high - low):
        ax.set_ylim(low - 0.35 * (high - low), high + 0.12 * (high - low))
