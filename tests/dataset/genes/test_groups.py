"""Genes that share positions, an identity or their rows are one group, whatever their families are."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from tables import make_frame, write_table

from meta_models.config import TrainingConfig
from meta_models.dataset.positions import Positions, read_positions
from meta_models.dataset.reading.open import open_dataset
from meta_models.training.fitting.folds import make_folds
from meta_models.training.screening.table import screen_table

GENE = pl.col("gene_id")
NUMBER = GENE.str.slice(1).cast(pl.Int64)


def placed_frame(n_genes: int = 12) -> pl.DataFrame:
    """Genes of 30 rows, a thousand bases apart, all on the plus strand of chr1."""
    place = 1000 * NUMBER + pl.col("position")
    return make_frame(n_genes).with_columns(genomic_position=place, strand=pl.lit("+"), chrom=pl.lit("chr1"))


def renamed(frame: pl.DataFrame, **names: str) -> pl.DataFrame:
    return frame.with_columns(gene_id=GENE.replace(names))


def read(folder: Path, frame: pl.DataFrame) -> Positions:
    return read_positions(open_dataset(write_table(folder / "t", frame), work_dir=folder))


def together(positions: Positions) -> set[frozenset[str]]:
    """Groups of several genes."""
    frame = pl.DataFrame({"gene": positions.frame["gene_id"].cast(pl.String), "group": positions.relatives()})
    groups = frame.unique().group_by("group").agg("gene")["gene"].to_list()
    return {frozenset(genes) for genes in groups if len(genes) > 1}


def test_genes_without_trouble_are_as_they_were(tmp_path: Path) -> None:
    positions = read(tmp_path, placed_frame())
    assert together(positions) == set()
    assert positions.joined == () == positions.warnings
    assert positions.groups().to_list() == positions.frame["family"].to_list()


def moved(frame: pl.DataFrame, gene: str, to: int) -> pl.DataFrame:
    place = pl.when(GENE.eq(gene)).then(to + pl.col("position")).otherwise(pl.col("genomic_position"))
    return frame.with_columns(genomic_position=place)


def test_overlapping_spans_on_a_strand_are_one_group_across_families(tmp_path: Path) -> None:
    frame = moved(placed_frame(), "G0005", 2029).with_columns(gene_family=GENE)
    positions = read(tmp_path, frame)
    assert together(positions) == {frozenset({"G0002", "G0005"})}
    assert positions.group_of == {"G0002": "G0002", "G0005": "G0002"}
    assert "2 families" in positions.joined[0]
    assert "2 genes overlapping another one on its strand" in positions.joined[0]
    assert set(positions.families()) == set(frame["gene_id"])


def test_other_strands_and_chromosomes_do_not_overlap(tmp_path: Path) -> None:
    frame = moved(placed_frame(), "G0005", 2000)
    other = pl.when(GENE == "G0005")
    for n, column in enumerate((other.then(pl.lit("-")).otherwise("strand").alias("strand"),
                                other.then(pl.lit("chr2")).otherwise("chrom").alias("chrom"))):  # fmt: skip
        assert together(read(tmp_path / str(n), frame.with_columns(column))) == set()


def test_chromosomes_in_two_spellings_overlap(tmp_path: Path) -> None:
    frame = moved(placed_frame(), "G0005", 2000)
    other = pl.when(GENE == "G0005")
    frame = frame.with_columns(other.then(pl.lit("1")).otherwise("chrom").alias("chrom"),
                               other.then(pl.lit("1")).otherwise("strand").alias("strand"))  # fmt: skip
    assert together(read(tmp_path, frame)) == {frozenset({"G0002", "G0005"})}


def test_where_the_strand_is_not_known_a_gene_may_be_on_either(tmp_path: Path) -> None:
    frame = moved(placed_frame(), "G0005", 2000)
    frame = frame.with_columns(strand=pl.when(GENE == "G0005").then(pl.lit(".")).otherwise("strand"))
    assert together(read(tmp_path, frame)) == {frozenset({"G0002", "G0005"})}


def test_versions_and_copies_on_y_are_one_gene(tmp_path: Path) -> None:
    names = {
        "G0001": "ENSG00000000007.5", "G0002": "gene:ENSG00000000007.6", "G0003": "ENSG00000000009.1",
        "G0004": "ENSG00000000009.1_PAR_Y",
    }  # fmt: skip
    positions = read(tmp_path, renamed(make_frame(12), **names))
    assert together(positions) == {frozenset(list(names.values())[:2]), frozenset(list(names.values())[2:])}
    assert "2 genes with a _PAR_Y copy, or one itself" in positions.joined[0]
    assert "2 genes with ids of one gene" in positions.joined[0]
    assert set(names.values()) <= set(positions.frame["gene_id"].cast(pl.String))  # shown as they are


def test_copies_by_content_are_one_group(tmp_path: Path) -> None:
    frame = make_frame(12)
    copy = frame.filter(GENE == "G0003").with_columns(gene_id=pl.lit("Z"), feature_0=pl.lit(0, pl.Float32))
    positions = read(tmp_path, pl.concat([frame, copy]))
    assert together(positions) == {frozenset({"G0003", "Z"})}
    assert "2 genes with the rows of another one" in positions.joined[0]


def test_a_gene_in_two_families_joins_them(tmp_path: Path) -> None:
    family = pl.when((GENE == "G0001") & (pl.col("position") > 3)).then(pl.lit("G0002")).otherwise(GENE)
    positions = read(tmp_path, make_frame(12).with_columns(gene_family=family))
    assert together(positions) == {frozenset({"G0001", "G0002"})}
    assert positions.groups().cast(pl.String).n_unique() == 11
    assert "1 gene in several families" in positions.joined[0]


def test_reasons_chain(tmp_path: Path) -> None:
    frame = moved(placed_frame(), "G0005", 2029).with_columns(gene_family=GENE.replace({"G0006": "G0005"}))
    frame = renamed(frame, G0006="ENSG00000000007.1", G0009="ENSG00000000007.2")
    assert together(read(tmp_path, frame)) == {frozenset({"G0002", "G0005", "ENSG00000000007.1", "ENSG00000000007.2"})}


def test_folds_and_screening_keep_groups_whole(tmp_path: Path) -> None:
    x = placed_frame(20)
    y = x.with_columns(gene_id=GENE + "_PAR_Y", chrom=pl.lit("chrY"))
    folder = write_table(tmp_path / "t", pl.concat([x, y]))
    dataset = open_dataset(folder, work_dir=tmp_path)
    positions = read_positions(dataset)
    config = TrainingConfig(n_folds=3, screening_min_genes=5)
    genes = positions.frame["gene_id"].cast(pl.String).str.strip_suffix("_PAR_Y")
    folds = make_folds(positions, config)
    frame = pl.DataFrame({"gene": genes, "fold": folds.of_row, "seen": screen_table(dataset, positions, config).rows})
    assert (
        frame.group_by("gene")
        .agg(pl.col("fold").n_unique(), pl.col("seen").n_unique())
        .select((pl.col("fold") == 1).all() & (pl.col("seen") == 1).all())
        .item()
    )
    assert 0 < frame["seen"].sum() < frame.height


def test_chromosome_folds_do_not_ask_how_it_is_spelt(tmp_path: Path) -> None:
    chrom = pl.concat_str(
        pl.when(NUMBER % 8 < 4).then(pl.lit("")).otherwise(pl.lit("chr")), (NUMBER % 4 + 1).cast(pl.String)
    )
    positions = read(tmp_path, make_frame(24).with_columns(chrom=chrom))
    folds = make_folds(positions, TrainingConfig(n_folds=2, split="chromosome"))
    frame = pl.DataFrame(
        {"chrom": positions.frame["chrom"].cast(pl.String).str.strip_prefix("chr"), "fold": folds.of_row}
    )
    assert frame.unique().height == 4


@pytest.mark.real_data
def test_groups_of_the_real_tables(real_data: Path, tmp_path: Path) -> None:
    found = {}
    for name in ("worm", "human_chr1"):
        positions = read_positions(open_dataset(real_data / name / "master", work_dir=tmp_path))
        found[name] = positions.group_of
    assert found == {"worm": {}, "human_chr1": {"chr1_0083": "chr1_0083", "chr1_0084": "chr1_0083"}}
