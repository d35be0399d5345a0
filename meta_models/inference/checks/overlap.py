"""Whether a table is free of what a model was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import polars as pl

from meta_models.dataset.genes.groups import coded
from meta_models.dataset.genes.loci import genes_within, spans
from meta_models.dataset.plausibility.copies import copied_genes
from meta_models.dataset.positions import Positions
from meta_models.dataset.reading.reader import Dataset
from meta_models.errors import InputError
from meta_models.model import ModelInfo
from meta_models.model.origin import assembly_of, loci_elsewhere
from meta_models.names import gene_key, gene_key_set
from meta_models.schema import GENE

_SHOWN = 5


@dataclass(frozen=True)
class TrainedOn:
    """What a model was trained on.

    Attributes
    ----------
    genes : frozenset of str
        Normal forms of their ids.
    families : frozenset of str
    loci : tuple of str
        Stretches of the genome of the assembly `assembly`; empty where they are not known.
    """

    genes: frozenset[str]
    families: frozenset[str]
    loci: tuple[str, ...]
    assembly: str | None

    @classmethod
    def of_table(cls, positions: Positions, assembly: str | None) -> Self:
        """All genes of a training table."""
        genes = gene_key_set(texts(positions.frame[GENE]))
        return cls(frozenset(genes), frozenset(positions.families()), positions.loci(), assembly)

    @classmethod
    def of_model(cls, info: ModelInfo) -> Self:
        """The genes that a model names."""
        return cls(frozenset(gene_key_set(info.genes)), frozenset(info.families), info.loci, assembly_of(info))

    @classmethod
    def ever_by_model(cls, info: ModelInfo) -> tuple[Self, ...]:
        """The same, and stretches of other assemblies that models saw which it went on from."""
        earlier = (cls(frozenset(), frozenset(), loci, assembly) for assembly, loci in loci_elsewhere(info).items())
        return (cls.of_model(info), *earlier)

    def shared(self, positions: Positions, assembly: str | None) -> Shared:
        """What a table of `assembly` shares with it; positions only where the assembly is, or may be, the same."""
        codes, names = coded(positions.frame[GENE])
        genes = {gene for gene in names if gene_key(gene) in self.genes}
        same = self.assembly is None or assembly is None or self.assembly == assembly
        within = genes_within(spans(positions.frame, pl.Series(codes)), self.loci) if same else set()
        return Shared(genes, self.families & positions.families(), {names[code] for code in within})


@dataclass(frozen=True)
class Shared:
    """Returned by `TrainedOn.shared`.

    Attributes
    ----------
    genes, families : set of str
        Genes of the table that were trained on, and families; as the table writes them.
    overlapping : set of str
        Genes of the table that share positions of a strand with what was trained on.
    """

    genes: set[str]
    families: set[str] | frozenset[str]
    overlapping: set[str]


def refuse_overlap(known: TrainedOn, positions: Positions, dataset: Dataset, *, table: str = "The table") -> None:
    """Refuse a table that shares genes, gene families or positions of the genome with those a model was trained on.

    Parameters
    ----------
    positions : Positions
        Of the table `dataset`.
    table : str
        What the table is called in the message.

    Raises
    ------
    InputError
        With the number of what is shared, and some of their names.
    """
    shared = known.shared(positions, dataset.info.assembly)
    _refuse(shared.genes, "genes", dataset.source, table)
    _refuse(shared.families, "gene families", dataset.source, table)
    what = "genes that overlap those trained on, on the same strand"
    _refuse(shared.overlapping, what, dataset.source, table)


def refuse_copies(trained: Positions, positions: Positions, source: str) -> None:
    """Refuse ``--eval-dataset`` where its genes hold the rows of training genes, whatever their names are.

    Raises
    ------
    InputError
        With the number of such genes, and some of their names.
    """
    scores = [c for base in trained.bases if base in positions.bases for c in base.columns]
    _refuse(copies_of(trained.frame, positions.frame, scores), "genes with the rows of those trained on", source,
            "--eval-dataset")  # fmt: skip


def copies_of(trained: pl.DataFrame, frame: pl.DataFrame, scores: Sequence[str]) -> set[str]:
    """Genes of `frame` that hold the rows of genes of `trained`, whatever their names are.

    Parameters
    ----------
    trained, frame : polars.DataFrame
        ``gene_id``, ``label`` and `scores` of each row.
    scores : sequence of str
        Base scores that mean the same in both; where there are none, nothing can be said.
    """
    if not scores:
        return set()
    frames = [found.select(pl.col(GENE).cast(pl.String), "label", *scores) for found in (trained, frame)]
    ours, theirs = (coded(found[GENE]) for found in frames)
    first = len(ours[1])
    genes = pl.concat([pl.Series(ours[0]), pl.Series(theirs[0] + first)])
    pairs = copied_genes(genes, pl.concat(frames).drop(GENE)).filter((pl.col("a") < first) & (pl.col("b") >= first))
    return {theirs[1][code - first] for code in pairs["b"]}


def _refuse(shared: set[str] | frozenset[str], what: str, source: str, table: str) -> None:
    if shared:
        raise InputError(
            f"{table} must hold other genes and gene families than those trained on",
            f"{source!r} shares {len(shared)} {what}: {', '.join(sorted(shared)[:_SHOWN])}",
            "Take them out of one of the tables (where genomes differ, say so: 'assembly' in dataset_info.json)",
        )


def require_genes(trained: pl.Series, found: pl.Series, source: str) -> None:
    """Refuse a table of which no row is of a gene that was trained on.

    Parameters
    ----------
    trained, found : polars.Series
        Gene of each row of the training table, and of the table `source`.

    Raises
    ------
    InputError
    """
    genes = gene_key_set(texts(trained))
    if not genes & gene_key_set(texts(found)):
        raise InputError(
            "--oof-dataset must hold genes of the training table",
            f"{source!r} has none of its {len(genes):,} genes",
            "Give all positions of the training genes, or --eval-dataset for other genes",
        )


def texts(values: pl.Series) -> set[str]:
    """The different values of a text or categorical series."""
    return set(values.unique().cast(pl.String).to_list())
