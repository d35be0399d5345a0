"""One gene, one chromosome, one strand: whatever they are called."""

from __future__ import annotations

import polars as pl
import pytest

from meta_models.names import (
    assembly_key,
    chromosome_key,
    chromosome_keys,
    gene_key,
    gene_key_set,
    gene_keys,
    is_par_copy,
    is_unplaced,
    known_as,
    plain,
    strand_key,
    strand_keys,
)

SAME_GENES = [
    ("ENSG00000182378.5", "ENSG00000182378.6"),
    ("ENSG00000182378.15_PAR_Y", "ENSG00000182378"),
    ("ENSGR0000182378.10", "ENSG00000182378.10"),  # GENCODE before release 25
    ("ENSG00000223972.5_2", "ENSG00000223972.4"),  # lifted over to GRCh37
    ("gene:ENSMUSG00000000001", "ENSMUSG00000000001.4"),
    ("GeneID:7157", "7157"),
    ("gene-TP53", "TP53"),
    ("Gene:WBGene00000001", "WBGene00000001"),
    ("At1g01010", "AT1G01010"),
    ("LOC_Os01g01010", "LOC_Os01g01010.1"),
    ("FBgn0000003", "FBgn0000003.2"),
    (" TP53", "TP53"),
    ("Ze\u0301", "Z\u00e9"),
]
OTHER_GENES = [
    ("Y74C9A.2", "Y74C9A.3"),  # WormBase: the number tells genes of a cosmid apart
    ("AL627309.1", "AL627309.5"),  # genes of a clone
    ("AABR07000398.1", "AABR07000398.2"),
    ("MSTRG.1", "MSTRG.2"),
    ("G0001", "G0002"),
    ("ENSG00000182378", "ENST00000182378"),
    ("gene", "gene:"),
    ("brca1", "BRCA1"),
]


@pytest.mark.parametrize(("a", "b"), SAME_GENES)
def test_one_gene_in_two_spellings(a: str, b: str) -> None:
    assert gene_key(a) == gene_key(b)


@pytest.mark.parametrize(("a", "b"), OTHER_GENES)
def test_two_genes_stay_two(a: str, b: str) -> None:
    assert gene_key(a) != gene_key(b)


def test_copies_on_y_are_known() -> None:
    assert is_par_copy("ENSG00000182378.15_PAR_Y")
    assert is_par_copy("ENSGR0000182378.10")
    assert not is_par_copy("ENSG00000182378.15")


SAME_CHROMOSOMES = [
    ("chr1", "1"), ("Chr1", "chr1"), ("CHR1", "1"), ("chr01", "1"), ("chromosome 1", "1"), ("CHROMOSOME_I", "I"),
    ("chrM", "MT"), ("M", "MtDNA"), ("chrMT", "Mito"), ("chrX", "x"), ("ChrC", "Pt"), (" chr2", "2"),
]  # fmt: skip
OTHER_CHROMOSOMES = [
    ("1", "NC_000001.11"), ("chr1", "chr10"), ("1", "I"), ("X", "Y"), ("2L", "2R"), ("chr1", "chr1_KI270706v1_random"),
    ("0", ""), ("chr", "1"),
]  # fmt: skip


@pytest.mark.parametrize(("a", "b"), SAME_CHROMOSOMES)
def test_one_chromosome_in_two_spellings(a: str, b: str) -> None:
    assert chromosome_key(a) == chromosome_key(b)


@pytest.mark.parametrize(("a", "b"), OTHER_CHROMOSOMES)
def test_two_chromosomes_stay_two(a: str, b: str) -> None:
    assert chromosome_key(a) != chromosome_key(b)


@pytest.mark.parametrize(
    "name", ["NC_000001.11", "KI270711.1", "chrUn_KI270302v1", "chr1_KI270706v1_random", "GL000194.1"]
)
def test_accessions_and_loose_contigs_are_unplaced(name: str) -> None:
    assert is_unplaced(name)


@pytest.mark.parametrize("name", ["chr1", "1", "X", "MT", "2L", "III", "scaffold_12"])
def test_chromosomes_are_placed(name: str) -> None:
    assert not is_unplaced(name)


@pytest.mark.parametrize(
    ("a", "b"), [("hg38", "GRCh38"), ("GRCh38.p14", "grch38"), ("b37", "hg19"), (" ce11", "WBcel235"),
                 ("mm39", "GRCm39"), ("BDGP6.46", "dm6"), ("hs1", "T2T-CHM13v2.0")],
)  # fmt: skip
def test_one_assembly_in_two_spellings(a: str, b: str) -> None:
    assert assembly_key(a) == assembly_key(b)


@pytest.mark.parametrize(("a", "b"), [("hg19", "hg38"), ("ce10", "ce11"), ("rn7", "rn6"), ("Zm-B73-4.0", "Zm-B73-5.0")])
def test_two_assemblies_stay_two(a: str, b: str) -> None:
    assert assembly_key(a) != assembly_key(b)


def test_strands() -> None:
    assert [strand_key(s) for s in ("+", "1", "+1", "-", "-1", "\u2212", ".", "")] == ["+"] * 3 + ["-"] * 3 + [None] * 2
    assert strand_keys(pl.Series(["1", None, "."])).to_list() == ["+", None, None]


def test_columns_of_names_keep_their_rows_and_gaps() -> None:
    genes = pl.Series(["ENSG00000000001.1", None, "ENSG00000000001.2"], dtype=pl.Categorical)
    assert gene_keys(genes).to_list() == ["ENSG00000000001", None, "ENSG00000000001"]
    assert chromosome_keys(pl.Series(["chr1", None, "1"])).to_list() == ["1", None, "1"]
    assert gene_keys(pl.Series([None], dtype=pl.String)).to_list() == [None]
    assert gene_key_set(["GeneID:1", "1"]) == {"1"}


def test_a_gene_is_known_by_its_own_id_first_then_by_another_version() -> None:
    known = pl.Series(["ENSG00000000001.2", "ENSG00000000001.2_PAR_Y", "A"])
    found = known_as(pl.Series(["ENSG00000000001.2_PAR_Y", "ENSG00000000001.9", "A", "B", None]), known)
    assert found.to_list() == ["ENSG00000000001.2_PAR_Y", "ENSG00000000001.2", "A", None, None]


def test_plain_text() -> None:
    assert plain(" e\u0301 ") == "\u00e9"
