"""Mutated boosters with hashes made right crash nothing."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("mutants.py")


def outcomes(first: int, last: int, *, timeout: int) -> Counter[str]:
    environment = {"PYTHONPATH": ":".join(sys.path), "OMP_NUM_THREADS": "1", "PYTHONFAULTHANDLER": "1"}
    done = subprocess.run([sys.executable, PROGRAM, str(first), str(last)], capture_output=True, text=True,
                          env=environment, timeout=timeout, check=False)  # fmt: skip
    assert done.returncode == 0, f"died after {done.stdout.splitlines()[-1:]}: {done.stderr[-2000:]}"
    return Counter(line.split(" ", 1)[1] for line in done.stdout.splitlines())


@pytest.mark.parametrize("count", [200, pytest.param(2000, marks=pytest.mark.slow)])
def test_mutated_boosters_are_refused_or_harmless(count, record_property):
    found = outcomes(0, count, timeout=count)
    record_property("outcomes", dict(found))
    assert sum(found.values()) == count
    assert found["refused"] > count / 2
    assert found["fine"] > 0
