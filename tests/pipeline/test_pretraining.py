"""Genes of several folders, one after another, by the names that inputs have here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from build_places import make_place

from meta_models.config import TrainingConfig
from meta_models.errors import InputError
from meta_models.pipeline.pretraining import EarlierGenes, joined_genes, open_earlier_genes


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[EarlierGenes, ...]:
    paths = []
    for seed, keys in ((1, ("main", "alt")), (2, ("first", "alt"))):
        folder = tmp_path_factory.mktemp(f"place{seed}")
        place = make_place(folder / "made", genes=10, seed=seed)
        scores = tuple(f"{key}={place.scores(kind)}" for key, kind in zip(keys, ("main", "alt"), strict=True))
        paths.append(str(place.build(folder / f"built{seed}", scores=scores)))
    config = TrainingConfig.from_mapping({"pretrain": paths, "learner": "tcn"})
    return open_earlier_genes(config, {"first": "main"})


def test_inputs_have_the_names_that_they_have_here(folders: tuple[EarlierGenes, ...]) -> None:
    assert [track.key for track in folders[1].built.recipe.models] == ["first", "alt"]
    genes = folders[1].genes(0)
    assert genes.base_models == ("main", "alt")
    (gene, *_) = genes.genes
    plain = next(iter(folders[1].built.genes.genes()))
    assert list(gene.tracks.scores) == ["main", "alt"]
    np.testing.assert_array_equal(gene.tracks.scores["main"], plain.scores["first"])


def test_genes_stand_one_after_another(folders: tuple[EarlierGenes, ...]) -> None:
    parts = [folder.genes(0) for folder in folders]
    whole, first = joined_genes(parts), len(parts[0].lengths)
    assert whole.lengths.tolist() == [*parts[0].lengths, *parts[1].lengths]
    assert [gene.tracks.gene_id for gene in whole.genes] == [g.tracks.gene_id for part in parts for g in part.genes]
    rows = len(parts[0].gene_of_row)
    np.testing.assert_array_equal(whole.gene_of_row[:rows], parts[0].gene_of_row)
    np.testing.assert_array_equal(whole.gene_of_row[rows:], parts[1].gene_of_row + first)
    for part in parts:
        assert len(part.gene_of_row) == len(part.position_of_row)


def test_all_genes_are_seen(folders: tuple[EarlierGenes, ...]) -> None:
    assert len(folders[0].info.genes) == 10
    assert len(folders[0].seen.genes) == 10


def test_what_is_no_built_folder_is_refused(tmp_path: Path) -> None:
    config = TrainingConfig.from_mapping({"pretrain": [str(tmp_path)], "learner": "tcn"})
    with pytest.raises(InputError, match="must be a folder of meta-models build"):
        open_earlier_genes(config, {})
