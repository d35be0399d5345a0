"""What may be wrong with searches, experiments, comparisons and trackers: one line each, and nothing is written."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from finished_runs import make_oof, write_run
from tables import make_frame, write_table

from meta_models.cli import main
from meta_models.run_folder import RunFolder
from meta_models.run_folder.lock import FolderLock

#: Makes what is wrong in a folder: the command, its exit code, words of its message.
Case = Callable[[Path], tuple[list[str], int, str]]


#: Locks that another command would hold.
LOCKS: list[FolderLock] = []


@pytest.fixture(autouse=True)
def _locks() -> Iterator[None]:
    yield
    while LOCKS:
        LOCKS.pop().release()


def held(path: Path) -> None:
    LOCKS.append(FolderLock(path))
    LOCKS[-1].acquire()


def written(path: Path, **options: object) -> str:
    return str(write_run(path, make_oof(10), **options))


def changed(path: Path, file: str, **values: object) -> str:
    """A run with other values in one of its files, whose hashes are made anew."""
    written(path)
    content = json.loads((path / file).read_text())
    with RunFolder.open(path, extend=True) as folder:
        if file != "run_manifest.json":
            folder.write_json(file, {**content, **values})
    if file == "run_manifest.json":
        (path / file).write_text(json.dumps({**json.loads((path / file).read_text()), **values}))
    return str(path)


def matrix(folder: Path, text: str) -> list[str]:
    (folder / "table").mkdir()
    (folder / "file.yaml").write_text(f"name: a\ndataset: {folder}/table\nmatrix: {text}\n")
    return ["experiment", str(folder / "file.yaml"), "--out-dir", str(folder / "out")]


def no_variants(folder: Path) -> tuple[list[str], int, str]:
    return (
        matrix(folder, "{learner: [], seed: [1, 2]}"),
        2,
        "The matrix must make 1 to 100 runs. Found 0: learner has no",
    )


def ten_thousand_variants(folder: Path) -> tuple[list[str], int, str]:
    hundred = ", ".join(map(str, range(2, 102)))
    command = matrix(folder, f"{{seed: [{hundred}], n_folds: [{hundred}]}}")
    return command, 2, "The matrix must make 1 to 100 runs. Found 10,000"


def a_table_that_is_not_there(folder: Path) -> tuple[list[str], int, str]:
    command = matrix(folder, "{seed: [0]}")
    (folder / "file.yaml").write_text(f"name: a\nmatrix: {{dataset: [{folder}, {folder / 'none'}]}}\n")
    return command, 2, f"this one is not: dataset {folder / 'none'}. --dataset must be a path. Found nothing at"


def no_common_genes(folder: Path) -> tuple[list[str], int, str]:
    one = written(folder / "one")
    two = str(write_run(folder / "two", make_oof(10, gene="H")))
    return ["compare", one, two, "--out", str(folder / "out")], 3, "The runs must have genes in common. Found none"


def manifest_of_another_version(folder: Path) -> tuple[list[str], int, str]:
    other = changed(folder / "other", "run_manifest.json", format_version=99)
    return ["compare", written(folder / "one"), other, "--out", str(folder / "out")], 2, "format"


def result_of_another_version(folder: Path) -> tuple[list[str], int, str]:
    other = changed(folder / "other", "training_result.json", format_version=99)
    return ["compare", written(folder / "one"), other, "--out", str(folder / "out")], 2, "format"


def an_unfinished_run(folder: Path) -> tuple[list[str], int, str]:
    with pytest.raises(RuntimeError), RunFolder.open(folder / "failed"):
        raise RuntimeError("it broke")
    command = ["compare", written(folder / "one"), str(folder / "failed"), "--out", str(folder / "out")]
    return command, 2, "must be complete. It is failed (RuntimeError: it broke). Finish it with train --resume"


def no_run(folder: Path) -> tuple[list[str], int, str]:
    (folder / "empty").mkdir()
    command = ["compare", written(folder / "one"), str(folder / "empty"), "--out", str(folder / "out")]
    return command, 2, "must be the folder of a run. Found no run_manifest.json"


def a_search_among_the_runs(folder: Path) -> tuple[list[str], int, str]:
    with RunFolder.open(folder / "search") as search:
        search.write_text("trials.csv", "trial\n")
    command = ["compare", written(folder / "one"), str(folder / "search"), "--out", str(folder / "out")]
    return command, 2, "Found no readable training_result.json"


def a_store_that_is_no_folder(folder: Path) -> tuple[list[str], int, str]:
    pytest.importorskip("mlflow", reason="the extra [tracking] is not installed")
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    (folder / "file").write_text("")
    to = f"mlflow:sqlite:///{folder / 'file' / 'mlflow.db'}"
    return ["track", written(folder / "one"), "--to", to], 73, "must answer and be writable"


def two_searches(folder: Path) -> tuple[list[str], int, str]:
    pytest.importorskip("optuna", reason="needs the extra 'search': Optuna is absent")
    table = write_table(folder / "table", make_frame(12))
    (folder / "search").mkdir()
    held(folder / "search")
    command = ["tune", "--dataset", str(table), "--out-dir", str(folder / "search"), "--trials", "2"]
    return command, 2, f"must not be in use. Found that process {os.getpid()} on host"


def two_experiments(folder: Path) -> tuple[list[str], int, str]:
    (folder / "out").mkdir()
    held(folder / "out")
    return matrix(folder, "{seed: [1, 2]}"), 2, "must not be in use. Found that process"


def a_search_in_the_folder_of_something_else(folder: Path) -> tuple[list[str], int, str]:
    pytest.importorskip("optuna", reason="needs the extra 'search': Optuna is absent")
    table = write_table(folder / "table", make_frame(12))
    command = ["tune", "--dataset", str(table), "--out-dir", str(folder / "out")]
    (folder / "out").mkdir()
    (folder / "out" / "notes.txt").write_text("mine")
    return command, 2, "must be empty or absent. Found in it: notes.txt"


CASES = [
    no_variants,
    ten_thousand_variants,
    a_table_that_is_not_there,
    no_common_genes,
    manifest_of_another_version,
    result_of_another_version,
    an_unfinished_run,
    no_run,
    a_search_among_the_runs,
    a_store_that_is_no_folder,
    two_searches,
    two_experiments,
    a_search_in_the_folder_of_something_else,
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the tracker's own libraries
def test_one_line_says_it_and_nothing_is_written(
    case: Case, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command, code, words = case(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    capsys.readouterr()
    assert main(command) == code
    message = capsys.readouterr().err
    assert words in message
    assert message.count("\n") == 1
    assert message.startswith("error: ")
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
