"""Pieces, parts of them, packs and wanted rows give the same values bit for bit; bad arrays are refused."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from features.pieces import part, recipe, simulated
from scipy.special import logit

from meta_models.errors import InputError
from meta_models.features import (
    GROUPS,
    BaseTrack,
    EvidenceTrack,
    FeatureBlock,
    Piece,
    Recipe,
    Span,
    column_names,
    features,
    packed_features,
)  # fmt: skip
from meta_models.features.groups.models import ModelsGroup
from meta_models.features.groups.scores import ScoresGroup

SIZE = 40_000  # more than a tile of the computation
PARTS = recipe(groups=tuple(GROUPS[name]() for name in GROUPS if name != "kmer"))


def of(piece: Piece, made: Recipe = PARTS) -> FeatureBlock:
    return packed_features([piece], made)


@pytest.fixture(scope="module")
def piece() -> Piece:
    return simulated(SIZE, PARTS)


@pytest.fixture(scope="module")
def whole(piece: Piece) -> FeatureBlock:
    return of(piece)


def same(one: np.ndarray, two: np.ndarray) -> bool:
    return one.tobytes() == two.tobytes()


def test_the_block_has_the_columns_of_the_recipe(whole: FeatureBlock) -> None:
    assert whole.names == column_names(PARTS)
    assert whole.values.dtype == np.float32
    assert whole.values.shape == (len(whole.names), SIZE)
    assert same(whole["acceptor_score"], whole.columns()["acceptor_score"])


@pytest.mark.parametrize("edges", [(0, 1, 2, 5, 18), (0, 1000, 1999, 3007), (31_000, 33_333, 39_999, SIZE)])
def test_parts_of_a_gene_give_the_values_of_the_gene(piece: Piece, whole: FeatureBlock, edges: tuple[int, ...]) -> None:
    for start, stop in pairwise(edges):
        found = of(part(piece, start, stop, PARTS.flank))
        assert same(found.values, whole.values[:, start:stop].copy()), (start, stop)


def test_kmers_of_parts_are_those_of_the_gene() -> None:
    made = recipe(groups=(GROUPS["kmer"](),), flank=200)
    piece = simulated(3000, made)
    found = [of(part(piece, start, start + 750, 200), made).values for start in range(0, 3000, 750)]
    assert same(np.concatenate(found, axis=1), of(piece, made).values)


def test_packed_pieces_give_the_values_of_each() -> None:
    sizes = [1, 700, 2, 30, 0, 5000]
    pieces = [simulated(n, PARTS, seed) for seed, n in enumerate(sizes)]
    packed = packed_features(pieces, PARTS)
    assert same(packed.values, np.concatenate([of(piece).values for piece in pieces], axis=1))


def test_wanted_rows_are_the_rows_of_all(piece: Piece, whole: FeatureBlock) -> None:
    rows = np.array([0, 3, 4, 32_767, 32_768, 39_999])
    assert same(of(replace(piece, rows=rows)).values, whole.values[:, rows].copy())
    assert of(replace(piece, rows=rows[:0])).values.shape == (len(whole.names), 0)


@pytest.mark.parametrize("flank", [0, 125])
def test_windows_beyond_the_flank_find_no_score_and_n(flank: int) -> None:
    short, long = recipe(flank=flank), recipe()
    piece, beyond = simulated(300, short), long.flank - flank
    padded = Piece(
        {key: np.pad(values, ((beyond, beyond), (0, 0))) for key, values in piece.scores.items()},
        np.pad(piece.sequence, beyond, constant_values=4),
        {
            name: np.pad(values, ((beyond, beyond), (0, 0)), constant_values=np.nan)
            for name, values in piece.evidence.items()
        },
        piece.span,
    )
    assert same(of(piece, short).values, of(padded, long).values)


def test_no_piece_gives_no_position() -> None:
    assert packed_features([], PARTS).values.shape == (len(column_names(PARTS)), 0)


def test_features_is_packed_features_of_one(piece: Piece, whole: FeatureBlock) -> None:
    small = part(piece, 10, 20, PARTS.flank)
    found = features(small.scores, small.sequence, small.evidence, PARTS, span=small.span, rows=np.array([4]))
    assert same(found.values, whole.values[:, 14:15].copy())


def test_values_are_as_computed_one_by_one(piece: Piece, whole: FeatureBlock) -> None:
    at = 12_345
    place = at + PARTS.flank
    lowest = {"main": 1e-6, "other": 1e-3}
    odds = np.mean([logit(np.clip(piece.scores[key].astype(np.float64), p, 1)) for key, p in lowest.items()], axis=0)
    assert whole["models_donor_mean"][at] == pytest.approx(odds[place, 0], rel=1e-6)
    assert whole["context_acceptor_max_up400"][at] == pytest.approx(odds[place - 400 : place, 1].max(), rel=1e-6)
    assert whole["context_intron_donor"][at] == pytest.approx(odds[place - 5000 : place - 34, 0].max(), rel=1e-6)


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "scores above 1": ({"scores": {"main": np.full((300, 2), 1.5, np.float32)}}, r"main lie in \[0, 1\]"),
    "scores that are no numbers": ({"scores": {"main": np.full((300, 2), np.nan, np.float32)}}, r"in \[0, 1\]"),
    "a base model less": ({"scores": {}}, "scores of main are needed"),
    "too few scores": ({"scores": {"main": np.zeros((299, 2), np.float32)}}, r"float32 \(300, 2\)"),
    "scores of another type": ({"scores": {"main": np.zeros((300, 2))}}, "found float64"),
    "an unknown base": ({"sequence": np.full(300, 7, np.uint8)}, "found code 7"),
    "a sequence shorter than its flanks": ({"sequence": np.zeros(199, np.uint8)}, r"uint8 \(n \+ 2 \* 100,\)"),
    "no evidence": ({"evidence": {}}, "evidence e are needed"),
    "rows out of order": ({"rows": np.array([4, 3])}, "increasing whole numbers from 0 to 99"),
    "rows beyond the end": ({"rows": np.array([100])}, "from 0 to 99"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_arrays_are_refused(case: str) -> None:
    changes, message = BAD[case]
    made = Recipe((BaseTrack("main"),), (EvidenceTrack("e", "signal"),), flank=100)
    good = Piece(
        {"main": np.zeros((300, 2), np.float32)}, np.zeros(300, np.uint8), {"e": np.zeros((300, 1), np.float32)}
    )
    assert of(good, made).values.shape[1] == 100
    with pytest.raises(InputError, match=message):
        of(replace(good, **changes), made)


def test_a_recipe_of_another_version_is_refused() -> None:
    made = Recipe((BaseTrack("main"),), groups=(ScoresGroup(version=99),), flank=0)
    with pytest.raises(InputError, match="written for version 99"):
        of(simulated(3, recipe(flank=0)), made)


def test_names_that_stand_for_two_columns_are_refused() -> None:
    tracks = (EvidenceTrack("a", "junctions"), EvidenceTrack("a_donor", "signal"))
    assert len(column_names(Recipe((BaseTrack("main"),), tracks))) > 0
    assert column_names(Recipe((BaseTrack("main"),), groups=(ModelsGroup(),))) == ()


def test_annotation_needs_a_span() -> None:
    made = recipe(groups=(GROUPS["annotation"](),), flank=0)
    piece = simulated(3, made)
    assert of(replace(piece, span=Span(10, 4)), made).values.tolist() == [[10, 10, 10], [4, 5, 6], [5, 4, 3]]
    with pytest.raises(InputError, match="gene's length"):
        of(replace(piece, span=None), made)


def test_rows_in_long_runs_are_the_rows_of_all(piece: Piece, whole: FeatureBlock) -> None:
    rows = np.concatenate([np.arange(200, 900), np.arange(32_700, 33_000), np.arange(39_000, SIZE)])
    assert same(of(replace(piece, rows=rows)).values, whole.values[:, rows].copy())
