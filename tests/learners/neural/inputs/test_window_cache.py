"""Windows as pieces that a net is trained on: what lies where, what counts, and what is standardised."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from window_tables import COLUMNS, WINDOW, labels_of, training, window_frame, write_windows

from meta_models.dataset.reading.open import open_dataset
from meta_models.errors import InputError, UnitsFailed
from meta_models.learners.neural.inputs.window_cache import WindowPieces, cached_windows, middle, numbers_of_rows
from meta_models.learners.seam.genes import N_CODE

FRAME = window_frame(genes=10)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("windows")
    return open_dataset(write_windows(folder / "table", FRAME), work_dir=folder)


def test_scores_become_log_odds_and_columns_arsinh():
    found = numbers_of_rows(np.array([[0.5, 0.0, 1.0], [np.nan, 1.0, np.nan]], np.float32), models=1)
    np.testing.assert_allclose(found[0], [0, -16, np.arcsinh(1)], rtol=1e-3)
    assert found[1, 1] == 16
    assert np.isnan(found[1, [0, 2]]).all()


def test_the_middle_of_a_window():
    codes = np.arange(7, dtype=np.uint8)[None]
    assert middle(codes, 1).tolist() == [[2, 3, 4]]
    assert middle(codes, 3).tolist() == codes.tolist()


def test_a_row_is_a_piece_whose_numbers_are_known_in_the_middle_alone(dataset):
    with cached_windows(training(dataset), 5, None) as cache:
        piece = cache.piece(17)
        assert len(cache.pieces(np.arange(3))) == 3
    assert (piece.first, piece.length, piece.core) == (-5, 1, slice(5, 6))
    text = FRAME["sequence"][17][WINDOW // 2 - 5 : WINDOW // 2 + 6]
    assert "".join("ACGTN"[code] for code in piece.codes) == text
    assert piece.codes.max() < N_CODE
    known = ~np.isnan(piece.numbers)
    assert not known[[*range(5), *range(6, 11)]].any()
    row = FRAME.row(17, named=True)
    odds = np.log(row["alt_acceptor_score"] / (1 - row["alt_acceptor_score"]))
    assert piece.numbers[5, 3] == pytest.approx(odds, rel=2e-3)
    assert piece.numbers[5, 5] == pytest.approx(np.arcsinh(row["noise"]), rel=2e-3)


def test_labels_and_weights_are_those_of_the_rows(dataset):
    labels = labels_of(FRAME)
    weights = FRAME["sampling_weight"].to_numpy().astype(np.float32)
    some = np.arange(FRAME.height) < 8
    with cached_windows(training(dataset), 5, None) as cache:
        pieces, plain = WindowPieces(cache, labels, weights), WindowPieces(cache, labels, None)
        targets = pieces.targets(np.array([0, 1, 2]), 16)
    assert targets[:, 5].tolist() == [1, 2, 0]
    assert (np.delete(targets, 5, axis=1) == -1).all()
    assert pieces.counts(np.array([0, 2])).tolist() == [1, 5]
    assert plain.counts(np.array([0, 2])).tolist() == [1, 1]
    assert (pieces.total(some), plain.total(some)) == (4 + 4 * 5, 8)
    assert pieces.sites.tolist() == (labels > 0).tolist()
    np.testing.assert_allclose(np.exp(pieces.log_shares(some)), np.array([20 + 1, 2 + 1, 2 + 1]) / 27)
    np.testing.assert_allclose(np.exp(plain.log_shares(some)), np.array([4 + 1, 2 + 1, 2 + 1]) / 11)


def test_columns_are_standardised_on_the_rows_that_are_trained_on(dataset):
    train = np.arange(FRAME.height) % 3 == 0
    with cached_windows(training(dataset), 5, None) as cache:
        mean, deviation = WindowPieces(cache, labels_of(FRAME), None).scale(train)
    hint = np.arcsinh(FRAME.filter(pl.Series(train))["hint"].to_numpy())
    assert np.isnan(hint).any()
    assert mean[4] == pytest.approx(np.nanmean(hint), abs=1e-3)
    assert deviation[4] == pytest.approx(np.nanstd(hint), rel=1e-3)
    assert len(mean) == 4 + len(COLUMNS)


def test_files_hold_what_memory_holds_and_are_verified(dataset, tmp_path: Path):
    with cached_windows(training(dataset), 20, None) as held, cached_windows(training(dataset), 20, tmp_path) as kept:
        assert held.fingerprint == kept.fingerprint
        assert sum(file.stat().st_size for file in tmp_path.iterdir()) == FRAME.height * (41 + 2 * 6)
        for row in (0, 63, 119):
            np.testing.assert_array_equal(held.piece(row).codes, kept.piece(row).codes)
            np.testing.assert_array_equal(held.piece(row).numbers, kept.piece(row).numbers)
        kept.verify()
        with (tmp_path / "codes.u8").open("r+b") as file:
            file.write(b"\x04\x04\x04\x04")
        with pytest.raises(UnitsFailed):
            kept.verify()


def test_as_many_rows_as_were_told(dataset):
    fewer = dataset.with_rows(np.arange(dataset.n_rows) > 3)
    told = training(fewer)
    with (
        pytest.raises(InputError, match=r"There must be 117 rows. Found 116"),
        cached_windows(type(told)(told.table, 117, told.window, told.base_models, told.evidence), 5, None),
    ):
        pass
