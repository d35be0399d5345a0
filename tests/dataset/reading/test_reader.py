from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tables import make_frame, write_table

from meta_models.dataset.positions import choose_genes, read_positions
from meta_models.dataset.profile import profile_dataset
from meta_models.dataset.reading.open import open_dataset
from meta_models.dataset.reading.reader import Dataset
from meta_models.errors import InputError


def opened(folder: Path, frame: pl.DataFrame, **options: int) -> Dataset:
    return open_dataset(write_table(folder / "t", frame, **options), work_dir=folder / "w")


def matrix(dataset: Dataset, columns: list[str], chunk_rows: int = 64) -> np.ndarray:
    return np.concatenate(list(dataset.iter_matrix(columns, chunk_rows)))


@pytest.mark.parametrize("chunk_rows", [7, 100, 10_000])
def test_chunks_are_the_table_in_order(tmp_path: Path, chunk_rows: int) -> None:
    frame = make_frame()
    dataset = opened(tmp_path, frame, files=3)
    columns = ["feature_2", "3mer_ACG"]
    got = matrix(dataset, columns, chunk_rows)
    assert got.dtype == np.float32
    np.testing.assert_array_equal(got, frame.select(columns).cast(pl.Float32).to_numpy())


def test_rows_by_number_and_restricted_tables(tmp_path: Path) -> None:
    frame = make_frame()
    dataset = opened(tmp_path, frame, files=3)
    rows = np.array([0, 5, 99, 100, 101, 400, frame.height - 1])
    expected = frame.select("feature_1").to_numpy()[rows]
    np.testing.assert_array_equal(dataset.read_rows(rows, ["feature_1"]), expected)
    mask = np.zeros(frame.height, bool)
    mask[rows] = True
    restricted = dataset.with_rows(mask)
    assert restricted.n_rows == len(rows)
    np.testing.assert_array_equal(restricted.read_rows(np.array([1, 6]), ["feature_1"]), expected[[1, 6]])
    np.testing.assert_array_equal(matrix(restricted.with_rows(np.arange(7) % 2 == 0), ["feature_1"]), expected[::2])


def test_null_and_nan_are_nan(tmp_path: Path) -> None:
    frame = make_frame().with_columns(
        feature_0=pl.when(pl.int_range(pl.len()) % 3 == 0).then(None).otherwise(pl.col("feature_0")),
        feature_1=pl.when(pl.int_range(pl.len()) % 5 == 0).then(float("nan")).otherwise(pl.col("feature_1")),
    )
    got = matrix(opened(tmp_path, frame), ["feature_0", "feature_1"])
    assert np.isnan(got[:, 0]).sum() == len(range(0, frame.height, 3))
    assert np.isnan(got[:, 1]).sum() == len(range(0, frame.height, 5))


def test_roles_of_columns(tmp_path: Path) -> None:
    frame = make_frame().with_columns(
        alt_neither_score="neither_score", alt_donor_score="donor_score", alt_acceptor_score="acceptor_score",
        half_donor_score="donor_score", note=pl.lit("text"), sampling_weight=pl.lit(2.0), tags=pl.lit([1, 2]),
        flag=pl.lit(value=True), exact=pl.lit(1).cast(pl.Decimal(10, 2)),
    )  # fmt: skip
    dataset = opened(tmp_path, frame)
    assert [b.name for b in dataset.bases] == ["main", "alt"]
    assert {"half_donor_score", "flag", "exact"} <= set(dataset.features)
    assert not {"sampling_weight", "position", "note", "tags"} & set(dataset.features)
    assert set(dataset.left_out) == {"note", "tags"}
    assert matrix(dataset, ["exact", "flag"])[0].tolist() == [1.0, 1.0]


def test_base_scores_under_other_names(tmp_path: Path) -> None:
    frame = make_frame().rename({"donor_score": "d", "acceptor_score": "a", "neither_score": "n"})
    folder = write_table(tmp_path / "t", frame)
    dataset = open_dataset(folder, work_dir=tmp_path, base_score_columns=("d", "a", "n"))
    np.testing.assert_array_equal(matrix(dataset, ["donor_score"])[:, 0], frame["d"].to_numpy())
    assert not {"d", "a", "n"} & set(dataset.columns)


