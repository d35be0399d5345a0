"""Genes as candidates: what the model says of their positions, summed while they are streamed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from meta_models.dataset.genes.groups import coded
from meta_models.dataset.positions import require_weights
from meta_models.errors import InputError
from meta_models.inference.served import ServedTable
from meta_models.inference.suggestion.measures import Floats, Surprise, disagreement, expected_change, uncertainty
from meta_models.learners.seam import Matrix
from meta_models.model import EnsembleMetaModel, FittedModel
from meta_models.schema import CHROM, FAMILY, GENE, GENOMIC_POSITION, MAIN_BASE, SITE_CLASSES, STRAND, WEIGHT

#: Measures in the order of the columns; the last one is a mean over the positions of a gene, the others are sums.
MEASURES = ("uncertainty", "disagreement", "expected_change", "distance")
#: A gene is known by this many of its rows that have a base site score above it: those with the smallest hashes.
_PRINTS, _NOTABLE = 32, 0.01
_NO_PRINTS = np.empty(0, np.uint64)


@dataclass
class Candidate:
    """A gene that may be suggested.

    Attributes
    ----------
    family : str
        Its family; its id where the table knows none.
    places : list of (chrom, strand, position)
        First and last position in each part of it that was read.
    positions : float
        How many positions its rows stand for.
    totals : dict of str to float
        Sums over these positions of the measures that there are.
    prints : ndarray of uint64
        Hashes of some of its rows.
    """

    gene_id: str
    family: str
    places: list[tuple[str | None, str | None, int | None]] = field(default_factory=list)
    positions: float = 0.0
    totals: dict[str, float] = field(default_factory=dict)
    prints: NDArray[np.uint64] = field(default_factory=_NO_PRINTS.copy)

    def value(self, measure: str) -> float | None:
        """The value of a measure; None where it could not be computed."""
        total = self.totals.get(measure)
        return total if total is None or measure != "distance" else total / self.positions

    def add(self, other: Candidate) -> None:
        """Take up what was read of the same gene later."""
        self.places += other.places
        self.positions += other.positions
        self.totals = {name: total + other.totals[name] for name, total in self.totals.items()}
        self.prints = np.union1d(self.prints, other.prints)[:_PRINTS]


def collected(parts: Iterable[list[Candidate]]) -> list[Candidate]:
    """The candidates of all parts, each once, by gene id."""
    found: dict[str, Candidate] = {}
    for part in parts:
        for candidate in part:
            known = found.setdefault(candidate.gene_id, candidate)
            if known is not candidate:
                known.add(candidate)
    return [found[gene] for gene in sorted(found)]


class Assessor:
    """What the rows of a chunk of a table could teach a model.

    Parameters
    ----------
    model : FittedModel
    table : ServedTable
        With genes; a row counts by its ``sampling_weight`` where there is one.
    """

    def __init__(self, model: FittedModel, table: ServedTable) -> None:
        self._model, self._table = model, table
        self._surprise = Surprise(model.info.sketches, model.feature_names)

    def expressions(self) -> list[pl.Expr]:
        """What a chunk must hold."""
        weight = [pl.col(WEIGHT).cast(pl.Float64)] if self._table.has(WEIGHT) else []
        return [*self._table.expressions(labels=False), *weight]

    def __call__(self, chunk: pl.DataFrame) -> list[Candidate]:
        """The genes of a chunk, as far as they stand in it.

        Raises
        ------
        InputError
            If a row has no gene, or values are not such as the model takes.
        """
        if missing := chunk[GENE].null_count():
            raise InputError(f"Every row of {self._table.dataset.source!r} must name its gene", f"{missing} do not")
        codes, _ = coded(chunk[GENE])
        weights = self._weights(chunk)
        measured = self._measured(self._model.matrix_of(chunk))
        sums = {name: np.bincount(codes, weights * values) for name, values in measured.items()}
        counted, prints = np.bincount(codes, weights), _prints(chunk, codes)
        return [
            Candidate(
                gene, family or gene, [(chrom, strand, first), (chrom, strand, last)], float(counted[code]),
                {name: float(values[code]) for name, values in sums.items()}, prints.get(code, _NO_PRINTS),
            )
            for code, (gene, family, chrom, strand, first, last) in enumerate(_told(chunk))
        ]  # fmt: skip

    def _weights(self, chunk: pl.DataFrame) -> Floats:
        if WEIGHT not in chunk.columns:
            return np.ones(chunk.height)
        require_weights(chunk[WEIGHT], self._table.dataset.source)
        return chunk[WEIGHT].to_numpy()

    def _measured(self, matrix: Matrix) -> dict[str, Floats]:
        """The measures (n,) that there are."""
        probabilities, members = _predicted(self._model, matrix)
        found = {"uncertainty": uncertainty(probabilities)}
        if members is not None:
            found["disagreement"] = disagreement(members)
        found["expected_change"] = expected_change(probabilities)
        if self._surprise:
            found["distance"] = self._surprise(matrix)
        return found


def _predicted(model: FittedModel, matrix: Matrix) -> tuple[Floats, Floats | None]:
    """Probabilities (n, K), and those of each member (M, n, K) where there are several."""
    if not isinstance(model, EnsembleMetaModel):
        return model.probabilities_of(matrix), None
    members = model.predict_members(matrix)
    scores = model.combination(members, matrix[:, list(model.combination.columns)])
    return model.calibrated(scores, matrix), members if len(members) > 1 else None


def _told(chunk: pl.DataFrame) -> Iterator[tuple[Any, ...]]:
    """Of each gene, by its id: id, family, chromosome, strand, first and last position; null where it is not told."""
    texts = [
        pl.col(name) if name in chunk.columns else pl.lit(None, pl.String).alias(name)
        for name in (FAMILY, CHROM, STRAND)
    ]
    position = pl.col(GENOMIC_POSITION) if GENOMIC_POSITION in chunk.columns else pl.lit(None, pl.Int64)
    rows = chunk.select(GENE, *texts, position=position)
    ends = pl.col("position").min().alias("first"), pl.col("position").max().alias("last")
    yield from rows.group_by(GENE).agg(pl.col(FAMILY, CHROM, STRAND).first(), *ends).sort(GENE).iter_rows()


def _prints(chunk: pl.DataFrame, codes: NDArray[np.int64]) -> dict[int, NDArray[np.uint64]]:
    """Hashes of the base scores of rows that stand out, for each gene that has some."""
    notable = pl.max_horizontal(MAIN_BASE.columns[k] for k in SITE_CLASSES) > _NOTABLE
    hashes = chunk.select(hash=pl.struct(MAIN_BASE.columns).hash(1), notable=notable).with_columns(gene=codes)
    rows = hashes.filter("notable").group_by("gene").agg(pl.col("hash").unique().bottom_k(_PRINTS))
    return {gene: np.sort(np.array(found, np.uint64)) for gene, found in rows.select("gene", "hash").iter_rows()}
