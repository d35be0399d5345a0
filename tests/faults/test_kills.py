"""Runs that are killed or interrupted in the middle and go on: what counts is what lies there in the end."""

from __future__ import annotations

import signal

import pytest
from kills import Kill, Target
from runs import ENSEMBLE, SINGLE


@pytest.fixture(scope="module")
def target(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Target:
    options = {"single": SINGLE, "ensemble": ENSEMBLE}[request.param]
    return Target(request.param, options, tmp_path_factory.mktemp(request.param))


@pytest.mark.parametrize("target", ["single"], indirect=True)
@pytest.mark.parametrize(
    ("phase", "share", "number", "code"),
    [
        ("screening", 0.5, signal.SIGTERM, 143),
        ("training", 0.6, signal.SIGKILL, -signal.SIGKILL),
        ("analysis", 0.3, signal.SIGINT, 130),
    ],
)
def test_a_disturbed_run_goes_on_to_the_same_bytes(
    target: Target, phase: str, share: float, number: int, code: int
) -> None:
    disturbed = target.kill(phase, share, f"{phase}-{number}", number)
    assert disturbed.code == code
    assert disturbed.good, disturbed


@pytest.mark.slow
@pytest.mark.parametrize("target", ["ensemble"], indirect=True)
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_disturbed_ensemble_goes_on_to_the_same_bytes(target: Target, number: int) -> None:
    assert target.kill("training", 0.5, str(number), number).good


def test_what_counts_as_good() -> None:
    good = Kill(
        "single",
        "training",
        0.1,
        143,
        0.5,
        2.0,
        "interrupted",
        (),
        0,
        2,
        (),
        "interrupted (goes on from here with --resume)",
    )
    assert good.good
    for change in (
        {"seconds": 2.5}, {"state": "running"}, {"left": (".tmp-1-0-x",)}, {"resumed": 4}, {"differing": ("a",)},
        {"code": 1}, {"last": ""},
    ):  # fmt: skip
        assert not Kill(**{**good.__dict__, **change}).good
