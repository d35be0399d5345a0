"""What a fit goes on from has a hash of all that the fit depends on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from meta_models.learners.seam.start import Start, start_of

START = Start("run", "xgboost", {"a.ubj": b"1", "b.ubj": b"2"}, 2, 3, ("x", "y"), {"there": "here"})


@pytest.mark.parametrize(
    "change",
    [
        {"learner": "lightgbm"}, {"files": {"a.ubj": b"1", "b.ubj": b"3"}}, {"files": {"a.ubj": b"1", "c.ubj": b"2"}},
        {"features": ("y", "x")}, {"renamed": {}},
    ],
)  # fmt: skip
def test_the_hash_sees_what_matters(change: dict[str, object]) -> None:
    assert replace(START, **change).sha256 != START.sha256


def test_the_hash_sees_nothing_else() -> None:
    other = replace(START, run="elsewhere", files=dict(reversed(START.files.items())))
    assert other.sha256 == START.sha256


def test_a_fit_goes_on_from_its_own_fold_or_from_what_is_for_all() -> None:
    other = replace(START, run="other")
    assert start_of({0: START, None: other}, 0) is START
    assert start_of({0: START, None: other}, 1) is other
    assert start_of({0: START}, 1) is None
