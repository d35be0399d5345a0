"""How fast features are computed: positions per second of one core, for large and for small genes.

    python benchmarks/features.py [--groups scores models context sequence evidence] [--repeats 3]

Simulated scores of three base models with the default flank. `all` computes every position, `rows` one in a hundred,
as building a sampled table does; what counts is the positions of genes, and in brackets all bases that are gone
through, with the 5,000 on each side of every gene. CPU time, best of the repeats. Pieces are handed over as training,
building and prediction do: at most 16,384 rows at a time.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from meta_models.dataset.stretches import PACK_ROWS
from meta_models.features import DEFAULT_GROUPS, GROUPS, BaseTrack, Piece, Recipe, column_names, packed_features

#: Bases of a gene and number of genes.
CASES = {"1 gene of 300,000": (300_000, 1), "50 genes of 6,000": (6_000, 50), "500 genes of 600": (600, 500)}
SAMPLED = 100
BASES = 2**21


def simulated(length: int, recipe: Recipe, rng: np.random.Generator) -> Piece:
    """A gene: most scores are nil."""
    size = length + 2 * recipe.flank
    scores = {track.key: (rng.random((size, 2)) ** 40).astype(np.float32) for track in recipe.models}
    return Piece(scores, rng.integers(0, 4, size).astype(np.uint8))


def packs(pieces: Sequence[Piece]) -> Iterator[list[Piece]]:
    """The wanted rows of all, at most `PACK_ROWS` and `BASES` at a time."""
    held: list[Piece] = []
    rows = bases = 0
    for piece in pieces:
        assert piece.rows is not None
        for start in range(0, len(piece.rows), PACK_ROWS):
            part = replace(piece, rows=piece.rows[start : start + PACK_ROWS])
            if held and (rows + len(part.rows) > PACK_ROWS or bases + len(part.sequence) > BASES):
                yield held
                held, rows, bases = [], 0, 0
            held.append(part)
            rows, bases = rows + len(part.rows), bases + len(part.sequence)
    yield held


def best_seconds(pieces: Sequence[Piece], recipe: Recipe, repeats: int) -> float:
    """Of the best repeat."""
    seconds = []
    for _ in range(repeats):
        started = time.process_time()
        for pack in packs(pieces):
            packed_features(pack, recipe)
        seconds.append(time.process_time() - started)
    return min(seconds)


def main() -> None:
    """Measure each case, and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--groups", nargs="+", default=DEFAULT_GROUPS, choices=list(GROUPS))
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    models = tuple(BaseTrack(key) for key in ("main", "second", "third"))
    recipe = Recipe(models, groups=tuple(GROUPS[name]() for name in options.groups))
    print(f"{len(column_names(recipe))} columns, flank {recipe.flank}")
    for name, (length, genes) in CASES.items():
        rng = np.random.default_rng(0)
        pieces = [simulated(length, recipe, rng) for _ in range(genes)]
        positions, bases = length * genes, sum(len(piece.sequence) for piece in pieces)
        for mode, step in (("all", 1), ("rows", SAMPLED)):
            chosen = [replace(piece, rows=np.arange(0, length, step)) for piece in pieces]
            seconds = best_seconds(chosen, recipe, options.repeats)
            speeds = f"{positions / seconds:12,.0f} positions/s ({bases / seconds:,.0f} bases/s)"
            print(f"{name:20}{mode:6}{speeds}", flush=True)


if __name__ == "__main__":
    main()
