from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from built_genes import RECIPE, made_up_gene, write_genes
from hypothesis import given
from hypothesis import strategies as st

from meta_models.dataset.genes.columns import NARROW, flags_of, runs_of
from meta_models.dataset.genes.folder import Gene, GeneFolder
from meta_models.errors import InputError
from meta_models.features import BaseTrack, Recipe, features

GENES = [made_up_gene(k, 20 + k) for k in range(7)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_genes(tmp_path / "genes", GENES)
    return tmp_path / "genes"


def test_genes_are_read_as_they_were_written(folder: Path) -> None:
    opened = GeneFolder.open(folder, RECIPE)
    assert [entry.gene_id for entry in opened.entries] == [gene.gene_id for gene in GENES]
    assert (len(opened), opened.positions) == (7, sum(map(len, GENES)))
    for found, expected in zip(opened.genes(), GENES, strict=True):
        _assert_same(found, expected)


def _assert_same(found: Gene, expected: Gene) -> None:
    for name in NARROW:
        name = "family" if name == "gene_family" else name
        assert getattr(found, name) == getattr(expected, name)
    for name in ("sequence", "labels", "elsewhere"):
        assert getattr(found, name).dtype == getattr(expected, name).dtype
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    for tracks in ("scores", "evidence"):
        assert list(getattr(found, tracks)) == list(getattr(expected, tracks))
        for key, values in getattr(expected, tracks).items():
            np.testing.assert_array_equal(getattr(found, tracks)[key], values)


def test_some_genes_are_read_without_the_row_groups_of_others(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = GeneFolder.open(folder, RECIPE)
    read: list[int] = []
    original = __import__("pyarrow.parquet").parquet.ParquetFile.read_row_group

    def counted(self: object, group: int, **options: object) -> object:
        read.append(group)
        return original(self, group, **options)

    monkeypatch.setattr("pyarrow.parquet.ParquetFile.read_row_group", counted)
    assert [gene.gene_id for gene in opened.genes(["g6", "g0"])] == ["g0", "g6"]
    assert len(read) == 2


def test_without_inputs_only_labels_are_read(folder: Path) -> None:
    for found, expected in zip(GeneFolder.open(folder, RECIPE).genes(inputs=False), GENES, strict=True):
        np.testing.assert_array_equal(found.counted, (expected.labels != 255) & ~expected.elsewhere)
        assert not found.scores
        assert not len(found.sequence)


def test_sequences_alone_are_those_of_the_genes_without_flanks(folder: Path) -> None:
    found = dict(GeneFolder.open(folder, RECIPE).sequences({"g6", "g1"}))
    assert list(found) == ["g1", "g6"]
    for name, codes in found.items():
        np.testing.assert_array_equal(codes, GENES[int(name[1:])].sequence[7:-7])
    with pytest.raises(InputError, match="1 are not: g9"):
        list(GeneFolder.open(folder, RECIPE).sequences({"g1", "g9"}))


def test_features_of_a_gene_that_was_read(folder: Path) -> None:
    gene = next(GeneFolder.open(folder, RECIPE).genes())
    block = features(gene.scores, gene.sequence, gene.evidence, RECIPE)
    np.testing.assert_array_equal(block["donor_score"], GENES[0].scores["main"][7:-7, 0])


def test_positions_run_down_on_the_minus_strand() -> None:
    assert GENES[1].strand == "-"
    assert GENES[1].genomic_positions()[[0, -1]].tolist() == [1021, 1001]
    assert GENES[2].genomic_positions()[[0, -1]].tolist() == [2001, 2022]


def test_unknown_genes_other_tracks_and_damage_are_refused(folder: Path) -> None:
    with pytest.raises(InputError, match=r"must be in the built folder.*1 are not: x"):
        list(GeneFolder.open(folder, RECIPE).genes(["g1", "x"]))
    with pytest.raises(InputError, match="It lacks third_donor_score, third_acceptor_score"):
        GeneFolder.open(folder, Recipe((BaseTrack("main"), BaseTrack("third"))))
    file = folder / "batch_00001.parquet"
    data = bytearray(file.read_bytes())
    data[len(data) // 3] ^= 255
    file.write_bytes(data)
    with pytest.raises(InputError, match=r"batch_00001\.parquet' must be readable"):
        list(GeneFolder.open(folder, RECIPE).genes())


def test_a_gene_that_stands_twice_is_refused(tmp_path: Path) -> None:
    write_genes(tmp_path / "genes", [*GENES, GENES[0]])
    with pytest.raises(InputError, match="must stand once"):
        GeneFolder.open(tmp_path / "genes", RECIPE)


@given(st.lists(st.booleans(), max_size=30))
def test_runs_and_flags(flags: list[bool]) -> None:
    runs = runs_of(np.array(flags, bool))
    assert flags_of(runs, len(flags)).tolist() == flags
    assert all(a < b for a, b in pairwise(runs))


def test_runs_by_hand() -> None:
    assert runs_of(np.array([1, 1, 1, 0, 0, 1], bool)) == [0, 3, 5, 6]
