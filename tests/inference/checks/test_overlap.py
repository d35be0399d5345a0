"""What a table shares with the training is found by what genes are, where they lie and what they hold."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from tables import make_frame, write_table

from meta_models.dataset.genes.genome import Genome
from meta_models.dataset.positions import Positions, read_positions
from meta_models.dataset.reading.open import open_dataset
from meta_models.dataset.reading.reader import Dataset
from meta_models.errors import InputError
from meta_models.inference.checks.overlap import TrainedOn, refuse_copies, refuse_overlap, require_genes
from meta_models.model import ModelInfo

GENE = pl.col("gene_id")
NUMBER = GENE.str.slice(1).cast(pl.Int64)
FRAME = make_frame(12).with_columns(
    genomic_position=1000 * NUMBER + pl.col("position"), strand=pl.lit("+"), chrom=pl.lit("chr1")
)


def opened(folder: Path, frame: pl.DataFrame) -> tuple[Dataset, Positions]:
    dataset = open_dataset(write_table(folder / "t", frame), work_dir=folder)
    return dataset, read_positions(dataset)


@pytest.fixture
def trained(tmp_path: Path) -> Positions:
    return opened(tmp_path / "trained", FRAME.with_columns(gene_family=GENE))[1]


def other(**columns: pl.Expr) -> pl.DataFrame:
    """Unrelated genes elsewhere, but for what `columns` say."""
    frame = make_frame(4, seed=9).with_columns(gene_id="X" + GENE, chrom=pl.lit("chr2"), strand=pl.lit("+"))
    return frame.with_columns(
        genomic_position=pl.col("position") + 100 * GENE.str.slice(2).cast(pl.Int64)
    ).with_columns(**columns)


def test_unrelated_genes_are_let_through(tmp_path: Path, trained: Positions) -> None:
    dataset, positions = opened(tmp_path, other())
    refuse_overlap(TrainedOn.of_table(trained, Genome()), positions, dataset)
    refuse_copies(trained, positions, dataset.source)


@pytest.mark.parametrize("kept", ["table", "model"])
@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"gene_id": GENE.replace({"XG0001": "gene:G0003"})}, "shares 1 gene: gene:G0003"),
        ({"gene_family": GENE.replace({"XG0001": "G0003"})}, "shares 1 gene family: G0003"),
        ({"chrom": pl.lit("1"), "genomic_position": pl.col("genomic_position") + 2929},
         "shares 1 gene that overlaps those trained on, on the same strand: XG0001"),
    ],
)  # fmt: skip
def test_what_is_shared_is_named(
    tmp_path: Path, trained: Positions, columns: dict[str, pl.Expr], message: str, kept: str
) -> None:
    known = TrainedOn.of_table(trained, Genome())
    if kept == "model":
        genes = tuple(sorted(set(trained.frame["gene_id"].cast(pl.String))))
        known = TrainedOn.of_model(ModelInfo("single_model", genes, genes, loci=trained.loci()))
    dataset, positions = opened(tmp_path, other(**columns))
    with pytest.raises(InputError, match=message):
        refuse_overlap(known, positions, dataset)


def test_positions_of_another_genome_are_other_positions(tmp_path: Path, trained: Positions) -> None:
    dataset, positions = opened(tmp_path, other(chrom=pl.lit("1"), genomic_position=pl.col("position") + 3000))
    human = replace(dataset, info=replace(dataset.info, assembly="GRCh38"))
    refuse_overlap(TrainedOn.of_table(trained, Genome("WBcel235")), positions, human)
    with pytest.raises(InputError, match="'assembly' in dataset_info"):
        refuse_overlap(TrainedOn.of_table(trained, Genome()), positions, human)
    info = ModelInfo("single_model", ("A",), loci=trained.loci(), provenance={"dataset": {"assembly": "WBcel235"}})
    refuse_overlap(TrainedOn.of_model(info), positions, human)


@pytest.mark.parametrize(
    ("ours", "theirs", "refused"),
    [(Genome(contigs={"1": 90}), Genome(contigs={"1": 90}), True),
     (Genome(contigs={"1": 90}), Genome("x", {"1": 91}), False), (Genome("x", {"1": 90}), Genome("y", {"1": 90}), True),
     (Genome(contigs={"2": 7}), Genome(contigs={"1": 91}), True), (Genome("hg38"), Genome("GRCh38.p13"), True),
     (Genome("hg19"), Genome("GRCh38"), False)],
)  # fmt: skip
def test_lengths_of_contigs_tell_genomes_apart_as_they_do_for_rows(
    tmp_path: Path, trained: Positions, ours: Genome, theirs: Genome, refused: bool
) -> None:
    dataset, positions = opened(tmp_path, other(chrom=pl.lit("1"), genomic_position=pl.col("position") + 3000))
    table = replace(dataset, info=replace(dataset.info, assembly=theirs.assembly, contigs=theirs.contigs))
    told = {"dataset": {"assembly": ours.assembly, "contigs": ours.contigs}}
    for known in (
        TrainedOn.of_table(trained, ours),
        TrainedOn.of_model(ModelInfo("single_model", ("A",), loci=trained.loci(), provenance=told)),
        TrainedOn.of_model(ModelInfo("single_model", ("A",), provenance={
            "started_from": [{"loci": trained.loci(), **told["dataset"]}]})),
    ):  # fmt: skip
        with pytest.raises(InputError, match="overlap those trained on") if refused else nullcontext():
            refuse_overlap(known, positions, table)


def test_copies_under_other_names_and_without_coordinates(tmp_path: Path, trained: Positions) -> None:
    copies = FRAME.filter(GENE.is_in(["G0002", "G0004"])).with_columns(gene_id="Y" + GENE).drop("genomic_position")
    dataset, positions = opened(tmp_path, pl.concat([other().drop("genomic_position").select(copies.columns), copies]))
    refuse_overlap(TrainedOn.of_table(trained, Genome()), positions, dataset)
    with pytest.raises(InputError, match="shares 2 genes with the rows of those trained on: YG0002, YG0004"):
        refuse_copies(trained, positions, dataset.source)


def test_genes_of_other_versions_are_the_genes_of_the_training() -> None:
    require_genes(pl.Series(["ENSG00000000001.1"]), pl.Series(["ENSG00000000001.2", "B"]), "t")
    with pytest.raises(InputError, match="none of its 1 genes"):
        require_genes(pl.Series(["A"]), pl.Series(["B"]), "t")
