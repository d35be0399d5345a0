"""Group `annotation`: what is known of a position only where genes are annotated. Off by default."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from meta_models.errors import InputError
from meta_models.features.group import Column, Group
from meta_models.features.tile import Tile


@dataclass(frozen=True)
class AnnotationGroup(Group):
    """Length of the gene, and distance to its ends."""

    name: ClassVar[str] = "annotation"
    VERSION: ClassVar[int] = 1

    @property
    def reach(self) -> int:
        """The position alone."""
        return 0

    def columns(self, tile: Tile) -> Iterator[Column]:
        """The genomic columns of tables of every version of this package, by the same names."""
        lengths, starts = [], []
        for span, wanted in tile.spans():
            if span is None:
                raise InputError("the group annotation needs the gene's length and the piece's place in it")
            lengths.append(np.full(len(wanted), span.length))
            starts.append(wanted + span.offset)
        length, start = np.concatenate(lengths), np.concatenate(starts)
        yield "gene_length", length
        yield "distance_to_start", start
        yield "distance_to_end", length - 1 - start
