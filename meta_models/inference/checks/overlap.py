"""Whether a table is free of what a model was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import polars as pl

from meta_models.dataset.genes.genome import Genome, Stretches
from meta_models.dataset.genes.groups import coded
from meta_models.dataset.genes.loci import Locus, genes_within, spans
from meta_models.dataset.plausibility.copies import copied_genes
from meta_models.dataset.positions import Positions
from meta_models.dataset.reading.reader import Dataset
from meta_models.errors import InputError
from meta_models.model import ModelInfo
from meta_models.model.origin import stretches_of
from meta_models.names import gene_key, gene_key_set
from meta_models.schema import GENE
from meta_models.wording import counted

_SHOWN = 5


@dataclass(frozen=True)
class TrainedOn:
    """What a model was trained on.

    Attributes
    ----------
    genes : frozenset of str
        Normal forms of their ids.
    families : frozenset of str
    stretches : tuple of Stretches
        Stretches of genomes; empty where they are not known.
    """

    genes: frozenset[str]
    families: frozenset[str]
    stretches: tuple[Stretches, ...] = ()

    @classmethod
    def of_table(cls, positions: Positions, genome: Genome) -> Self:
        """All genes of a training table, which are of `genome`."""
        genes = gene_key_set(texts(positions.frame[GENE]))
        return cls(frozenset(genes), frozenset(positions.families()), (Stretches(genome, positions.loci()),))

    @classmethod
    def of_model(cls, info: ModelInfo) -> Self:
        """The genes that a model names, those of models that it went on from included."""
        return cls(frozenset(gene_key_set(info.genes)), frozenset(info.families), stretches_of(info))

    def within(self, placed: Sequence[tuple[Locus, int]], genome: Genome) -> set[int]:
        """Codes of the genes of `placed` that share positions with it where `genome` is, or may be, the same."""
        return {code for known in self.stretches for code in genes_within(placed, known.maybe_in(genome))}

    def shared(self, positions: Positions, genome: Genome) -> Shared:
        """What a table of `genome` shares with it."""
        codes, names = coded(positions.frame[GENE])
        genes = {gene for gene in names if gene_key(gene) in self.genes}
        within = self.within(spans(positions.frame, pl.Series(codes)), genome)
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
    shared = known.shared(positions, dataset.info.genome)
    _refuse(shared.genes, "gene", "genes", dataset.source, table)
    _refuse(shared.families, "gene family", "gene families", dataset.source, table)
    strand = "those trained on, on the same strand"
    _refuse(shared.overlapping, f"gene that overlaps {strand}", f"genes that overlap {strand}", dataset.source, table)


def refuse_copies(trained: Positions, positions: Positions, source: str) -> None:
    """Refuse ``--eval-dataset`` where its genes hold the rows of training genes, whatever their names are.

    Raises
    ------
    InputError
        With the number of such genes, and some of their names.
    """
    scores = [c for base in trained.bases if base in positions.bases for c in base.columns]
    copies, of = copies_of(trained.frame, positions.frame, scores), "with the rows of those trained on"
    _refuse(copies, f"gene {of}", f"genes {of}", source, "--eval-dataset")


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


def _refuse(shared: set[str] | frozenset[str], one: str, several: str, source: str, table: str) -> None:
    if shared:
        raise InputError(
            f"{table} must hold other genes and gene families than those trained on",
            f"{source!r} shares {counted(len(shared), one, several)}: {', '.join(sorted(shared)[:_SHOWN])}",
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
