from __future__ import annotations

import hashlib
from pathlib import Path

import polars as pl
import pytest
from object_server import ObjectServer
from tables import make_frame, write_table

from meta_models.dataset.reading.files import discover, read_footer
from meta_models.dataset.reading.open import open_dataset
from meta_models.dataset.reading.reader import Dataset
from meta_models.errors import InputError
from meta_models.places import CONTENT, Form, ObjectPath, Stretch, describe_input, place, table_path


def at(address: str) -> ObjectPath:
    return ObjectPath.parse(address)


def everything(dataset: Dataset, rows: int = 90) -> pl.DataFrame:
    return pl.concat(dataset.iter_frames([pl.col(c) for c in dataset.columns], rows))


@pytest.fixture
def table(tmp_path: Path, store: ObjectServer) -> Path:
    folder = write_table(tmp_path / "t", make_frame(), files=3, row_group=70)
    store.upload(folder, "b", "a/t")
    return folder


def test_a_table_is_read_as_from_a_folder(table: Path, tmp_path: Path) -> None:
    there, here = (open_dataset(table_path(p), work_dir=tmp_path / "w") for p in ("s3://b/a/t/", str(table)))
    assert [p.name for p in there.origins] == [p.name for p in here.origins]
    assert there.columns == here.columns
    assert everything(there).equals(everything(here))
    some = there.with_rows(make_frame()["splice_type"].to_numpy() == "donor")
    assert everything(some).height == (make_frame()["splice_type"] == "donor").sum()


def test_a_listing_has_any_number_of_pages(store: ObjectServer) -> None:
    store.buckets["b"] = {f"t/{k // 10}/{k}.parquet": b"" for k in range(57)}
    store.page = 10
    assert len(discover(at("s3://b/t"))) == 57


def test_hidden_names_and_marks_of_folders_are_no_files(store: ObjectServer) -> None:
    names = ["x.parquet", ".y.parquet", "_z.parquet", "_old/v.parquet", "deep/", "deep/w.parquet", "dataset_info.json"]
    store.buckets["b"] = {f"t/{name}": b"" for name in names}
    assert [str(p) for p in discover(at("s3://b/t"))] == ["s3://b/t/deep/w.parquet", "s3://b/t/x.parquet"]


@pytest.mark.parametrize("log", ["_delta_log/0.json", ".hoodie/p", "metadata/v1.metadata.json"])
def test_tables_with_a_log_are_refused(store: ObjectServer, log: str) -> None:
    store.buckets["b"] = {"t/x.parquet": b"", f"t/{log}": b"{}"}
    with pytest.raises(InputError, match="its log says which files count"):
        discover(at("s3://b/t"))


def test_a_file_is_one_request_for_its_footer_and_few_for_its_rows(table: Path, store: ObjectServer) -> None:
    file = read_footer(at("s3://b/a/t/part_1.parquet"))
    store.requests.clear()
    (frame,) = place(file.path).frames([Stretch(file.path, 75, 30)], ["position"], lambda rows: rows, 1000)
    own = pl.read_parquet(table / "part_1.parquet")
    assert frame["position"].to_list() == own["position"][75:105].to_list()
    size = len(store.buckets["b"]["a/t/part_1.parquet"])
    spans = [r.removeprefix("bytes=").split("-") for _, _, r in store.requests if r is not None]
    assert sum(int(last) - int(first) + 1 for first, last in spans[1:]) < size / 10


@pytest.mark.parametrize(("offset", "rows", "chunk"), [(0, 240, 100), (0, 70, 1000), (69, 2, 10), (139, 101, 33)])
def test_rows_come_as_they_are_counted(table: Path, offset: int, rows: int, chunk: int) -> None:
    path = at("s3://b/a/t/part_0.parquet")
    frames = list(place(path).frames([Stretch(path, offset, rows)], ["feature_0"], lambda frame: frame, chunk))
    own = pl.read_parquet(table / "part_0.parquet", columns=["feature_0"])
    assert max(frame.height for frame in frames) <= chunk
    assert pl.concat(frames).equals(own.slice(offset, rows))


def test_columns_of_folders_and_facts_beside_them(store: ObjectServer, tmp_path: Path) -> None:
    for name, part in make_frame().partition_by("chrom", as_dict=True).items():
        write_table(tmp_path / "t" / f"chrom={name[0]}", part.drop("chrom"))
    (tmp_path / "t" / "dataset_info.json").write_text('{"name": "mine"}')
    store.upload(tmp_path / "t", "b", "t")
    dataset = open_dataset(at("s3://b/t"), work_dir=tmp_path / "w")
    assert set(everything(dataset)["chrom"]) == {"chr1", "chr2", "chr3", "chr4"}
    assert dataset.info.name == "mine"


