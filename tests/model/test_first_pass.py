"""Columns of a first pass, against values worked out by hand and against the features of base scores."""

from __future__ import annotations

import numpy as np
import pytest

from meta_models.dataset.genes.columns import Gene
from meta_models.dataset.stretches import PACK_ROWS, Stretch
from meta_models.features import BaseTrack, Recipe, features
from meta_models.learners.seam import Matrix, Predictor
from meta_models.model import FittedModel, ModelInfo, SingleModel
from meta_models.model.first_pass import (
    FIRST_PASS_WIDTH,
    FLOOR,
    FirstPass,
    could_be_site,
    first_pass_columns,
    first_pass_names,
    site_scores,
)

FLANK = 3
RECIPE = Recipe((BaseTrack("main"),), flank=FLANK)
NAMES = ("donor_score", "acceptor_score")


class Echo(Predictor):
    """Scores of neither 1, of donor and acceptor what the base model says."""

    n_inputs, n_targets = 2, 3

    def __init__(self) -> None:
        self.rows = 0

    def scores(self, matrix: Matrix) -> np.ndarray:
        self.rows += len(matrix)
        return np.column_stack([1 - matrix.sum(axis=1), matrix]).astype(float)

    def files(self) -> dict[str, bytes]:
        return {}


def gene(bases: str, *, seed: int = 0, name: str = "g") -> Gene:
    """A gene of `bases`, those of its flanks included."""
    codes = np.array(["ACGTN".index(base) for base in bases], np.uint8)
    inner = len(codes) - 2 * FLANK
    scores = np.random.default_rng(seed).random((len(codes), 2)).astype(np.float32) / 2
    return Gene(
        name, name, "", name, "chr1", "+", 101, 100 + inner, FLANK, codes, np.zeros(inner, np.uint8),
        np.zeros(inner, bool), {"main": scores},
    )  # fmt: skip


def random_gene(length: int, seed: int = 0) -> Gene:
    return gene(
        "".join(np.random.default_rng(seed).choice(list("ACGT"), length + 2 * FLANK)), seed=seed, name=f"g{seed}"
    )


def model() -> FittedModel:
    return SingleModel(Echo(), NAMES, info=ModelInfo("test", ()))


def test_sites_stand_beside_the_bases_of_introns() -> None:
    """GT follows 0 and, its T in the flank, 7; GC follows 3; AG precedes 5 and, its A in the flank, AC precedes 1."""
    found = gene("AAA" + "CGTAGCAAG" + "TAA")
    assert np.flatnonzero(could_be_site(found)).tolist() == [0, 1, 3, 5, 7]
    assert not could_be_site(gene("NNN" + "NNNNN" + "NNN")).any()


@pytest.mark.parametrize(("bases", "site"), [("GT", True), ("GC", True), ("AT", True), ("GA", False), ("NT", False)])
def test_donors(bases: str, site: bool) -> None:
    assert could_be_site(gene("CCC" + "C" + bases + "CCC" + "CCC"))[0] == site


@pytest.mark.parametrize(("bases", "site"), [("AG", True), ("AC", True), ("GG", False), ("AN", False)])
def test_acceptors(bases: str, site: bool) -> None:
    assert could_be_site(gene("TTT" + "TTT" + bases + "TT" + "TTT"))[5] == site


def test_scores_are_those_of_possible_sites_above_the_floor() -> None:
    genes = [random_gene(50), random_gene(80, 1)]
    genes[0].scores["main"][FLANK : FLANK + 10] = FLOOR / 2
    counted = model()
    for one, found in zip(genes, site_scores([counted, counted], genes, RECIPE), strict=True):
        expected = one.scores["main"][FLANK:-FLANK].copy()
        expected[~could_be_site(one)] = 0
        expected[expected < FLOOR] = 0
        np.testing.assert_allclose(found, np.stack([expected, expected]), rtol=1e-6)


def test_columns_are_the_context_of_the_first_passes_own_scores() -> None:
    """By the same function that computes the context of base scores; beyond the gene there is nothing."""
    one = random_gene(90)
    (scores,) = site_scores([model()], [one], RECIPE)
    rows = np.array([0, 5, 89])
    found = dict(
        zip(first_pass_names(RECIPE), first_pass_columns([Stretch(one, rows)], [scores[0]], RECIPE), strict=True)
    )
    recipe = Recipe(
        (BaseTrack("x", floor=FLOOR),), groups=tuple(g for g in RECIPE.groups if g.name == "context"), flank=0
    )
    context = features({"x": scores[0]}, one.sequence[FLANK:-FLANK], None, recipe, rows=rows)
    for name in context.names:
        np.testing.assert_array_equal(found[name.replace("context", "first_pass")], context[name])
    bounded = np.clip(scores[0][rows].astype(float), FLOOR, 1 - FLOOR)
    np.testing.assert_allclose(found["first_pass_donor"], np.log(bounded / (1 - bounded))[:, 0], rtol=1e-6)
    assert found["first_pass_acceptor_max_up5"][0] == pytest.approx(np.log(FLOOR / (1 - FLOOR)))
    assert len(found) == FIRST_PASS_WIDTH


def test_small_genes_together_have_what_each_has_alone() -> None:
    genes, first = [random_gene(40, seed) for seed in range(5)], FirstPass(model(), RECIPE)
    pack = [Stretch(one, np.arange(0, 40, 3)) for one in genes]
    together = first.columns(pack)
    np.testing.assert_array_equal(together, np.concatenate([first.columns([one]) for one in pack], axis=1))
    assert together.shape == (FIRST_PASS_WIDTH, 5 * 14)


def test_a_gene_of_several_packs_is_scored_once() -> None:
    echo = Echo()
    first = FirstPass(SingleModel(echo, NAMES, info=ModelInfo("test", ())), RECIPE)
    one = random_gene(PACK_ROWS + 10)
    for rows in (np.arange(5), np.arange(9, 20)):
        first.columns([Stretch(one, rows)])
    assert echo.rows == int(could_be_site(one).sum())
