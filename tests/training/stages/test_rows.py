"""Which rows a stage takes: by columns of the table, and by what the first training says of them."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from tables import make_frame, write_table

from meta_models.dataset.reading.open import open_dataset
from meta_models.dataset.reading.reader import Dataset
from meta_models.errors import InputError, UsageError
from meta_models.training.stages.file import Span, Stage
from meta_models.training.stages.rows import FirstScores, StageRows, hardest, stage_rows

ALL = np.ones(6, bool)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    frame = make_frame(4, 30).with_columns(
        level=pl.Series([None, 1.0, 2.0] * 40), flag=pl.col("position") < 3, when=pl.lit("2020-01-01").str.to_date()
    )
    folder = tmp_path_factory.mktemp("rows")
    return open_dataset(write_table(folder / "table", frame), work_dir=folder / "work")


def rows(dataset: Dataset, **where: object) -> list[int]:
    (found,) = stage_rows([Stage(where=where)], dataset)
    return np.flatnonzero(found.stratum).tolist()


def test_losses_are_those_of_what_a_row_is_after_normalising() -> None:
    scores = np.array([[0.5, 0.25, 0.25], [0.2, 0.2, 0.0], [0.0, 0.0, 0.0]])
    found = FirstScores.of(scores, np.array([0, 1, 0]))
    np.testing.assert_allclose(found.losses, [np.log(2), np.log(2), 0.0], atol=1e-12)
    np.testing.assert_allclose(found.sites, [0.5, 0.5, 0.0])


def test_the_hardest_are_a_share_of_the_rows_that_are_trained_on() -> None:
    losses = np.array([5.0, 1.0, 4.0, 3.0, 2.0, 9.0])
    train = np.array([True, True, True, True, True, False])
    np.testing.assert_array_equal(np.flatnonzero(hardest(losses, train, 0.4)), [0, 2])
    np.testing.assert_array_equal(np.flatnonzero(hardest(losses, train, 0.01)), [0])


@pytest.mark.parametrize(
    ("stage", "expected"),
    [
        (Stage(loss=Span(at_least=2)), [0, 2, 4]),
        (Stage(loss=Span(at_most=1)), [3, 5]),
        (Stage(score=Span(at_least=0.1, at_most=0.5)), [1, 2, 3]),
        (Stage(score=Span(at_least=0.1, at_most=0.5), hardest=0.34), [2]),
    ],
)
def test_a_stage_takes_rows_by_what_is_said_of_them(stage: Stage, expected: list[int]) -> None:
    said = FirstScores(np.array([9.0, 1.5, 3.0, 1.0, 2.0, 0.1]), np.array([0.0, 0.1, 0.4, 0.5, 0.6, 0.9]))
    np.testing.assert_array_equal(np.flatnonzero(StageRows(stage, ALL).chosen(ALL, said)), expected)


def test_a_stage_takes_rows_that_are_trained_on_alone() -> None:
    stratum, train = np.array([1, 1, 1, 0, 0, 0], bool), np.array([0, 1, 1, 1, 1, 0], bool)
    chosen = StageRows(Stage(where={"a": 1}), stratum).chosen(train, None)
    np.testing.assert_array_equal(np.flatnonzero(chosen), [1, 2])


def test_columns_are_compared_as_what_they_are(dataset: Dataset) -> None:
    assert rows(dataset, chrom="chr2") == list(range(30, 60))
    assert rows(dataset, chrom=["chr2", "chr9"], position={"at_most": 1}) == [30, 31]
    assert rows(dataset, level=2) == list(range(2, 120, 3))
    assert rows(dataset, level={"at_least": 0}) == [k for k in range(120) if k % 3]  # what is missing is in no stratum
    assert rows(dataset, flag=True) == [k for k in range(120) if k % 30 < 3]


@pytest.mark.parametrize(
    ("where", "error", "words"),
    [
        ({"chorm": "chr1"}, UsageError, "'chorm' is none of .* such as chrom"),
        ({"chrom": {"at_least": 1}}, UsageError, "'chrom' has no bounds. It holds text"),
        ({"position": "first"}, UsageError, "'position' must be a number. Found 'first'"),
        ({"when": "2020-01-01"}, UsageError, "'when' must hold text or numbers"),
        ({"chrom": "chr9"}, InputError, "stage 1 needs rows where chrom chr9. .*it holds 'chr1', 'chr2', 'chr3'"),
        ({"position": {"at_least": 99}}, InputError, r"has none: it goes from 0\.0 to 29\.0"),
        ({"chrom": "chr2", "gene_id": "G0000"}, InputError, "No row is all of that"),
    ],
)
def test_what_the_table_lacks_is_named(dataset: Dataset, where: object, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        stage_rows([Stage(where=where)], dataset)
