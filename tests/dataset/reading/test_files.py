from __future__ import annotations

import os
from pathlib import Path

import polars as pl
import pytest
from tables import make_frame, write_table

from meta_models.dataset.reading.files import discover, read_footer
from meta_models.dataset.reading.open import open_dataset
from meta_models.errors import InputError


def open_it(path: Path, work: Path) -> object:
    return open_dataset(path, work_dir=work)


def test_files_come_sorted_and_hidden_names_are_skipped(tmp_path: Path) -> None:
    folder = write_table(tmp_path / "t", make_frame(), files=3)
    (folder / ".part_9.parquet").write_bytes(b"half written")
    (folder / "_part_8.parquet").write_bytes(b"half written")
    (folder / "dataset_info.json").write_text("{}")
    assert [p.name for p in discover(folder)] == ["part_0.parquet", "part_1.parquet", "part_2.parquet"]


def test_of_a_folder_of_something_else_a_few_files_are_named(tmp_path: Path) -> None:
    for number in range(9):
        (tmp_path / f"{number}.txt").touch()
    with pytest.raises(InputError, match=r"Found 9 other: 0\.txt, 1\.txt, 2\.txt, 3\.txt, 4\.txt and 4 more\. Move"):
        discover(tmp_path)


def test_a_link_back_to_the_folder_is_not_followed_twice(tmp_path: Path) -> None:
    folder = write_table(tmp_path / "t", make_frame(), files=2)
    (folder / "loop").symlink_to(folder, target_is_directory=True)
    assert len(discover(folder)) == 2


def test_a_hive_folder_does_not_override_the_gene_column(tmp_path: Path) -> None:
    write_table(tmp_path / "t" / "gene_id=other", make_frame())
    dataset = open_dataset(tmp_path / "t", work_dir=tmp_path / "w")
    genes = pl.concat(dataset.iter_frames([pl.col("gene_id")], 1000))["gene_id"]
    assert "other" not in genes


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda p: None, ["must exist"]),
        (lambda p: p.mkdir(), ["Found none"]),
        (lambda p: (p.mkdir(), (p / "notes.txt").write_text("x")), ["notes.txt", "table files only"]),
        (lambda p: os.mkfifo(p), ["special file"]),
        (lambda p: (p.mkdir(), os.mkfifo(p / "x.parquet")), ["plain files", "x.parquet"]),
    ],
)  # fmt: skip
def test_what_is_no_table_is_refused(tmp_path: Path, make: object, words: list[str]) -> None:
    path = tmp_path / "thing"
    make(path)  # type: ignore[operator]
    with pytest.raises(InputError) as caught:
        discover(path)
    assert all(word in str(caught.value) for word in words)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"not a parquet file at all, but text"])
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.parquet"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"bad\.parquet"):
        read_footer(path)


def test_a_truncated_file_is_named(tmp_path: Path) -> None:
    folder = write_table(tmp_path / "t", make_frame(), files=2)
    path = folder / "part_1.parquet"
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(InputError, match=r"part_1\.parquet"):
        open_it(folder, tmp_path)


def test_every_mismatch_is_reported_at_once(tmp_path: Path) -> None:
    folder = write_table(tmp_path / "t", make_frame())
    other = make_frame().drop("feature_1").with_columns(pl.col("feature_2").cast(pl.String))
    other.write_parquet(folder / "z.parquet")
    with pytest.raises(InputError) as caught:
        open_it(folder, tmp_path)
    text = str(caught.value)
    assert "z.parquet: column 'feature_1' is missing" in text
    assert "column 'feature_2'" in text