def test_text_is_fetched_and_named_by_its_address(store: ObjectServer, tmp_path: Path) -> None:
    store.buckets["b"] = {"t/x.csv": make_frame().write_csv().encode(), "bad/x.csv": b"gene_id,b\n1,2,3\n"}
    dataset = open_dataset(at("s3://b/t"), work_dir=tmp_path / "w")
    assert dataset.origins == (at("s3://b/t/x.csv"),)
    assert everything(dataset)["gene_id"].to_list() == make_frame()["gene_id"].to_list()
    with pytest.raises(InputError, match=r"'s3://b/bad/x\.csv' must be readable.*Expected 2 columns, got 3"):
        open_dataset(at("s3://b/bad"), work_dir=tmp_path / "w")
    assert not list((tmp_path / "w").glob("fetched-*"))


def test_the_same_object_twice_is_refused(table: Path, store: ObjectServer, tmp_path: Path) -> None:
    store.buckets["b"]["a/t/again.parquet"] = store.buckets["b"]["a/t/part_1.parquet"]
    with pytest.raises(InputError, match=r"'s3://b/a/t/part_1.parquet' is 's3://b/a/t/again.parquet' again"):
        open_dataset(at("s3://b/a/t"), work_dir=tmp_path / "w")


def test_an_object_that_is_written_again_is_refused(table: Path, store: ObjectServer, tmp_path: Path) -> None:
    dataset = open_dataset(at("s3://b/a/t"), work_dir=tmp_path / "w")
    objects = store.buckets["b"]
    objects["a/t/part_1.parquet"] = objects["a/t/part_2.parquet"]
    with pytest.raises(InputError, match=r"'s3://b/a/t/part_1\.parquet' was changed since"):
        everything(dataset)


def test_an_object_that_changes_while_it_is_read_is_refused(table: Path, store: ObjectServer, tmp_path: Path) -> None:
    dataset = open_dataset(at("s3://b/a/t"), work_dir=tmp_path / "w")
    objects = store.buckets["b"]

    def write_again(server: ObjectServer) -> None:
        objects["a/t/part_0.parquet"] = objects["a/t/part_2.parquet"]

    store.after_get = write_again
    with pytest.raises(InputError, match=r"'s3://b/a/t/part_0\.parquet' was changed since"):
        everything(dataset)


def test_an_object_that_is_gone_is_told(table: Path, store: ObjectServer, tmp_path: Path) -> None:
    dataset = open_dataset(at("s3://b/a/t"), work_dir=tmp_path / "w")
    del store.buckets["b"]["a/t/part_2.parquet"]
    with pytest.raises(InputError, match=r"s3://b/a/t/part_2\.parquet must exist"):
        everything(dataset)


def test_a_damaged_object_is_named(table: Path, store: ObjectServer, tmp_path: Path) -> None:
    data = bytearray(store.buckets["b"]["a/t/part_1.parquet"])
    data[200] ^= 255
    store.buckets["b"]["a/t/part_1.parquet"] = bytes(data)
    dataset = open_dataset(at("s3://b/a/t"), work_dir=tmp_path / "w")
    with pytest.raises(InputError, match=r"s3://b/a/t/part_1\.parquet must be readable"):
        everything(dataset)


def test_what_stands_for_the_content_is_said(table: Path, store: ObjectServer) -> None:
    data = store.buckets["b"]["a/t/part_0.parquet"]
    path = at("s3://b/a/t/part_0.parquet")
    tag = hashlib.md5(data, usedforsecurity=False).hexdigest()
    record = describe_input(path)
    assert (record.path, record.bytes, record.of) == (str(path), len(data), "ETag and size")
    assert record.sha256 == hashlib.sha256(f'"{tag}" {len(data)}'.encode()).hexdigest()
    assert place(path).digest(CONTENT) == (hashlib.sha256(data).hexdigest(), CONTENT)
    with pytest.raises(InputError, match="must have the MD5 and size that was written down"):
        place(path).digest("MD5 and size")


def test_an_object_lies_nowhere_on_this_machine(table: Path, store: ObjectServer) -> None:
    file, folder = place(at("s3://b/a/t/part_0.parquet")), place(at("s3://b/a/t"))
    assert (file.form(), folder.form()) == (Form.FILE, Form.FOLDER)
    assert file.on_disk is None
    assert file.size() == len(store.buckets["b"]["a/t/part_0.parquet"])
