"""Spans of genes, and which of them overlap."""

from __future__ import annotations

import itertools

import numpy as np
import polars as pl
import pytest

from meta_models.dataset.genes.groups import components
from meta_models.dataset.genes.loci import Locus, genes_within, merged, overlapping, spans


def frame(*rows: tuple[int, str | None, str | None, int | None]) -> tuple[pl.DataFrame, pl.Series]:
    table = pl.DataFrame(rows, ["gene", "chrom", "strand", "genomic_position"], orient="row")
    return table.drop("gene"), table["gene"]


def test_spans_by_chromosome_and_strand_in_their_normal_forms() -> None:
    table = frame((0, "chr1", "+", 10), (0, "1", "1", 30), (1, "chr1", "-1", 20), (2, "2", None, 5), (3, None, "+", 1))
    placed = spans(*table)
    assert [(str(locus), gene) for locus, gene in placed] == [
        ("1:+:10-10", 0), ("1:+:30-30", 0), ("1:-:20-20", 1), ("2:+:5-5", 2), ("2:-:5-5", 2),
    ]  # fmt: skip


def test_no_spans_without_coordinates() -> None:
    table, genes = frame((0, "chr1", "+", 10))
    assert spans(table.drop("chrom"), genes) == []
    assert spans(table.drop("genomic_position"), genes) == []
    assert len(spans(table.drop("strand"), genes)) == 2  # both strands


def test_overlaps_hang_together_as_all_pairs_do() -> None:
    rng = np.random.default_rng(0)
    starts, lengths = rng.integers(0, 2000, 80), rng.integers(0, 40, 80)
    strands = rng.choice(list("+-"), 80)
    placed = sorted(
        (Locus("1", s, a, a + n), k) for k, (a, n, s) in enumerate(zip(starts, lengths, strands, strict=True))
    )
    every = [
        (j, k)
        for (a, j), (b, k) in itertools.combinations(placed, 2)
        if a.strand == b.strand and a.start <= b.end and b.start <= a.end
    ]
    found = overlapping(placed)
    assert {frozenset(pair) for pair in found} <= {frozenset(pair) for pair in every}
    ours, theirs = (components(np.array(pairs), 80) for pairs in (found, every))
    assert len({*zip(ours, theirs, strict=True)}) == len({*ours}) == len({*theirs}) < 80


def test_a_gene_within_another_and_one_that_ends_where_the_next_begins() -> None:
    placed = [(Locus("1", "+", 0, 100), 0), (Locus("1", "+", 10, 20), 1), (Locus("1", "+", 100, 110), 2)]
    assert overlapping(placed) == [(0, 1), (0, 2)]
    assert merged(placed) == ("1:+:0-110",)
    assert overlapping([placed[0], (Locus("1", "-", 50, 60), 1), (Locus("2", "+", 50, 60), 2)]) == []


def test_loci_are_read_as_they_are_written() -> None:
    for locus in (Locus("1", "+", 1, 20), Locus("HLA:A*01", "-", -3, 20), Locus("1-2", "+", -9, -3)):
        assert Locus.parse(str(locus)) == locus
    with pytest.raises(ValueError):
        Locus.parse("chr1:1-2")


def test_genes_that_lie_in_loci() -> None:
    placed = [(Locus("1", "+", 0, 100), 0), (Locus("1", "+", 90, 120), 1), (Locus("1", "+", 500, 510), 2)]
    assert genes_within(placed, ["1:+:110-130"]) == {1}
    assert genes_within(placed, ["1:+:0-600"]) == {0, 1, 2}
    assert genes_within([(Locus("1", "+", 0, 100), 0), (Locus("1", "+", 15, 30), 1)], ["1:+:10-20"]) == {0, 1}
    assert genes_within(placed, ["1:-:0-600", "2:+:0-600"]) == set()
