import polars as pl
import pytest
from tables import make_frame, write_table

from meta_models.dataset.reading.open import open_dataset
from meta_models.errors import InputError
from meta_models.schema import MAIN_BASE

SLICES = [slice(None), slice(0, 1), slice(33, 34), slice(95, 470), slice(240, 720), slice(700, 9999)]


@pytest.mark.parametrize("rows", SLICES)
@pytest.mark.parametrize("files", [1, 3])
def test_a_slice_of_the_rows(tmp_path, rows, files):
    frame = make_frame().with_row_index("number")
    dataset = open_dataset(write_table(tmp_path / "t", frame, files=files), work_dir=tmp_path)
    found = pl.concat(dataset.iter_frames([pl.col("number")], 50, rows=rows))["number"].to_list()
    assert found == list(range(720))[rows]


def test_a_slice_of_the_rows_in_use(tmp_path):
    frame = make_frame().with_row_index("number")
    dataset = open_dataset(write_table(tmp_path / "t", frame), work_dir=tmp_path)
    even = dataset.with_rows((frame["number"] % 2 == 0).to_numpy())
    found = pl.concat(even.iter_frames([pl.col("number")], 50, rows=slice(101, 301)))["number"].to_list()
    assert found == list(range(102, 301, 2))


def test_what_must_be_there_can_be_chosen(tmp_path):
    frame = make_frame().drop("gene_id", "splice_type")
    source = write_table(tmp_path / "t", frame)
    with pytest.raises(InputError, match="Missing: gene_id, splice_type"):
        open_dataset(source, work_dir=tmp_path)
    assert open_dataset(source, work_dir=tmp_path, required=MAIN_BASE.columns).n_rows == 720
    source = write_table(tmp_path / "u", frame.drop("donor_score"))
    with pytest.raises(InputError, match="Missing: donor_score"):
        open_dataset(source, work_dir=tmp_path, required=MAIN_BASE.columns)
