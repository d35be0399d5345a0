"""Pictures of a search: what stands on their axes, and the colours of learners."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from matplotlib.colors import to_hex

from meta_models.analysis.plots import style
from meta_models.learners.logistic import LogisticConfig
from meta_models.search.figures import colours_of, history_png, values_png
from meta_models.search.space import LearnerSpace, Parameter, Range
from meta_models.search.trials import Trial, TrialState


def trials(*values: float) -> list[Trial]:
    """Of sgd and logistic by turns."""
    return [
        Trial(k, ("sgd", "logistic")[k % 2], {"penalty": 0.1 / (k + 1)}, TrialState.COMPLETE, (value,))
        for k, value in enumerate(values)
    ]


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Any]:
    """The figures that pictures are made of."""
    monkeypatch.setenv("MPLCONFIGDIR", str(tmp_path))
    figures: list[Any] = []
    monkeypatch.setattr(style, "png_bytes", lambda figure: figures.append(figure) or b"")
    return figures


def test_trials_are_whole_numbers_and_the_best_goes_on_behind_the_last(drawn: list[Any]) -> None:
    tried = trials(0.7, 0.6, 0.8)
    history_png(tried, tried[2])
    (ax,) = drawn[0].axes
    low, high = ax.get_xlim()
    assert all(tick == round(tick) for tick in ax.get_xticks() if low <= tick <= high)
    (best,) = [line for line in ax.lines if line.get_label() == "best so far"]
    assert list(best.get_ydata()) == [0.7, 0.7, 0.8, 0.8]
    assert best.get_xdata()[-1] > 2


def test_a_learner_has_one_colour_in_all_figures(drawn: list[Any]) -> None:
    tried = trials(0.7, 0.9, 0.6, 0.8)
    mine = [trial for trial in tried if trial.learner == "logistic"]
    space = LearnerSpace("logistic", LogisticConfig(), (Parameter("penalty", Range(0.01, 1.0, log=True)),))
    history_png(tried, tried[1])
    values_png(space, mine, tried[1], colours_of(tried)["logistic"])
    of_history = {dots.get_label(): dots.get_facecolor()[0] for dots in drawn[0].axes[0].collections}
    assert to_hex(of_history["logistic"]) == to_hex(drawn[1].axes[0].collections[0].get_facecolor()[0])
    assert to_hex(of_history["sgd"]) != to_hex(of_history["logistic"])
