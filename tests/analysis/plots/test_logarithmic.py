"""Numbers beside the ticks of logarithmic axes."""

from __future__ import annotations

import pytest

from meta_models.analysis.plots import style
from meta_models.analysis.plots.logarithmic import alike, make_logarithmic, plain, round_ticks


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (1e-5, "10⁻⁵"),
        (2e-5, "2×10⁻⁵"),
        (9.999999999e-7, "10⁻⁶"),
        (0.001, "0.001"),
        (0.02, "0.02"),
        (1.0, "1"),
        (9000.0, "9000"),
        (1e4, "10⁴"),
        (3e12, "3×10¹²"),
    ],
)
def test_number_beside_a_tick(value: float, text: str) -> None:
    assert plain(value) == text


@pytest.mark.parametrize(("limits", "minor", "named"), [((1e-5, 1.0), False, 3), ((0.002, 0.009), True, 4)])
def test_axis_names_powers_and_what_is_between_them_where_there_are_few(
    limits: tuple[float, float], minor: bool, named: int
) -> None:
    with style.style():
        figure, axes = style.new_figure(1, 1)
        ax = axes[0][0]
        ax.plot([0, 1], limits)
        make_logarithmic(ax, "y", minor=minor)
        ax.set_ylim(limits)
        style.png_bytes(figure)
    texts = {tick.label1.get_text() for tick in [*ax.yaxis.get_major_ticks(), *ax.yaxis.get_minor_ticks()]} - {""}
    assert len(texts) >= named
    assert not any("$" in text for text in texts)
    assert len({"0." in text for text in texts - {"1"}}) == 1


def test_numbers_of_one_axis_are_written_alike() -> None:
    assert alike([0.001, 0.1, 1.0]) == ["0.001", "0.1", "1"]
    assert alike([1e-4, 1e-3, 0.02, 1.0, 10.0]) == ["10⁻⁴", "10⁻³", "2×10⁻²", "1", "10"]
    assert alike([1000.0, 1e4]) == ["10³", "10⁴"]


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0.01, 0.4, [0.01, 0.1]),
        (0.1, 10.0, [0.1, 1, 10]),
        (0.5, 3.0, [0.5, 1, 2]),
        (1e-6, 1e3, [1e-6, 1e-2, 1e2]),
        (3.2, 4.4, [3.2, 4.4]),
    ],
)
def test_ticks_are_round_numbers(low: float, high: float, ticks: list[float]) -> None:
    assert round_ticks(low, high) == pytest.approx(ticks)
