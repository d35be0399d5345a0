from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from simulated_run import BASES, trained
from sklearn.metrics import average_precision_score

from meta_models.analysis.comparison.gene_ranking import gene_ranking


def test_every_gene_has_its_own_figures() -> None:
    oof = trained().oof
    shuffled = oof[np.random.default_rng(0).permutation(oof.height)]
    table = gene_ranking(shuffled, BASES, weighting="sampling_weight")
    assert table["gene_id"].to_list() == sorted(oof["gene_id"].unique().to_list())
    for row in table.head(5).iter_rows(named=True):
        gene = oof.filter(pl.col("gene_id") == row["gene_id"])
        positive, weight = gene["label"].to_numpy() == 1, gene["weight"].to_numpy()
        assert row["donor_sites"] == positive.sum()
        assert row["rows"] == gene.height
        for name, column in (("meta", "calibrated_donor"), ("base_main", BASES[0].columns[1])):
            expected = average_precision_score(positive, gene[column].to_numpy(), sample_weight=weight)
            assert row[f"average_precision_donor_{name}"] == pytest.approx(expected)


def test_a_gene_without_sites_has_no_figure() -> None:
    oof = trained().oof.with_columns(label=pl.when(pl.col("gene_id") == "g003").then(0).otherwise("label"))
    row = gene_ranking(oof, BASES, weighting="none").filter(pl.col("gene_id") == "g003")
    assert row["average_precision_donor_meta"].to_list() == [None]
    assert row["top_k_accuracy_acceptor_base_main"].to_list() == [None]
    assert row["donor_sites"].to_list() == [0]
