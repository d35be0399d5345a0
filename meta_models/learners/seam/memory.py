"""What a fit needs and may use: sizes, threads, bytes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Shape:
    """The size of a table, for `Learner.footprint`.

    Attributes
    ----------
    rows, features : int
    kmers : int
        Features among them that count k-mers: they have few distinct values.
    sites : int
        Rows that are donors or acceptors.
    positions : int
        Positions of the genes and of their flanks, for learners of genes; 0 where there are none.
    genes, inner : int
        Number of these genes, and their positions without flanks.
    window : int
        Bases of the windows, where a learner of genes reads the rows with these instead; 0 where it does not.
    """

    rows: int
    features: int
    kmers: int = 0
    sites: int = 0
    positions: int = 0
    genes: int = 0
    inner: int = 0
    window: int = 0


@dataclass(frozen=True)
class Resources:
    """What a fit may use.

    Attributes
    ----------
    threads : int
        CPU threads.
    device : str
        ``cpu`` or ``cuda``.
    cache : Path or None
        A folder in which the representation is kept on disk instead of in memory.
    """

    threads: int = 1
    device: str = "cpu"
    cache: Path | None = None


@dataclass(frozen=True)
class Footprint:
    """Predicted bytes of memory; all beside what the process itself takes.

    Attributes
    ----------
    held : int
        Of the representation, while jobs run.
    building : int
        At most, while the representation is made (what is held at the end included).
    job : int
        Of one job, beside `held`.
    predictor : int
        Of a predictor of all classes, loaded.
    disk : int
        On disk, in the cache folder.
    """

    held: int
    building: int
    job: int
    predictor: int
    disk: int = 0
