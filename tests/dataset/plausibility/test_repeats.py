"""Rows that stand in a table twice are refused with the names of the files; rows that only look alike are not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from reading import refusal
from tables import make_frame, write_table

from meta_models.dataset.positions import read_positions
from meta_models.dataset.reading.open import open_dataset

FRAME = make_frame(n_genes=24)
NO_PLACE = FRAME.drop("position")


def written(folder: Path, **frames: pl.DataFrame) -> Path:
    folder.mkdir(exist_ok=True)
    for name, frame in frames.items():
        frame.write_parquet(folder / f"{name}.parquet")
    return folder


def test_a_link_and_a_copy_are_the_same_file(tmp_path: Path) -> None:
    folder = written(tmp_path / "t", a=FRAME[:360], b=FRAME[360:])
    (folder / "latest.parquet").symlink_to("a.parquet")
    assert "latest.parquet' is '" in refusal(folder)
    assert "a.parquet' again" in refusal(folder)
    (folder / "latest.parquet").unlink()
    (folder / "hard.parquet").hardlink_to(folder / "b.parquet")
    assert "hard.parquet' is '" in refusal(folder)
    (folder / "hard.parquet").unlink()
    (folder / "copy.parquet").write_bytes((folder / "a.parquet").read_bytes())
    assert "copy.parquet' is '" in refusal(folder)
    (folder / "copy.parquet").unlink()
    assert refusal(folder) == ""


@pytest.mark.parametrize("frame", [FRAME, NO_PLACE], ids=["places", "no places"])
def test_a_whole_beside_its_parts(tmp_path: Path, frame: pl.DataFrame) -> None:
    one = frame.filter(pl.col("chrom") == "chr1").sample(fraction=1, shuffle=True, seed=1)
    text = refusal(written(tmp_path / "t", all=frame, part=one))
    assert "must stand in it once" in text
    assert "in 'all.parquet' and 'part.parquet'" in text
    assert f"Found {one.height} rows again" in text


def test_genomic_positions_tell_as_much(tmp_path: Path) -> None:
    frame = FRAME.rename({"position": "genomic_position"})
    assert "Found 180 rows again" in refusal(written(tmp_path / "t", all=frame, part=frame[:180]))


@pytest.mark.parametrize("frame", [FRAME, NO_PLACE], ids=["places", "no places"])
def test_a_table_appended_to_itself_in_one_file(tmp_path: Path, frame: pl.DataFrame) -> None:
    assert "in 'twice.parquet'" in refusal(written(tmp_path / "t", twice=pl.concat([frame, frame])))


def test_other_types_and_a_row_number_hide_nothing(tmp_path: Path) -> None:
    other = FRAME.with_columns(pl.col("feature_0").cast(pl.Float64), pl.col("position").cast(pl.Int32))
    frames = {"a": FRAME.with_row_index("index"), "b": other.with_row_index("index", offset=9000)}
    assert "in 'a.parquet' and 'b.parquet'" in refusal(written(tmp_path / "t", **frames))


def test_one_row_twice_is_enough_where_places_are_known(tmp_path: Path) -> None:
    assert "Found 1 row again" in refusal(written(tmp_path / "t", a=pl.concat([FRAME, FRAME[7:8]])))


def test_without_places_a_few_rows_twice_are_told_of(tmp_path: Path) -> None:
    """Whether sites or not: too few to be sure, as another position could be alike."""
    few = NO_PLACE.filter(pl.col("splice_type") == "neither")[40:47]
    folder = written(tmp_path / "t", a=NO_PLACE, b=few)
    assert refusal(folder) == ""
    (told,) = read_positions(open_dataset(folder, work_dir=tmp_path)).warnings
    assert told.startswith(
        "At least 7 rows like another of their gene in every column (in 'a.parquet' and 'b.parquet')"
    )
    changed = written(tmp_path / "u", a=NO_PLACE, b=few.with_columns(pl.col("feature_1") + 1))
    assert read_positions(open_dataset(changed, work_dir=tmp_path)).warnings == ()


@pytest.mark.parametrize("share", [1.0, 0.3])
@pytest.mark.parametrize("files", [1, 2])
def test_without_places_many_rows_twice_that_are_no_sites_are_refused(tmp_path: Path, share: float, files: int) -> None:
    """Negatives that are appended again move every precision, as sites do."""
    neither = NO_PLACE.filter(pl.col("splice_type") == "neither")
    again = neither.sample(fraction=share, seed=3)
    frames = {"a": pl.concat([NO_PLACE, again])} if files == 1 else {"a": NO_PLACE, "b": again}
    text = refusal(written(tmp_path / "t", **frames))
    assert f"Found {again.height} rows again, in 'a.parquet'" in text


def test_without_places_a_file_that_is_half_of_rows_of_another_is_refused(tmp_path: Path) -> None:
    table = make_frame(n_genes=100, rows=30).drop("position")
    neither = table[:1500].filter(pl.col("splice_type") == "neither").sample(40, seed=3)
    other = table[-30:].filter(pl.col("splice_type") == "neither")
    assert "Found 40 rows again, in 'a.parquet' and 'b.parquet'" in refusal(
        written(tmp_path / "t", a=table[:-30], b=pl.concat([neither, other]))
    )


@pytest.mark.parametrize("digits", [2, 3, None])
@pytest.mark.parametrize("genes", [3, 30])
@pytest.mark.parametrize("name", ["worm", "human_chr1"])
def test_real_scores_however_rounded_are_no_repeats(
    real_data: Path, tmp_path: Path, name: str, genes: int, digits: int | None
) -> None:
    frame = pl.read_parquet(real_data / name / "master" / "*.parquet")
    scores = [name for name in frame.columns if name.endswith("_score")]
    few = frame.filter(pl.col("gene_id").rank("dense") <= genes).select("gene_id", "splice_type", *scores)
    rounded = few if digits is None else few.with_columns(pl.col(scores).round(digits))
    assert refusal(write_table(tmp_path / "t", rounded)) == ""


def test_many_rows_are_counted_though_not_all_are_compared(tmp_path: Path) -> None:
    frame = make_frame(n_genes=100, rows=30)
    other = frame.with_columns(pl.col("feature_1").cast(pl.Float64))
    assert "Found about 3,000 rows again" in refusal(written(tmp_path / "t", a=frame, b=other))


def test_other_values_at_a_place_are_told_of(tmp_path: Path) -> None:
    """Rows of several transcripts, say."""
    folder = written(tmp_path / "t", a=FRAME, b=FRAME[:30].with_columns(pl.col("feature_0") + 1))
    assert refusal(folder) == ""
    positions = read_positions(open_dataset(folder, work_dir=tmp_path))
    assert positions.warnings == ("30 rows at the position of another row of their gene.",)


def test_labels_that_contradict_one_another_at_a_place_are_told_of(tmp_path: Path) -> None:
    other = FRAME.filter(pl.col("splice_type") == "neither")[:12].with_columns(splice_type=pl.lit("donor"))
    folder = written(
        tmp_path / "t", a=FRAME, b=pl.concat([other, other[:2].with_columns(splice_type=pl.lit("acceptor"))])
    )
    assert refusal(folder) == ""
    positions = read_positions(open_dataset(folder, work_dir=tmp_path))
    told = "14 rows at the position of another row of their gene; 12 positions with labels that contradict one another."
    assert positions.warnings == (told,)


def test_transcripts_with_equal_features_are_no_repeats(tmp_path: Path) -> None:
    frames = [FRAME[:60].with_columns(transcript_id=pl.lit(name)) for name in ("T1", "T2")]
    rest = FRAME[60:].with_columns(transcript_id=pl.lit("T1"))
    assert refusal(written(tmp_path / "t", a=pl.concat([*frames, rest]))) == ""


def test_unknown_places_are_not_equal_places(tmp_path: Path) -> None:
    few = FRAME.with_columns(position=pl.when(pl.col("position") > 3).then("position"))
    assert refusal(written(tmp_path / "t", a=few)) == ""


def test_rounded_scores_without_features_coincide_by_chance(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    n = 2000
    names = ("neither", "donor", "acceptor")
    labels = rng.integers(0, 3, n)
    table = pl.DataFrame(
        {
            "gene_id": [f"G{k // 100}" for k in range(n)],
            "splice_type": np.array(names, object)[labels].tolist(),
            **{f"{name}_score": np.where(labels == c, 0.9, 0.1).round(1) for c, name in enumerate(names)},
        }
    )
    folder = write_table(tmp_path / "t", table)
    assert refusal(folder) == ""
    assert not any("like another" in told for told in read_positions(open_dataset(folder, work_dir=tmp_path)).warnings)


@pytest.mark.parametrize("name", ["_delta_log", ".hoodie", "metadata"])
def test_tables_with_a_log_are_named(tmp_path: Path, name: str) -> None:
    folder = write_table(tmp_path / "t", FRAME)
    (folder / name).mkdir()
    (folder / name / "00000.metadata.json").write_text("{}")
    text = refusal(folder)
    assert {"_delta_log": "Delta", ".hoodie": "Hudi", "metadata": "Iceberg"}[name] in text
    assert "Export" in text
