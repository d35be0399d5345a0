"""What a job in rows means for genes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from simulated_genes import Genes, job

from meta_models.learners.neural.fitting.jobs import check_labels, gene_job
from meta_models.learners.neural.inputs.crops import cut
from meta_models.learners.seam.genes import NOT_LABELLED


def test_one_row_is_enough_for_a_gene():
    genes = Genes(number=4).training()
    crops = cut(genes.lengths, 50, 0, genes.flank)
    whole = job(genes, stop=(2,), score=(3,))
    train = np.zeros_like(whole.train)
    train[np.flatnonzero(genes.gene_of_row == 1)[0]] = True
    found = gene_job(replace(whole, train=train), genes, crops)
    np.testing.assert_array_equal(found.train, crops.gene == 1)
    np.testing.assert_array_equal(found.stop, crops.gene == 2)
    assert (crops.gene[found.rows_crop] == 3).all()
    np.testing.assert_array_equal(
        crops.start[found.rows_crop] + found.rows_place, genes.position_of_row[genes.gene_of_row == 3]
    )


def test_genes_in_two_parts_and_jobs_of_one_class_are_refused():
    genes = Genes(number=4).training()
    crops = cut(genes.lengths, 50, 0, genes.flank)
    whole = job(genes, stop=(2,), score=(3,))
    half = whole.stop & (np.arange(len(whole.stop)) % 2 == 0)
    with pytest.raises(ValueError, match="1 genes have rows in two"):
        gene_job(replace(whole, stop=half, score=whole.score | (whole.stop & ~half)), genes, crops)
    with pytest.raises(ValueError, match="at once"):
        gene_job(replace(whole, targets=(1,)), genes, crops)
    with pytest.raises(ValueError, match="no gene"):
        gene_job(replace(whole, train=np.zeros_like(whole.train)), genes, crops)


def test_other_labels_are_refused_but_not_where_genes_have_none():
    world = Genes(number=4)
    genes = world.training()
    labels = world.row_labels(genes).astype(np.uint8)
    whole = job(genes)
    check_labels(whole, np.where(whole.score, 1, labels), labels)  # labels of rows that are scored are not looked at
    wrong = labels.copy()
    wrong[np.flatnonzero(whole.train)[:3]] ^= 1
    with pytest.raises(ValueError, match="and 3 of"):
        check_labels(whole, wrong, labels)
    check_labels(whole, wrong, np.full_like(labels, NOT_LABELLED))
