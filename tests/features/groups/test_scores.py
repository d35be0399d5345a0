"""The score columns against the tables that exist and values by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from meta_models.features import BaseTrack, Piece, Recipe, column_names, packed_features
from meta_models.features.groups.annotation import AnnotationGroup
from meta_models.features.groups.kmer import KmerGroup
from meta_models.features.groups.scores import ScoresGroup
from meta_models.features.groups.sequence import SequenceGroup

FLANK = 125  # of the raw files


def raw_pieces(path: Path, table: pl.DataFrame, genes: int) -> tuple[Recipe, list[Piece]]:
    """The first genes of a raw file; scores are the table's own float32 numbers where it has the position."""
    with np.load(path) as raw:
        meta = json.loads(raw["meta.json"].tobytes())
        prefixes = [model["column_prefix"] for model in meta["base_models"]]
        tracks = tuple(BaseTrack(prefix.rstrip("_") or "main") for prefix in prefixes)
        pieces = []
        for index in range(genes):
            rows = table.filter(pl.col("gene_id") == meta["genes"][index]["gene_id"])
            scores = {}
            for track, prefix, model in zip(tracks, prefixes, meta["base_models"], strict=True):
                values = raw[f"{index:06d}.scores.{model['key']}"][:, :2].astype(np.float32)
                values[rows["position"]] = rows[f"{prefix}donor_score", f"{prefix}acceptor_score"].to_numpy()
                scores[track.key] = np.pad(values, ((FLANK, FLANK), (0, 0)))
            pieces.append(Piece(scores, raw[f"{index:06d}.seq"], rows=rows["position"].to_numpy().astype(np.int64)))
    return Recipe(tracks, groups=(ScoresGroup(), SequenceGroup(), KmerGroup()), flank=FLANK), pieces


#: Of neither scores near 0, which a table takes from the raw file and not from float32 donor and acceptor scores.
OF_NEITHER = ("neither", "entropy")


@pytest.mark.real_data
@pytest.mark.parametrize(("name", "genes"), [("worm", 100), ("human_chr1", 5)])
def test_columns_are_those_of_the_tables_that_exist(real_data: Path, name: str, genes: int) -> None:
    table = pl.read_parquet(real_data / name / "master" / "*.parquet")
    recipe, pieces = raw_pieces(real_data / "raw" / f"{name}.npz", table, genes)
    block = packed_features(pieces, recipe)
    wanted = pl.concat(
        [table.filter(pl.col("gene_id") == gene) for gene in table["gene_id"].unique(maintain_order=True)[:genes]]
    )
    shared = [column for column in block.names if column in table.columns]
    genomic = AnnotationGroup.name, "gene_length", "distance_to_start", "distance_to_end"
    assert shared == [c for c in table.columns[table.columns.index("donor_score") :] if c not in genomic]
    for column in shared:
        loose = any(word in column for word in OF_NEITHER)
        expected = wanted[column].to_numpy().astype(np.float32)
        near = wanted["neither_score"].to_numpy() > 0.01 if loose else np.ones(len(wanted), np.bool_)
        np.testing.assert_allclose(block[column][near], expected[near], rtol=2e-3, atol=2e-6, err_msg=column)


def scored(values: list[tuple[float, float]]) -> Piece:
    scores = np.array(values, np.float32)
    return Piece({"main": scores}, np.zeros(len(scores), np.uint8))


def test_values_by_hand() -> None:
    recipe = Recipe((BaseTrack("main"),), groups=(ScoresGroup(),), flank=0)
    piece = scored([(0.0, 0.1), (0.2, 0.0), (0.5, 0.25), (0.05, 0.05), (0.0, 0.3)])
    block = packed_features([piece], recipe)
    found = {name: values[2] for name, values in block.columns().items()}
    around = {"m2": 0.1, "m1": 0.2, "p1": 0.1, "p2": 0.3}
    assert {name: found[f"context_score_{name}"] for name in around} == pytest.approx(around)
    expected = {
        "neither_score": 0.25, "relative_donor_probability": 2 / 3, "splice_probability": 0.75,
        "donor_acceptor_diff": 0.5, "splice_neither_diff": 0.5, "donor_acceptor_logodds": np.log(2),
        "splice_neither_logodds": np.log(3), "probability_entropy": 1.5 * np.log(2), "context_neighbor_mean": 0.175,
        "context_asymmetry": -0.1, "context_max": 0.3, "donor_diff_m1": 0.3, "donor_diff_p2": 0.2,
        "donor_surge_ratio": 0.5 / 0.3, "donor_is_local_peak": 1, "acceptor_is_local_peak": 1,
        "donor_weighted_context": 0.01 + 0.04 + 0.2 + 0.02 + 0.03, "donor_peak_height_ratio": 0.5 / 0.175,
        "donor_second_derivative": 0.3 + 0.4, "donor_signal_strength": 0.325, "donor_context_diff_ratio": 5 / 3,
        "donor_acceptor_peak_ratio": 2, "type_signal_difference": 0.25, "score_difference_ratio": 1 / 3,
        "signal_strength_ratio": 0.325 / 0.075,
    }  # fmt: skip
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-5)
    assert block["donor_diff_m2"][0] == 0.0, "beyond the flank scores are 0"


def test_ratios_are_bounded() -> None:
    recipe = Recipe((BaseTrack("main"),), groups=(ScoresGroup(),), flank=0)
    assert packed_features([scored([(1.0, 0.0)])], recipe)["donor_surge_ratio"][0] == 1e6


def test_columns_of_further_models_have_their_key_before_them() -> None:
    names = column_names(Recipe((BaseTrack("x"), BaseTrack("y")), groups=(ScoresGroup(),)))
    assert names[:6] == (
        "donor_score", "acceptor_score", "neither_score", "y_donor_score", "y_acceptor_score", "y_neither_score",
    )  # fmt: skip
    assert len(names) == 46
