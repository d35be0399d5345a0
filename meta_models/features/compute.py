"""The one place where features are computed: for building tables, training on every position and prediction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from meta_models.errors import InputError
from meta_models.features.group import Column
from meta_models.features.inputs import N_CODE, Floats32, Inputs, Piece, Span
from meta_models.features.layout import Part, runs_of
from meta_models.features.recipe import Recipe
from meta_models.features.tile import Tile

#: Inner positions that are worked on together: the arrays of a tile stay in the processor's cache.
_TILE = 32_768
#: Pieces are put together until their bases, with all that is around them, are so many: few where they have positions
#: enough, so that arrays stay in the cache; more where each has few, so that columns are not too short.
_PACK, _LARGEST_PACK = 49_152, 131_072
_ENOUGH = 6_144


@dataclass(frozen=True)
class FeatureBlock:
    """Features of positions; returned by :func:`features` and :func:`packed_features`.

    Attributes
    ----------
    names : tuple of str, (F,)
        Names of the columns, in the order of the recipe.
    values : ndarray of float32, (F, n)
        A column in each row.
    """

    names: tuple[str, ...]
    values: Floats32

    def __getitem__(self, name: str) -> Floats32:
        return np.asarray(self.values[self.names.index(name)])

    def columns(self) -> dict[str, Floats32]:
        """Every column by name, (n,) each, without copying."""
        return dict(zip(self.names, self.values, strict=True))


def features(
    scores: Mapping[str, Floats32],
    sequence: NDArray[np.uint8],
    evidence: Mapping[str, Floats32] | None,
    recipe: Recipe,
    *,
    span: Span | None = None,
    rows: NDArray[np.int64] | None = None,
) -> FeatureBlock:
    """The features of the positions of one piece in the sense direction.

    Parameters
    ----------
    scores : mapping of str to ndarray of float32, (n + 2 * flank, 2)
        Donor and acceptor scores in [0, 1] by base model key; 0 where there is none.
    sequence : ndarray of uint8, (n + 2 * flank,)
        A, C, G, T, N as 0 to 4; N outside the contig.
    evidence : mapping of str to ndarray of float32, (n + 2 * flank, channels), or None
        By track name.
    recipe : Recipe
        Its `flank` is that of the arrays.
    span : Span, optional
        The gene's length and the piece's place in it; needed by the group `annotation`.
    rows : ndarray of int, (m,), optional
        Inner positions that are wanted, increasing; all n where None.

    Returns
    -------
    FeatureBlock
        Of the m wanted positions.

    Raises
    ------
    InputError
        Where an array is not as described, or the recipe was written for another version of a group.

    Notes
    -----
    A position's values depend on the bases within ``recipe.reach`` of it, on the recipe, and on nothing else: pieces
    of a gene give the same values bit for bit as the whole gene where their flank is as long as that. A window that
    ends beyond the flank finds score 0, base N and no evidence there.
    """
    return packed_features([Piece(scores, sequence, evidence or {}, span, rows)], recipe)


def packed_features(pieces: Sequence[Piece], recipe: Recipe) -> FeatureBlock:
    """The features of several pieces one after another: as :func:`features` of each, but fast where they are small."""
    require_versions(recipe)
    for piece in pieces:
        piece.check(recipe.inputs, recipe.flank)
    names, parts = column_names(recipe), [(piece, part) for piece in pieces for part in _parts(piece, recipe.flank)]
    values = np.empty((len(names), sum(part.count for _, part in parts)), np.float32)
    done = 0
    for tile in _tiles(parts, recipe):
        for row, (_, column) in zip(values, _columns(tile, recipe), strict=True):
            row[done : done + tile.count] = column
        done += tile.count
    return FeatureBlock(names, values)


@lru_cache(maxsize=16)
def column_names(recipe: Recipe) -> tuple[str, ...]:
    """Names of the features that `recipe` makes, in order."""
    return tuple(name for names in grouped_names(recipe).values() for name in names)


@lru_cache(maxsize=16)
def grouped_names(recipe: Recipe) -> Mapping[str, tuple[str, ...]]:
    """Names of the features that each group of `recipe` makes, in order: those of one unknown base."""
    size = 2 * recipe.flank + 1
    piece = Piece(
        scores={track.key: np.zeros((size, 2), np.float32) for track in recipe.models},
        sequence=np.full(size, N_CODE, np.uint8),
        evidence={track.name: np.zeros((size, len(track.channels)), np.float32) for track in recipe.evidence},
        span=Span(1),
    )
    tile = _tile([(piece, Part(0, 1))], recipe)
    found = {group.name: tuple(name for name, _ in group.columns(tile)) for group in recipe.groups}
    names = [name for of_group in found.values() for name in of_group]
    if len(set(names)) != len(names):
        raise InputError("the features of a recipe have different names", f"found {_repeated(names)} twice")
    return MappingProxyType(found)


def _repeated(names: Sequence[str]) -> str:
    return ", ".join(sorted({name for name in names if names.count(name) > 1}))


def _columns(tile: Tile, recipe: Recipe) -> Iterator[Column]:
    for group in recipe.groups:
        yield from group.columns(tile)


def require_versions(recipe: Recipe) -> None:
    """See that the groups of features of `recipe` are those of this program.

    Raises
    ------
    InputError
        If a group is of another version: its columns are computed in another way.
    """
    for group in recipe.groups:
        if group.version != group.VERSION:
            raise InputError(
                f"feature group {group.name} of version {group.VERSION}",
                f"the recipe was written for version {group.version}",
                "use the version of this program that wrote it, or build the table again",
            )


def _parts(piece: Piece, flank: int) -> Iterator[Part]:
    """Parts of a piece that are small enough for a tile; those without wanted positions are left out."""
    inner = piece.inner(flank)
    rows = None if piece.rows is None else _checked_rows(piece.rows, inner)
    for start in range(0, inner, _TILE):
        stop = min(start + _TILE, inner)
        wanted = None if rows is None else rows[slice(*np.searchsorted(rows, [start, stop]))]
        if wanted is None:
            yield Part(start, stop)
        elif len(wanted):
            runs = runs_of(wanted)
            yield Part(start, stop, runs=runs) if runs else Part(start, stop, wanted)


def _checked_rows(rows: NDArray[np.int64], inner: int) -> NDArray[np.int64]:
    rows = np.asarray(rows)
    whole = rows.ndim == 1 and (rows.dtype.kind in "iu" or not len(rows))
    if not whole or (len(rows) and (rows[0] < 0 or rows[-1] >= inner or (np.diff(rows.astype(np.int64)) <= 0).any())):
        raise InputError(f"wanted rows are increasing whole numbers from 0 to {inner - 1}")
    return rows.astype(np.int64)


def _tiles(parts: Sequence[tuple[Piece, Part]], recipe: Recipe) -> Iterator[Tile]:
    packed: list[tuple[Piece, Part]] = []
    bases = positions = 0
    for piece, part in parts:
        size = part.stop - part.start + 2 * recipe.reach
        if packed and bases + size > (_PACK if positions >= _ENOUGH else _LARGEST_PACK):
            yield _tile(packed, recipe)
            packed, bases, positions = [], 0, 0
        packed.append((piece, part))
        bases, positions = bases + size, positions + part.stop - part.start
    if packed:
        yield _tile(packed, recipe)


def _tile(parts: Sequence[tuple[Piece, Part]], recipe: Recipe) -> Tile:
    inputs: Inputs = recipe.inputs
    return Tile(parts, inputs, flank=recipe.flank, reach=recipe.reach)
