from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tables import make_frame, write_table

from meta_models.dataset.positions import Positions, read_positions
from meta_models.dataset.reading.open import open_dataset
from meta_models.dataset.thinning import thin_negatives
from meta_models.errors import UsageError


def positions_of(folder: Path, frame: pl.DataFrame) -> Positions:
    return read_positions(open_dataset(write_table(folder / "table", frame), work_dir=folder / "work"))


def test_only_easy_negatives_are_thinned_and_stand_for_the_others(tmp_path: Path) -> None:
    before = positions_of(tmp_path, make_frame(n_genes=200, rows=50))
    kept, after = thin_negatives(before, 0.2, 0.2, seed=0)
    highest = before.frame.select(pl.max_horizontal("donor_score", "acceptor_score")).to_series().to_numpy()
    easy = (before.labels == 0) & (highest < 0.2)
    assert 0 < easy.sum() < (before.labels == 0).sum()
    assert kept[~easy].all()
    assert kept[easy].mean() == pytest.approx(0.2, abs=0.03)
    np.testing.assert_allclose(after.weights, np.where(easy, 5, 1)[kept])
    assert after.weighting == "sampling_weight"
    assert after.weights.sum() == pytest.approx(len(before.labels), rel=0.05)
    assert f"{easy.sum():,}" in after.notes[-1]


def test_weights_of_the_table_are_multiplied_and_the_seed_decides(tmp_path: Path) -> None:
    frame = make_frame().with_columns(sampling_weight=pl.lit(3.0))
    before = positions_of(tmp_path, frame)
    kept, after = thin_negatives(before, 0.5, 1.0, seed=1)
    assert set(after.weights[after.labels == 0]) == {6.0}
    assert set(after.weights[after.labels != 0]) == {3.0}
    np.testing.assert_array_equal(kept, thin_negatives(before, 0.5, 1.0, seed=1)[0])
    assert not np.array_equal(kept, thin_negatives(before, 0.5, 1.0, seed=2)[0])


def test_a_known_class_ratio_alone_cannot_be_thinned(tmp_path: Path) -> None:
    before = positions_of(tmp_path, make_frame())
    ratio = Positions(before.frame, "true_prevalence", before.bases, ())
    with pytest.raises(UsageError, match="true_prevalence"):
        thin_negatives(ratio, 0.5, 0.5, seed=0)
