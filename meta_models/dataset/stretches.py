"""Positions of genes, as rows of features: computed in packs, so that small genes cost no more than large ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meta_models.dataset.genes.columns import Gene
from meta_models.features import FeatureBlock, Recipe, packed_features

#: Positions whose features are computed in one go, and bases of the genes that are held for it.
PACK_ROWS, _PACK_BASES = 2**14, 2**21


@dataclass(frozen=True, eq=False)
class Stretch:
    """Positions `rows`, increasing, int64 (m,), of a gene, or of a part of one that begins at its base `offset`.

    Attributes
    ----------
    whole : int or None
        Length of the gene of which `gene` is a part.
    """

    gene: Gene
    rows: NDArray[np.int64]
    offset: int = 0
    whole: int | None = None


def packs(stretches: Iterable[Stretch], rows: int = PACK_ROWS) -> Iterator[tuple[Stretch, ...]]:
    """The same positions in the same order, at most `rows` at a time."""
    held: list[Stretch] = []
    filled = bases = 0
    for part in (part for stretch in stretches for part in _parts(stretch, rows)):
        if held and (filled + len(part.rows) > rows or bases + len(part.gene.sequence) > _PACK_BASES):
            yield tuple(held)
            held, filled, bases = [], 0, 0
        held.append(part)
        filled, bases = filled + len(part.rows), bases + len(part.gene.sequence)
    if held:
        yield tuple(held)


def features_of(pack: Sequence[Stretch], recipe: Recipe) -> FeatureBlock:
    """The features of the positions of a pack, one after another."""
    return packed_features([stretch.gene.piece(stretch.rows) for stretch in pack], recipe)


def matrix_of(block: FeatureBlock, names: Sequence[str]) -> NDArray[np.float32]:
    """The columns `names` of a block, C-ordered float32 (n, len(names))."""
    where = {name: row for row, name in enumerate(block.names)}
    return np.ascontiguousarray(block.values[[where[name] for name in names]].T)


def _parts(stretch: Stretch, rows: int) -> Iterator[Stretch]:
    for start in range(0, len(stretch.rows), rows):
        yield Stretch(stretch.gene, stretch.rows[start : start + rows], stretch.offset, stretch.whole)
