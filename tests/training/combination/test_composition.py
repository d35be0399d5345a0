import itertools

import numpy as np
import polars as pl
from tables import write_table

from meta_models.dataset.reading.open import open_dataset
from meta_models.training.combination.composition import MOST_COLUMNS, Composition, composition_columns


def test_columns_say_what_a_stretch_is_made_of_and_nothing_of_sites():
    features = (
        "donor_score", "gene_length", "base_0", "gc_up50", "gc_step50", "t_down200", "3mer_ACG", "5mer_ACGTA",
        "donor_dinucleotide", "gc_content", "motif_donor", "distance_to_start",
    )  # fmt: skip
    assert [features[at] for at in composition_columns(features)] == [
        "gene_length", "gc_up50", "t_down200", "3mer_ACG", "gc_content",
    ]  # fmt: skip


def test_there_are_no_more_columns_than_are_predicted_to_be_held():
    features = ["gc_content", *("4mer_" + "".join(bases) for bases in itertools.product("ACGT", repeat=4))]
    assert len(composition_columns(features)) == MOST_COLUMNS
    assert composition_columns(("donor_score",)) == ()


def test_values_are_those_of_the_table(tmp_path):
    rng = np.random.default_rng(0)
    frame = pl.DataFrame({
        "gene_id": ["a", "b"] * 30, "splice_type": ["neither"] * 60,
        **dict(zip(("neither_score", "donor_score", "acceptor_score"), rng.dirichlet((1, 1, 1), 60).T, strict=True)),
        "gc_content": [None, *rng.random(59)], "x": rng.random(60), "3mer_AAA": rng.integers(0, 9, 60),
    })  # fmt: skip
    dataset = open_dataset(write_table(tmp_path / "table", frame, files=2), work_dir=tmp_path)
    features = ("x", "gc_content", "3mer_AAA")
    found = Composition.read(dataset, features)
    assert found.columns == (1, 2)
    expected = frame.select(pl.col("gc_content", "3mer_AAA").cast(pl.Float32)).to_numpy()
    np.testing.assert_array_equal(found.values, expected)
    np.testing.assert_array_equal(found.rows(np.arange(60) < 2).values, expected[:2])
    assert Composition.read(dataset, ("x",)).values.shape == (60, 0)
