"""Pictures of a search: what stands on their axes, and the colours of learners."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from matplotlib.colors import to_hex

from meta_models.analysis.plots import style
from meta_models.learners.classical.logistic import LogisticConfig
from meta_models.search.figures import colours_of, history_png, values_png, without_a_place
from meta_models.search.space import Choices, LearnerSpace, Parameter, Range
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


def test_a_start_that_is_none_of_the_choices_stands_behind_them(drawn: list[Any]) -> None:
    space = LearnerSpace("logistic", LogisticConfig(), (Parameter("penalty", Choices((0.5, 0.25))),))
    tried = [
        Trial(k, "logistic", {"penalty": penalty}, TrialState.COMPLETE, (0.7 + k / 10,))
        for k, penalty in enumerate((0.1, 0.25, 0.5))
    ]
    values_png(space, tried, tried[2], "blue")
    (ax,) = drawn[0].axes
    assert [text.get_text() for text in ax.get_xticklabels()] == ["0.5", "0.25", "0.1\n(start)"]
    assert ax.collections[0].get_offsets()[:, 0].tolist() == [2, 1, 0]
    assert without_a_place(space, tried) == {}


@pytest.mark.parametrize(("start", "log", "hidden"), [(0.0, True, True), (0.0, False, False), (None, False, True)])
def test_a_start_that_an_axis_cannot_show_is_told(start: float | None, log: bool, hidden: bool) -> None:
    space = LearnerSpace("logistic", LogisticConfig(), (Parameter("penalty", Range(0.1, 1.0, log=log)),))
    tried = [Trial(0, "logistic", {"penalty": start}, TrialState.COMPLETE, (0.7,)), *trials(0.6)]
    assert without_a_place(space, tried) == ({"penalty": start} if hidden else {})
