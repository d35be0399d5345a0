"""Which genes of a built folder are scored at every position: all, or a seeded sample of whole genes."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from meta_models.dataset.genes.folder import GeneEntry, GeneFolder
from meta_models.errors import InputError

#: Positions up to which all genes are scored where nothing else is asked for.
MOST_POSITIONS = 50_000_000
#: Bytes that a scored position takes while it is compared, more for each base model, and for each contender; see
#: ``training.memory``.
_POSITION_BYTES, _BASE_BYTES, _CONTENDER_BYTES = 240, 80, 12
#: Share of the memory budget that a sample of genes may take.
_SHARE = 0.4


@dataclass(frozen=True)
class WholeGenes:
    """Genes that are scored at every position; made by :func:`choose_whole_genes`.

    Attributes
    ----------
    ids : frozenset of str
        Those of the genes of `folder` that are scored.
    of : int
        How many genes they were chosen from.
    why : str
        Why not all of these are scored; empty where they are.
    """

    folder: GeneFolder
    ids: frozenset[str]
    of: int
    why: str = ""

    @cached_property
    def entries(self) -> tuple[GeneEntry, ...]:
        """What is known of them."""
        return tuple(entry for entry in self.folder.entries if entry.gene_id in self.ids)

    @property
    def positions(self) -> int:
        """Their positions, those of unknown label among them."""
        return sum(entry.length for entry in self.entries)

    @property
    def title(self) -> str:
        """What the figures of these positions are called."""
        if not self.why:
            return f"On every position of all {self.of:,} genes"
        return f"On every position of {len(self.ids):,} of {self.of:,} genes ({self.why})"


def choose_whole_genes(
    folder: GeneFolder,
    how: Literal["auto", "all"],
    *,
    only: Collection[str] | None,
    budget: int,
    seed: int,
    contenders: int = 0,
) -> WholeGenes:
    """All genes of `folder`; where they are too many for ``auto``, a sample of whole genes drawn by `seed`.

    Parameters
    ----------
    only : collection of str, optional
        Genes that they are chosen from; all by default.
    budget : int
        Memory budget in bytes.
    contenders : int
        How many are scored beside the model.

    Raises
    ------
    InputError
        If there is no gene to choose from.
    """
    known = [entry for entry in folder.entries if only is None or entry.gene_id in only]
    if not known:
        raise InputError("The built folder must hold genes of the training table", "Found none", "Build it again")
    total, most = sum(entry.length for entry in known), _most_positions(folder, budget, contenders)
    if how == "all" or total <= most:
        return WholeGenes(folder, frozenset(entry.gene_id for entry in known), len(known))
    order = sorted(known, key=lambda entry: entry.gene_id)
    drawn = [order[k] for k in np.random.default_rng(seed).permutation(len(order))]
    fitting = np.cumsum([entry.length for entry in drawn]) <= most
    chosen = [entry for entry, fits in zip(drawn, fitting, strict=True) if fits] or drawn[:1]
    why = f"a sample drawn by the seed, as all have {total:,} positions and {most:,} are scored; --whole-genes all"
    return WholeGenes(folder, frozenset(entry.gene_id for entry in chosen), len(known), why)


def _most_positions(folder: GeneFolder, budget: int, contenders: int) -> int:
    row = _POSITION_BYTES + _BASE_BYTES * len(folder.recipe.models) + _CONTENDER_BYTES * contenders
    return min(MOST_POSITIONS, int(_SHARE * budget / row))
