"""Loads mutated models and predicts with them. A program of its own, because XGBoost may crash the process.

Prints ``seed outcome`` for each mutant: ``refused`` or ``fine``.
"""

from __future__ import annotations

import random
import re
import struct
import sys

from fitted_models import entries, make, rebuilt, rows

from meta_models.errors import UnsafeModelFile
from meta_models.persistence import dump_model, envelope
from meta_models.persistence.model_file import _restore_model

NAME = "members/000/target_1.ubj"
EXTREMES = (0, 1, 2, 5, 6, 7, 255, 1000, 2**31 - 1, -1, -2, -(2**31))


def any_bytes(data: bytearray, rng: random.Random) -> None:
    """Change, insert, remove or repeat bytes anywhere."""
    for _ in range(rng.choice((1, 1, 2, 8))):
        at, length = rng.randrange(len(data)), rng.randrange(1, 9)
        kind = rng.randrange(5)
        if kind == 0:
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            data[at] = rng.randrange(256)
        elif kind == 2:
            del data[at : at + length]
        elif kind == 3:
            data[at:at] = rng.randbytes(length)
        else:
            data[at:at] = data[at : at + length]


def any_number(data: bytearray, rng: random.Random) -> None:
    """Change values inside typed arrays, so that the file still parses."""
    arrays = [m for m in re.finditer(rb"\[\$([ild])#L(.{8})", data, re.DOTALL) if any(m[2])]
    for _ in range(rng.choice((1, 1, 2, 4))):
        match = rng.choice(arrays)
        count = struct.unpack(">q", match[2])[0]
        size, code = {b"i": (1, ">b"), b"l": (4, ">i"), b"d": (4, ">f")}[bytes(match[1])]
        value: float = rng.choice(EXTREMES)
        if code == ">b":
            value = max(-128, min(127, value))
        elif code == ">f":
            value = rng.choice((float("nan"), float("inf"), -1e30, 3e38, 0.0, rng.gauss(0, 1)))
        elif rng.random() < 0.5:
            value = rng.randrange(-2, count + 2)
        struct.pack_into(code, data, match.end() + size * rng.randrange(count), value)


def any_digit(data: bytearray, rng: random.Random) -> None:
    """Change numbers that stand in texts: counts of nodes, trees, features, classes."""
    match = rng.choice([m for m in re.finditer(rb"SL.{7}(.)[\[0-9]", data, re.DOTALL) if 0 < m[1][0] < 12])
    start = match.end() - 1
    text = str(rng.choice((0, 1, 2, 3, 7, 10**9, -1))).encode()
    data[start - 8 : start + match[1][0]] = struct.pack(">q", len(text)) + text


def mutant(seed: int) -> bytes:
    rng = random.Random(seed)
    data = bytearray(entries(dump_model(make("single-none")))[NAME])
    rng.choice((any_bytes, any_number, any_number, any_digit))(data, rng)
    return envelope.unwrap(rebuilt({NAME: bytes(data)}, model="single-none"))


def main(first: int, last: int) -> None:
    X = rows(200)
    for seed in range(first, last):
        sys.stdout.write(f"{seed} ")
        sys.stdout.flush()
        try:
            model = _restore_model(mutant(seed))
            model.predict_both(X)
            model.predictor.boosters[1].get_dump()
            outcome = "fine"
        except UnsafeModelFile as error:
            outcome = "refused by XGBoost" if "Stack trace" in str(error) or "Check failed" in str(error) else "refused"
        sys.stdout.write(f"{outcome}\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
