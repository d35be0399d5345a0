"""Genes of known kinds of sequence are found again; flanks, strands and labels play no part."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from built_genes import RECIPE, made_up_gene, write_genes

from meta_models.build.relatives.families import sketch
from meta_models.dataset.genes.columns import Gene
from meta_models.errors import InputError, UsageError
from meta_models.training.batches.sketch_clusters import (
    CLUSTERS,
    WORDS,
    clusters,
    sketch_clusters,
    word_rule,
    word_table,
)

#: Shares of A, C, G and T: words of one kind are rare in the other.
KINDS = ((0.48, 0.02, 0.02, 0.48), (0.02, 0.48, 0.48, 0.02))


def gene(number: int, kind: int, length: int = 400) -> Gene:
    """Of one kind, between flanks of the other."""
    rng = np.random.default_rng(number)
    inside = rng.choice(4, length, p=KINDS[kind])
    flanks = rng.choice(4, (2, RECIPE.flank), p=KINDS[1 - kind])
    sequence = np.concatenate([flanks[0], inside, flanks[1]]).astype(np.uint8)
    return replace(made_up_gene(number, length), sequence=sequence)


def write_folder(folder: Path, genes: list[Gene]) -> Path:
    write_genes(folder / "genes", genes)
    (folder / "master").mkdir()
    (folder / "dataset_info.json").write_text(json.dumps({"format": 1, "recipe": RECIPE.to_json()}))
    return folder


def partition(of_gene: dict[str, str]) -> set[frozenset[str]]:
    return {frozenset(g for g, name in of_gene.items() if name == cluster) for cluster in of_gene.values()}


@pytest.mark.parametrize(("length", "k"), [(10, 5), (355, 5), (600, 5), (5_678, 7), (90_852, 9), (1e9, 15)])
def test_a_gene_has_about_half_of_the_words(length: float, k: int) -> None:
    rule = word_rule(length)
    assert rule.k == k
    assert 4**k / 2 / rule.scaled == WORDS


def test_half_of_the_words_are_in_a_gene_by_chance() -> None:
    for length in (355, 5_678):  # ln 2 of 512 words, and of 8192
        codes = np.random.default_rng(0).integers(0, 4, length).astype(np.uint8)
        assert 0.4 < len(sketch(codes, word_rule(length))) / WORDS < 0.6


def test_rows_of_the_table_have_the_known_likeness() -> None:
    sketches = [np.array(words, np.uint32) for words in ([3, 5], [5, 7, 8, 9], [], [3, 5], [11])]
    table = word_table(sketches)
    assert table.shape == (5, 6)
    shared = [[1, 1 / np.sqrt(8), 0, 1, 0], [1 / np.sqrt(8), 1, 0, 1 / np.sqrt(8), 0]]  # shared / sqrt(n m)
    np.testing.assert_allclose((table @ table.T)[:2], shared, rtol=1e-6)
    np.testing.assert_array_equal(table[2], 0)


def test_without_any_word_all_are_one_cluster() -> None:
    table = word_table([np.empty(0, np.uint32)] * 3)
    np.testing.assert_array_equal(clusters(table, seed=0), 0)


def test_groups_of_genes_with_words_of_their_own_are_found_in_the_order_of_the_first() -> None:
    rng = np.random.default_rng(3)
    kinds = rng.permutation(np.repeat(np.arange(CLUSTERS), 9))
    sketches = [np.sort(rng.choice(np.arange(20) + 100 * kind, 12, replace=False)) for kind in kinds]
    found = clusters(word_table([words.astype(np.uint32) for words in sketches]), seed=0)
    order = list(dict.fromkeys(kinds.tolist()))
    np.testing.assert_array_equal(found, [order.index(kind) for kind in kinds])


def test_fewer_different_genes_than_clusters_are_a_cluster_each() -> None:
    table = word_table([np.array(words, np.uint32) for words in ([1], [2], [1], [3])])
    np.testing.assert_array_equal(clusters(table, seed=0), [0, 1, 0, 2])


def test_genes_of_a_kind_never_share_a_cluster_with_the_other(tmp_path: Path) -> None:
    genes = [gene(number, number % 2) for number in range(24)]
    found = sketch_clusters(write_folder(tmp_path, genes), {g.gene_id for g in genes}, seed=0)
    assert {g.gene_id for g in genes} == set(found)
    kinds = [{int(name[1:]) % 2 for name in cluster} for cluster in partition(found)]
    assert all(len(kind) == 1 for kind in kinds)
    assert found["g0"] == "sketch-1"


def test_strand_flanks_and_labels_play_no_part(tmp_path: Path) -> None:
    genes = [gene(number, number % 2) for number in range(24)]
    turned = [
        replace(
            g,
            sequence=np.concatenate([np.full(7, 4), 3 - g.sequence[7:-7][::-1], np.full(7, 4)]).astype(np.uint8),
            labels=np.zeros_like(g.labels),
        )
        for g in genes
    ]
    ids = {g.gene_id for g in genes}
    one, other = (
        sketch_clusters(write_folder(tmp_path / name, found), ids, seed=1)
        for name, found in (("one", genes), ("other", turned))
    )
    assert one == other


def test_only_the_genes_asked_for_are_looked_at(tmp_path: Path) -> None:
    genes = [gene(number, number % 2) for number in range(12)]
    folder = write_folder(tmp_path, genes)
    assert set(sketch_clusters(folder, {"g1", "g4"}, seed=0)) == {"g1", "g4"}
    with pytest.raises(InputError, match="nowhere"):
        sketch_clusters(folder, {"g1", "nowhere"}, seed=0)


def test_a_table_has_no_sequences(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="which has genes/"):
        sketch_clusters(tmp_path / "table.parquet", {"g1"}, seed=0)