def test_widening_and_absent_kmers_are_noted_and_read(tmp_path: Path) -> None:
    frame = make_frame()
    folder = write_table(tmp_path / "t", frame)
    other = frame.with_columns(pl.col("feature_0").cast(pl.Float64), pl.col("3mer_ACG").cast(pl.Int32))
    other.drop("3mer_ACG").write_parquet(folder / "z.parquet")
    dataset = open_dataset(folder, work_dir=tmp_path / "w")
    assert len(dataset.schema.notes) == 2
    kmer = [chunk[:, 0] for chunk in dataset.iter_matrix(["3mer_ACG"])]
    assert kmer[-1].sum() == 0
    assert kmer[0].sum() == frame["3mer_ACG"].sum()


def test_missing_required_columns_are_listed(tmp_path: Path) -> None:
    folder = write_table(tmp_path / "t", make_frame().drop("donor_score", "splice_type"))
    with pytest.raises(InputError, match="splice_type, donor_score"):
        open_it(folder, tmp_path)


def test_an_empty_table_is_refused(tmp_path: Path) -> None:
    folder = write_table(tmp_path / "t", make_frame().clear())
    with pytest.raises(InputError, match="Found 0"):
        open_it(folder, tmp_path)


@pytest.mark.parametrize(("suffix", "separator"), [(".csv", ","), (".tsv", "\t"), (".tsv.gz", "\t")])
def test_text_tables_read_like_parquet(tmp_path: Path, suffix: str, separator: str) -> None:
    import gzip

    frame = make_frame()
    text = frame.write_csv(separator=separator).encode()
    path = tmp_path / f"table{suffix}"
    path.write_bytes(gzip.compress(text) if suffix.endswith("gz") else text)
    dataset = open_dataset(path, work_dir=tmp_path / "w")
    read = pl.concat(dataset.iter_frames([pl.col(frame.columns)], 1000))
    assert read["gene_id"].equals(frame["gene_id"])
    assert read["feature_1"].cast(pl.Float32).equals(frame["feature_1"])


def test_a_text_table_with_a_byte_order_mark_and_crlf(tmp_path: Path) -> None:
    frame = make_frame(n_genes=3)
    path = tmp_path / "table.csv"
    path.write_bytes(b"\xef\xbb\xbf" + frame.write_csv(line_terminator="\r\n").encode())
    dataset = open_dataset(path, work_dir=tmp_path / "w")
    assert dataset.n_rows == frame.height
    assert "gene_id" in dataset.columns


def test_latin1_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(make_frame(n_genes=3).write_csv().encode().replace(b"G0001", b"G\xe4\xf6"))
    with pytest.raises(InputError, match=r"table\.csv"):
        open_dataset(path, work_dir=tmp_path / "w")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("g.fa.gz", "'.*g.fa.gz', a genome: it is no table. meta-models build makes"),
        ("a.gtf", "an annotation: it is no table"),
        ("table.txt", "Rename it"),
    ],
)
def test_what_is_no_table_is_told_so(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / name).write_text("x")
    with pytest.raises(InputError, match=words):
        discover(tmp_path / name)


def test_facts_of_a_folder_within_the_table_are_not_passed_over(tmp_path: Path) -> None:
    within = tmp_path / "master"
    within.mkdir()
    (within / "a.parquet").write_bytes(b"")
    (within / "dataset_info.json").write_text("{}")
    assert discover(within) == (within / "a.parquet",)
    with pytest.raises(InputError, match=r"Found it in .*master.*Name the former"):
        discover(tmp_path)


def test_a_folder_that_holds_a_table_alone_is_that_table(tmp_path: Path) -> None:
    table = write_table(tmp_path / "out" / "master", make_frame(), files=2)
    (table / "dataset_info.json").write_text('{"name": "ours"}')
    for source in (tmp_path / "out", table):
        dataset = open_dataset(source, work_dir=tmp_path)
        assert dataset.info.name == "ours"
        assert dataset.n_rows == make_frame().height
    write_table(tmp_path / "out" / "more", make_frame(seed=1))
    with pytest.raises(InputError, match=r"Found it in .*master.*Name the former"):
        open_dataset(tmp_path / "out", work_dir=tmp_path)
