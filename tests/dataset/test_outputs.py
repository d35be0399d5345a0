"""No output is an input, lies in one or holds one, or replaces a file of a run; whatever names and links say."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from meta_models.dataset.outputs import Output, require_apart
from meta_models.errors import UsageError
from meta_models.run_folder import RunFolder


def link(path: Path, target: Path) -> Path:
    path.symlink_to(target)
    return path


@pytest.fixture
def table(tmp_path: Path) -> Path:
    folder = tmp_path / "table"
    folder.mkdir()
    (folder / "a.parquet").write_bytes(b"rows")
    (tmp_path / "elsewhere").mkdir()
    return folder


#: What is written, given the folder above the table; the table is a folder with one file.
FILES: dict[str, Callable[[Path], Path]] = {
    "the table's file": lambda root: root / "table" / "a.parquet",
    "another way to it": lambda root: root / "elsewhere" / ".." / "table" / "a.parquet",
    "a link to it": lambda root: link(root / "b.parquet", root / "table" / "a.parquet"),
    "a hard link of it": lambda root: (os.link(root / "table" / "a.parquet", root / "c.parquet"), root / "c.parquet")[
        1
    ],
    "a new file beside it": lambda root: root / "table" / "new.parquet",
    "a new file in a new folder": lambda root: root / "table" / "x" / "y" / "new.parquet",
    "a hidden file": lambda root: root / "table" / ".new.parquet",
    "through a link to the folder": lambda root: link(root / "t", root / "table") / "new.parquet",
    "through a link to a folder inside": lambda root: (
        (root / "table" / "in").mkdir(),
        link(root / "i", root / "table" / "in") / "new.parquet",
    )[1],
    "the table itself": lambda root: root / "table",
}


@pytest.mark.parametrize("case", FILES)
def test_a_file_that_is_read_is_not_written(case: str, table: Path) -> None:
    with pytest.raises(UsageError, match=r"--out .* must lie apart from what is read.*--dataset reads"):
        require_apart([Output("--out", FILES[case](table.parent))], {"--dataset": table}, {})


FOLDERS: dict[str, Callable[[Path], Path]] = {
    "inside": lambda root: root / "table" / "results",
    "the table": lambda root: root / "table",
    "above": lambda root: root,
    "above, through a link": lambda root: link(root / "elsewhere" / "up", root),
}


@pytest.mark.parametrize("case", FOLDERS)
def test_a_run_folder_neither_lies_in_the_table_nor_holds_it(case: str, table: Path) -> None:
    with pytest.raises(UsageError, match="--out-dir"):
        require_apart([Output("--out-dir", FOLDERS[case](table.parent), folder=True)], {"--dataset": table}, {})


def test_a_linked_file_of_the_table_may_not_lie_in_the_run_folder(table: Path, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "b.parquet").write_bytes(b"rows")
    link(table / "b.parquet", tmp_path / "run" / "b.parquet")
    with pytest.raises(UsageError, match="holds"):
        require_apart([Output("--out-dir", tmp_path / "run", folder=True)], {"--eval-dataset": table}, {})


def test_a_model_is_not_replaced_by_its_predictions(table: Path, tmp_path: Path) -> None:
    model = tmp_path / "model.pkl"
    model.write_bytes(b"model")
    with pytest.raises(UsageError, match="--model reads"):
        require_apart([Output("--out", link(tmp_path / "p.parquet", model))], {"--dataset": table}, {"--model": model})


@pytest.mark.parametrize("name", ["oof.parquet", "plots/a.tsv", "run_manifest.json", "units/fold-0/rows.parquet"])
def test_a_file_of_a_run_is_not_replaced(name: str, table: Path, tmp_path: Path) -> None:
    with RunFolder.open(tmp_path / "run") as folder:
        for artifact in ("oof.parquet", "plots/a.tsv"):
            folder.write_bytes(artifact, b"1")
    with pytest.raises(UsageError, match="of the run in"):
        require_apart([Output("--out", tmp_path / "run" / name)], {"--dataset": table}, {})


def test_all_else_is_free(table: Path, tmp_path: Path) -> None:
    """Beside a table that is one file, in a run folder under another name, in folders that are not there yet."""
    with RunFolder.open(tmp_path / "run") as folder:
        folder.write_bytes("oof.parquet", b"1")
    outputs = [
        Output("--out", table / "predictions.parquet"),
        Output("--out", tmp_path / "run" / "predictions.parquet"),
        Output("--out", tmp_path / "new" / "oof.parquet"),
        Output("--out-dir", tmp_path / "table2", folder=True),
        Output("--out-dir", tmp_path / "tab", folder=True),
    ]
    require_apart(outputs, {"--dataset": table / "a.parquet"}, {"--chrom-sizes": None})
