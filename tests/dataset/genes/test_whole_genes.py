"""All genes, or a sample of whole ones that fits."""

from __future__ import annotations

from pathlib import Path

import pytest
from built_genes import RECIPE, made_up_gene, write_genes

from meta_models.dataset.genes import whole_genes
from meta_models.dataset.genes.folder import GeneFolder
from meta_models.dataset.genes.whole_genes import choose_whole_genes
from meta_models.errors import InputError

PLENTY = 10**12


@pytest.fixture
def folder(tmp_path: Path) -> GeneFolder:
    write_genes(tmp_path / "genes", [made_up_gene(number, 10 + number) for number in range(12)])
    return GeneFolder.open(tmp_path / "genes", RECIPE)


def test_all_genes_where_they_are_few(folder: GeneFolder) -> None:
    found = choose_whole_genes(folder, "auto", only=None, budget=PLENTY, seed=0)
    assert len(found.ids) == 12
    assert found.positions == folder.positions == 10 * 12 + 66
    assert found.title == "On every position of all 12 genes"


def test_a_sample_drawn_by_the_seed_above_that(folder: GeneFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole_genes, "MOST_POSITIONS", 60)
    found = choose_whole_genes(folder, "auto", only=None, budget=PLENTY, seed=0)
    assert 0 < found.positions <= 60
    assert found == choose_whole_genes(folder, "auto", only=None, budget=PLENTY, seed=0)
    assert found.ids != choose_whole_genes(folder, "auto", only=None, budget=PLENTY, seed=2).ids
    assert found.title.startswith(f"On every position of {len(found.ids)} of 12 genes (a sample drawn by the seed")
    assert len(choose_whole_genes(folder, "all", only=None, budget=PLENTY, seed=0).ids) == 12


def test_no_more_than_fit_into_memory(folder: GeneFolder) -> None:
    row = 240 + 80 * 2
    found = choose_whole_genes(folder, "auto", only=None, budget=int(row * 50 / 0.4), seed=0)
    assert 0 < found.positions <= 50


def test_only_genes_that_were_trained_on(folder: GeneFolder) -> None:
    found = choose_whole_genes(folder, "auto", only={"g1", "g5", "elsewhere"}, budget=PLENTY, seed=0)
    assert found.ids == {"g1", "g5"}
    with pytest.raises(InputError, match="genes of the training table"):
        choose_whole_genes(folder, "auto", only={"elsewhere"}, budget=PLENTY, seed=0)


def test_contenders_take_room(folder: GeneFolder) -> None:
    """A budget that holds all positions for one model holds fewer where others are scored beside it."""
    budget = int(folder.positions * (240 + 80 * len(folder.recipe.models)) / 0.4) + 1
    assert choose_whole_genes(folder, "auto", only=None, budget=budget, seed=0).positions == folder.positions
    beside = choose_whole_genes(folder, "auto", only=None, budget=budget, seed=0, contenders=5)
    assert 0 < beside.positions < folder.positions
