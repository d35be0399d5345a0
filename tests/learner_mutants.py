"""``learner_mutants.py NAME N``: damages the files of a fitted learner N times, and restores and asks what comes of it.

Ends with 0 where each mutant was refused with `MalformedModel`, or gave scores without harm; prints how many of each.
"""

from __future__ import annotations

import io
import pickle
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
from learner_cases import fit_all, learner, make_rows

from meta_models.learners.seam import MalformedModel


class Bomb:
    """What makes a trace where a pickle is run."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> object:
        return (Path.touch, (self.trace,))


def mutant(data: bytes, random: np.random.Generator, trace: Path) -> bytes:
    kind, changed = random.integers(0, 9), bytearray(data)
    place = int(random.integers(0, len(data)))
    if kind <= 2:  # bits
        for _ in range(int(random.choice([1, 8, 40]))):
            changed[int(random.integers(0, len(data)))] ^= 1 << int(random.integers(0, 8))
    elif kind == 3:
        del changed[place:]
    elif kind == 4:
        del changed[place : place + int(random.choice([1, 4, 8]))]
    elif kind == 5:
        changed[place:place] = random.bytes(int(random.choice([1, 4, 8])))
    elif kind == 6:  # numbers that are out of any range
        value, form = random.choice([np.nan, np.inf, -np.inf, 3e38, -1.0]), random.choice(["<f4", "<f8", ">f4"])
        number = np.array(value, form).tobytes()
        place -= place % len(number)
        changed[place : place + len(number)] = number
    elif kind == 7:
        changed[place : place + 4] = np.array(random.choice([-1, 2**31 - 1, 255, 7]), ">i4").tobytes()
    else:
        buffer = io.BytesIO()
        np.save(buffer, np.array([Bomb(trace)], object), allow_pickle=True)
        return random.choice([buffer.getvalue(), pickle.dumps(Bomb(trace))])
    return bytes(changed)


def main(name: str, n: int) -> Counter[str]:
    rows, kind, found = make_rows(300), learner(name), Counter[str]()
    files = fit_all(name, rows)[0].files()
    whole = kind.restore(files, 6, 3).scores(rows.matrix)
    random = np.random.default_rng(0)
    trace = Path(tempfile.mkdtemp()) / "ran"
    for _ in range(n):
        file = str(random.choice(sorted(files)))
        try:
            scores = kind.restore(files | {file: mutant(files[file], random, trace)}, 6, 3).scores(rows.matrix)
        except MalformedModel:
            found["refused"] += 1
            continue
        harmless = scores.shape == whole.shape and bool(((scores >= 0) & (scores <= 1)).all())
        found["harmful" if not harmless else "unchanged" if (scores == whole).all() else "other scores"] += 1
    found["executed"] += trace.exists()
    return found


if __name__ == "__main__":
    outcome = main(sys.argv[1], int(sys.argv[2]))
    sys.stdout.write(f"{sys.argv[1]} {dict(outcome)}\n")
    sys.exit(int(outcome["harmful"] + outcome["executed"] > 0))