def test_labels_on_disk(tmp_path: Path) -> None:
    kinds = [None, "", "0", "neither", "donor", "acceptor"]
    frame = make_frame().with_columns(splice_type=pl.Series([kinds[i % 6] for i in range(720)]))
    positions = read_positions(opened(tmp_path, frame, files=2))
    assert positions.labels[:6].tolist() == [0, 0, 0, 0, 1, 2]


def test_unknown_labels_are_listed_with_counts(tmp_path: Path) -> None:
    frame = make_frame().with_columns(
        splice_type=pl.when(pl.int_range(pl.len()) < 3).then(pl.lit("exon")).otherwise(pl.col("splice_type"))
    )
    with pytest.raises(InputError, match="'exon': 3 rows"):
        read_positions(opened(tmp_path, frame))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (pl.col("gene_id").replace("G0003", None), "gene_id.*30 rows without"),
        (
            pl.when(pl.col("position") == 0).then(None).otherwise(pl.col("donor_score")).alias("donor_score"),
            "donor_score",
        ),
        ((pl.col("acceptor_score") * 7).alias("acceptor_score"), "outside 0 to 1"),
        ((pl.col("acceptor_score") * 100).alias("acceptor_score"), "outside 0 to 1. They look like percent: divide"),
        (pl.lit(0.0).alias("sampling_weight"), "sampling_weight"),
    ],
)
def test_unusable_narrow_columns(tmp_path: Path, change: pl.Expr, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read_positions(opened(tmp_path, make_frame().with_columns(change)))


def test_relatives_hang_together_through_genes_and_families(tmp_path: Path) -> None:
    family = {"G0000": "a", "G0001": "a", "G0002": "b", "G0003": None, "G0004": ""}
    frame = make_frame(n_genes=6).with_columns(
        gene_family=pl.col("gene_id").replace_strict(family, default="c", return_dtype=pl.String)
    )
    extra = frame.head(1).with_columns(gene_id=pl.lit("G0002"))  # G0002 has rows of family a, too
    positions = read_positions(opened(tmp_path, pl.concat([frame, extra])))
    relatives, genes = positions.relatives(), positions.frame["gene_id"].cast(str).to_list()
    of = dict(zip(genes, relatives.tolist(), strict=True))
    assert of["G0000"] == of["G0001"] == of["G0002"]
    assert len({of["G0000"], of["G0003"], of["G0004"], of["G0005"]}) == 4


def numbered(frame: pl.DataFrame, dtype: type[pl.DataType]) -> pl.DataFrame:
    """The table with numbers for names, in files of this type."""
    number = pl.col("gene_id").str.slice(1).cast(pl.Int64)
    return frame.with_columns(
        gene_id=number.cast(dtype), gene_family=(number % 3).cast(dtype), chrom=(number % 2 + 1).cast(dtype)
    )


@pytest.mark.parametrize("other", [pl.Float64, pl.Float32, pl.Int16, pl.UInt64])
def test_names_that_are_numbers_are_one_in_files_of_all_types(tmp_path: Path, other: type[pl.DataType]) -> None:
    frame = make_frame(n_genes=6)
    folder = write_table(tmp_path / "t", numbered(frame, pl.Int64))
    numbered(frame.with_columns(pl.col("position") + 1000), other).write_parquet(folder / "other.parquet")
    positions = read_positions(open_dataset(folder, work_dir=tmp_path))
    found = {c: set(positions.frame[c].cast(pl.String)) for c in ("gene_id", "family", "chrom")}
    assert found == {"gene_id": set("012345"), "family": set("012"), "chrom": set("12")}
    assert len(set(positions.relatives().tolist())) == 3


def test_files_of_other_types_are_noted(tmp_path: Path) -> None:
    folder = write_table(tmp_path / "t", numbered(make_frame(n_genes=6), pl.Int64))
    other = numbered(make_frame(n_genes=6), pl.Float64).with_columns(pl.col("feature_0").cast(pl.Float64))
    other.write_parquet(folder / "other.parquet")
    notes = open_dataset(folder, work_dir=tmp_path).schema.notes
    assert "column 'gene_id' has the types double, int64; read as text" in notes
    assert "column 'feature_0' has the types double, float; read as the widest" in notes


def test_nan_is_no_family_and_a_fraction_stays_one(tmp_path: Path) -> None:
    families = {"G0000": 1.5, "G0001": 1.5, "G0002": float("nan"), "G0003": float("nan"), "G0004": None}
    family = pl.col("gene_id").replace_strict(families, default=2.0, return_dtype=pl.Float64)
    positions = read_positions(opened(tmp_path, make_frame(n_genes=6).with_columns(gene_family=family)))
    expected = {"1.5", "2", "gene:G0002", "gene:G0003", "gene:G0004"}
    assert set(positions.frame["family"].cast(pl.String)) == expected


@pytest.mark.parametrize("spelling", ["nan", "NaN", "None", "<NA>", "NA", "N/A", "n/a", "#N/A", "null", ""])
def test_families_that_pandas_wrote_for_none_are_none(tmp_path: Path, spelling: str) -> None:
    names = {"G0000": spelling, "G0001": spelling}
    family = pl.col("gene_id").replace_strict(names, default="a", return_dtype=pl.String)
    positions = read_positions(opened(tmp_path, make_frame(n_genes=4).with_columns(gene_family=family)))
    assert set(positions.frame["family"].cast(pl.String)) == {"a", "gene:G0000", "gene:G0001"}


@pytest.mark.parametrize("spelling", ["nan", "<NA>", "N/A", ""])
def test_genes_that_pandas_wrote_for_none_are_refused_as_none(tmp_path: Path, spelling: str) -> None:
    gene = pl.when(pl.int_range(pl.len()) < 2).then(None).when(pl.int_range(pl.len()) < 5).then(pl.lit(spelling))
    frame = make_frame().with_columns(gene.otherwise("gene_id").alias("gene_id"))
    with pytest.raises(InputError, match=r"'gene_id' .* must be filled\. Found 5 rows without"):
        read_positions(opened(tmp_path, frame))


@pytest.mark.parametrize("divisor", ["mean", "sum"])
def test_weights_that_were_normalised_are_refused(tmp_path: Path, divisor: str) -> None:
    weight = pl.when(pl.col("splice_type") == "neither").then(9.0).otherwise(1.0)
    scaled = weight / getattr(weight, divisor)()
    with pytest.raises(InputError, match=r"'sampling_weight' .* at least 1.* Found \d+ rows below.*smallest weight"):
        read_positions(opened(tmp_path, make_frame().with_columns(sampling_weight=scaled)))


def test_weights_that_rounding_put_below_1_are_weights(tmp_path: Path) -> None:
    positions = read_positions(opened(tmp_path, make_frame().with_columns(sampling_weight=pl.lit(0.9995))))
    assert positions.weighting == "sampling_weight"


def test_weights_from_true_prevalence(tmp_path: Path) -> None:
    folder = write_table(tmp_path / "t", make_frame())
    (folder / "dataset_info.json").write_text('{"true_prevalence": {"neither": 0.98, "donor": 0.01, "acceptor": 0.01}}')
    positions = read_positions(open_dataset(folder, work_dir=tmp_path))
    assert positions.weighting == "true_prevalence"
    share = np.bincount(positions.labels, weights=positions.weights) / positions.weights.sum()
    np.testing.assert_allclose(share, [0.98, 0.01, 0.01], rtol=1e-5)


@pytest.mark.parametrize("text", ["[1]", "{", '{"true_prevalence": {"neither": 2}}'])
def test_a_bad_description_is_refused(tmp_path: Path, text: str) -> None:
    folder = write_table(tmp_path / "t", make_frame())
    (folder / "dataset_info.json").write_text(text)
    with pytest.raises(InputError, match=r"dataset_info\.json"):
        open_dataset(folder, work_dir=tmp_path)


def test_profile_of_the_demo_table(demo_table: Path, tmp_path: Path) -> None:
    dataset = open_dataset(demo_table, work_dir=tmp_path)
    positions = read_positions(dataset)
    profile = profile_dataset(dataset, positions)
    assert profile.genes == 60
    assert sum(profile.class_counts.values()) == profile.rows == dataset.n_rows
    assert sum(profile.features_by_group.values()) == profile.features
    assert profile.bytes_float32 == 4 * profile.rows * profile.features


def test_a_draw_of_genes_is_whole_genes(demo_table: Path, tmp_path: Path) -> None:
    positions = read_positions(open_dataset(demo_table, work_dir=tmp_path))
    rows = choose_genes(positions, 10, seed=3)
    assert positions.filter(rows).frame["gene_id"].n_unique() == 10
    inside = set(positions.filter(rows).frame["gene_id"].cast(str))
    assert not inside & set(positions.filter(~rows).frame["gene_id"].cast(str))
