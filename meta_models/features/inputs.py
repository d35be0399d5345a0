"""What features are made from: the tracks that a recipe names, and a piece of sequence with their values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from meta_models.errors import InputError
from meta_models.schema import SITE_CLASSES, BaseModel

Floats32 = NDArray[np.float32]
Floats64 = NDArray[np.float64]
EvidenceKind = Literal["signal", "junctions"]

#: Codes of the bases of a sequence: ``BASES[code]``.
BASES = "ACGTN"
N_CODE = 4

#: What stands in the channels of an evidence track of each kind. ``signal``: one value a base, NaN where there is none.
#: ``junctions``: at the last base of an exon (donor) and the first base of the next one (acceptor) the reads over all
#: junctions that start or end there, bases to the partner of the junction with most reads, and the entropy (bits) of
#: the reads over the partners; 0 where no junction starts or ends.
CHANNELS: dict[EvidenceKind, tuple[str, ...]] = {
    "signal": ("value",),
    "junctions": (
        "donor_reads", "acceptor_reads", "donor_partner", "acceptor_partner", "donor_entropy", "acceptor_entropy",
    ),
}  # fmt: skip

#: Log odds are taken of scores within [SMALLEST, 1 - SMALLEST]: predictors write no more than six decimals.
SMALLEST = 1e-6

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


@dataclass(frozen=True)
class BaseTrack:
    """The scores of one base model, and how they were written.

    Attributes
    ----------
    key : str
        Its name on the command line. The columns of the first one of a recipe have no prefix.
    floor : float
        Smallest score that its track holds; lower ones are absent and read as 0. 0 where all are kept.
    decimals : int or None
        Decimals its scores are rounded to; None where they are not.
    """

    key: str
    floor: float = 0.0
    decimals: int | None = None

    def __post_init__(self) -> None:
        _check_name("key of a base model", self.key)
        object.__setattr__(self, "floor", float(self.floor))
        if not 0 <= self.floor < 1:
            raise InputError(f"base model {self.key}: the floor of scores lies in [0, 1)", f"found {self.floor}")
        if self.decimals is not None and self.decimals < 1:
            raise InputError(f"base model {self.key}: scores have 1 decimal or more", f"found {self.decimals}")

    @property
    def lowest(self) -> float:
        """The score that a lower or absent one is taken for in log odds."""
        rounding = 0.0 if self.decimals is None else 0.5 * 10.0**-self.decimals
        return min(max(SMALLEST, self.floor, rounding), 0.5)

    def column_base(self, *, main: bool) -> BaseModel:
        """Its columns in a table; those of the `main` one, the first of a recipe, have no prefix."""
        return BaseModel("" if main else self.key)


@dataclass(frozen=True)
class EvidenceTrack:
    """A track of evidence beyond scores and sequence.

    Attributes
    ----------
    name : str
        Its columns start with ``evidence_<name>_``.
    kind : {"signal", "junctions"}
        What its channels hold: see :data:`CHANNELS`.
    """

    name: str
    kind: EvidenceKind

    def __post_init__(self) -> None:
        _check_name("name of an evidence track", self.name)
        if self.kind not in CHANNELS:
            raise InputError(f"evidence {self.name}: the kind is one of {', '.join(CHANNELS)}", f"found {self.kind!r}")

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of its channels, in order."""
        return CHANNELS[self.kind]


@dataclass(frozen=True)
class Inputs:
    """The tracks of a recipe, in order; the first base model is the main one."""

    models: tuple[BaseTrack, ...]
    evidence: tuple[EvidenceTrack, ...]


@dataclass(frozen=True)
class Span:
    """Where a piece lies in its gene.

    Attributes
    ----------
    length : int
        Bases of the gene.
    offset : int
        Index of the first inner base of the piece, from the first base of the gene in the sense direction.
    """

    length: int
    offset: int = 0


@dataclass(frozen=True)
class Piece:
    """A stretch of ``n`` bases in the sense direction with ``flank`` bases on each side: a gene, or a part of one.

    Attributes
    ----------
    scores : mapping of str to ndarray of float32, (n + 2 * flank, 2)
        Donor and acceptor score for every base model key; 0 where there is none.
    sequence : ndarray of uint8, (n + 2 * flank,)
        A, C, G, T, N as 0 to 4; N outside the contig.
    evidence : mapping of str to ndarray of float32, (n + 2 * flank, channels)
        For every evidence track by name.
    span : Span, optional
        Needed by the group `annotation` alone.
    rows : ndarray of int, optional
        Inner positions that are wanted, increasing; all where None.
    """

    scores: Mapping[str, Floats32]
    sequence: NDArray[np.uint8]
    evidence: Mapping[str, Floats32] = field(default_factory=dict)
    span: Span | None = None
    rows: NDArray[np.int64] | None = None

    def check(self, inputs: Inputs, flank: int) -> None:
        """Shapes and dtypes.

        Raises
        ------
        InputError
            Where a track is absent, or an array is not as described.
        """
        size = len(self.sequence)
        if self.sequence.dtype != np.uint8 or self.sequence.ndim != 1 or size < 2 * flank:
            raise InputError(
                f"a sequence is uint8 (n + 2 * {flank},)", f"found {self.sequence.dtype} {self.sequence.shape}"
            )
        for track in inputs.models:
            _check_track(f"scores of {track.key}", self.scores.get(track.key), (size, len(SITE_CLASSES)))
        for found in inputs.evidence:
            _check_track(f"evidence {found.name}", self.evidence.get(found.name), (size, len(found.channels)))

    def inner(self, flank: int) -> int:
        """Number of inner positions."""
        return len(self.sequence) - 2 * flank


def _check_name(what: str, name: str) -> None:
    if not _NAME.fullmatch(name):
        raise InputError(f"the {what} is made of letters, digits and _, a letter first", f"found {name!r}")


def _check_track(what: str, values: Floats32 | None, shape: tuple[int, ...]) -> None:
    if values is None:
        raise InputError(f"{what} are needed by the recipe", "they were not given")
    if values.dtype != np.float32 or values.shape != shape:
        raise InputError(f"{what} are float32 {shape}", f"found {values.dtype} {values.shape}")
