"""Options of classical learners that contradict one another, or that nothing would look at."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from meta_models.learners.classical.knn import NearestNeighboursConfig
from meta_models.learners.classical.svm import SupportVectorMachineConfig


def test_more_neighbours_than_references_are_refused() -> None:
    assert NearestNeighboursConfig(k=100, max_references=100).k == 100
    with pytest.raises(ValidationError, match="k 200 neighbours cannot vote, found max_references 100"):
        NearestNeighboursConfig(k=200, max_references=100)


@pytest.mark.parametrize(
    ("kernel", "option", "other"),
    [
        ("exact", {"landmarks": 400}, "nystroem"),
        ("exact", {"max_iterations": 20}, "nystroem"),
        ("nystroem", {"max_rows": 100}, "exact"),
    ],
)
def test_options_of_the_other_kernel_are_refused(kernel: Any, option: dict[str, int], other: Any) -> None:
    (name, value), *_ = option.items()
    assert getattr(SupportVectorMachineConfig(kernel=other, **option), name) == value
    with pytest.raises(ValidationError, match=f"{name} {value} belongs to kernel {other}, found kernel {kernel}"):
        SupportVectorMachineConfig(kernel=kernel, **option)
