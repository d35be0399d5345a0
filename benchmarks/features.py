"""How fast features are computed: positions per second of one core, for large and for small genes.

    python benchmarks/features.py [--groups scores models context sequence evidence] [--repeats 3]

Simulated scores of three base models with the default flank. `all` computes every position, `rows` one in a hundred,
as building a sampled table does; what counts is the positions that are gone through. CPU time, best of the repeats.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from meta_models.features import DEFAULT_GROUPS, GROUPS, BaseTrack, Piece, Recipe, column_names, packed_features

#: Bases of a gene and number of genes.
CASES = {"1 gene of 300,000": (300_000, 1), "50 genes of 6,000": (6_000, 50), "500 genes of 600": (600, 500)}
SAMPLED = 100


def simulated(length: int, recipe: Recipe, rng: np.random.Generator) -> Piece:
    """A gene: most scores are nil."""
    size = length + 2 * recipe.flank
    scores = {track.key: (rng.random((size, 2)) ** 40).astype(np.float32) for track in recipe.models}
    return Piece(scores, rng.integers(0, 4, size).astype(np.uint8))


def positions_per_second(pieces: Sequence[Piece], recipe: Recipe, positions: int, repeats: int) -> float:
    """Of the best repeat."""
    seconds = []
    for _ in range(repeats):
        started = time.process_time()
        packed_features(pieces, recipe)
        seconds.append(time.process_time() - started)
    return positions / min(seconds)


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
        sampled = [replace(piece, rows=np.arange(0, length, SAMPLED)) for piece in pieces]
        for mode, chosen in (("all", pieces), ("rows", sampled)):
            speed = positions_per_second(chosen, recipe, length * genes, options.repeats)
            print(f"{name:20}{mode:6}{speed:12,.0f} positions/s", flush=True)


if __name__ == "__main__":
    main()
