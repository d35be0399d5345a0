"""Genes of a built folder as learners of genes are given them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from built_genes import RECIPE, made_up_gene, write_genes

from meta_models.dataset.genes.folder import GeneFolder
from meta_models.learners.gene_bridge import GenesOfFolder, evidence_names, labelled, model_keys, tracks_of
from meta_models.learners.seam.genes import NOT_LABELLED


def test_tracks_have_the_names_of_the_recipe() -> None:
    gene = made_up_gene(1, 30)
    tracks = tracks_of(gene, RECIPE)
    assert (tracks.gene_id, tracks.length, tracks.gene_length, tracks.offset) == ("g1", 30, 30, 0)
    assert model_keys(RECIPE) == ("main", "other") == tuple(tracks.scores)
    assert evidence_names(RECIPE) == tuple(tracks.evidence)
    assert evidence_names(RECIPE)[:3] == ("phylop_value", "reads_donor_reads", "reads_acceptor_reads")
    np.testing.assert_array_equal(tracks.evidence["reads_acceptor_reads"], gene.evidence["reads"][:, 1])


def test_positions_that_do_not_count_have_no_label() -> None:
    gene = made_up_gene(2, 200)
    labels = labelled(gene, RECIPE).labels
    np.testing.assert_array_equal(labels == NOT_LABELLED, (gene.labels == 255) | gene.elsewhere)
    np.testing.assert_array_equal(labels[gene.counted], gene.labels[gene.counted])


def test_a_part_of_the_arrays_knows_where_it_lies() -> None:
    gene = tracks_of(made_up_gene(3, 50), RECIPE)
    part = gene.within(10, 25)
    assert (part.flank, part.length, part.offset, part.gene_length) == (0, 15, 10 - RECIPE.flank, 50)
    np.testing.assert_array_equal(part.codes, gene.codes[10:25])
    again = part.within(5, 9)
    assert (again.offset, again.gene_length) == (15 - RECIPE.flank, 50)


def test_genes_of_a_folder_come_in_its_order_and_again(tmp_path: Path) -> None:
    write_genes(tmp_path / "genes", [made_up_gene(number, 20 + number) for number in range(5)])
    genes = GenesOfFolder(GeneFolder.open(tmp_path / "genes", RECIPE), {"g4", "g1"})
    for _ in range(2):
        assert [each.tracks.gene_id for each in genes] == ["g1", "g4"]
