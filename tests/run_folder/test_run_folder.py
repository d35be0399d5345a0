"""Opening, locking, manifest, artifacts, and what an earlier run leaves behind."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from pydantic import ValidationError

from meta_models.config import TrainingConfig
from meta_models.errors import InputError, UsageError, WriteError
from meta_models.run_folder import (
    InputRecord,
    MemoryFigures,
    RunFolder,
    RunManifest,
    RunState,
    UnitHit,
    library_versions,
)


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())


def manifest(folder: Path) -> RunManifest:
    found = RunManifest.read(folder)
    assert found is not None
    return found


@pytest.fixture
def out(tmp_path):
    return tmp_path / "results" / "run"


@pytest.fixture
def finished(out):
    """The folder of a complete run with artifacts and a unit."""
    with RunFolder.open(out) as folder:
        folder.write_text("training_summary.txt", "old")
        folder.write_bytes("performance_plots/roc.png", b"old")
        folder.units.put("fold_0", folder.units.key({"seed": 0}), {"model.ubj": b"1"}, timing={"total": 2.0})
    return out


def test_complete_run(out):
    with RunFolder.open(out) as folder:
        assert manifest(out).state is RunState.RUNNING
        assert (out / ".lock").exists()
        folder.write_text("a.txt", "µ\n")
        folder.write_json("b/c.json", {"z": 1, "a": None})
        folder.write_parquet("d.parquet", pa.table({"x": [1, 2]}))
        with folder.path_for("e.csv", need=10) as temporary:
            assert temporary.suffix == ".csv"
            temporary.write_text("e\n")
        folder.verify("a.txt")
    found = manifest(out)
    assert (found.state, found.error, found.leftovers) == (RunState.COMPLETE, None, ())
    assert found.artifacts.keys() == {"a.txt", "b/c.json", "d.parquet", "e.csv"}
    assert (found.artifacts["a.txt"].bytes, len(found.artifacts["a.txt"].sha256)) == (3, 64)
    assert names(out) == ["a.txt", "b/c.json", "d.parquet", "e.csv", "run_manifest.json"]
    assert (found.host, found.pid) == (socket.gethostname(), os.getpid())
    assert found.started <= found.ended
    assert found.versions == library_versions()
    assert {"python", "polars", "numpy"} <= found.versions.keys()


def test_manifest_is_json_and_feeds_the_configuration_back(out, tmp_path):
    config = TrainingConfig(learning_rate=1e-5, seed=7, exclude_features=("a", "b"), max_memory_gb=12)
    with RunFolder.open(out) as folder:
        folder.update(config=config.model_dump(mode="json"), seeds={"folds": 7}, memory=MemoryFigures(predicted=5))
        folder.update(inputs=(InputRecord(path="x", bytes=1, sha256="0"),))
        with folder.phase("read"):
            pass
        with folder.phase("read"):
            pass
    found = json.loads((out / "run_manifest.json").read_text())
    assert (found["format_version"], found["memory"]["predicted"], found["seeds"]) == (1, 5, {"folds": 7})
    assert list(found["phases"]) == ["read"]
    assert TrainingConfig.from_mapping(TrainingConfig.read_yaml(out / "run_manifest.json")) == config


def test_unknown_field_is_refused(out):
    with pytest.raises(ValidationError), RunFolder.open(out) as folder:
        folder.update(colour="red")
    assert manifest(out).state is RunState.FAILED


@pytest.mark.parametrize(
    ("error", "state", "text"),
    [
        (KeyboardInterrupt(), RunState.INTERRUPTED, "KeyboardInterrupt"),
        (SystemExit(143), RunState.INTERRUPTED, "SystemExit: 143"),
        (SystemExit(1), RunState.FAILED, "SystemExit: 1"),
        (InputError("A needed", "Found b"), RunState.FAILED, "A needed. Found b."),
        (RuntimeError("what"), RunState.FAILED, "RuntimeError: what"),
    ],
)
def test_outcomes(out, error, state, text):
    def work():
        with RunFolder.open(out) as folder:
            folder.write_text("a.txt", "kept")
            with folder.path_for("b.txt") as temporary:
                temporary.write_text("half")
                raise error

    with pytest.raises(type(error)):
        work()
    found = manifest(out)
    assert (found.state, found.error) == (state, text)
    assert found.artifacts["a.txt"].sha256
    assert found.artifacts["b.txt"].sha256 is None
    assert names(out) == ["a.txt", "run_manifest.json"]


@pytest.mark.parametrize("damage", ["alter", "remove"])
def test_an_artifact_that_changed_is_found_before_complete(out, damage):
    def work():
        with RunFolder.open(out) as folder:
            folder.write_text("a.txt", "one")
            (out / "a.txt").write_text("two") if damage == "alter" else (out / "a.txt").unlink()

    with pytest.raises(WriteError, match=r"a\.txt"):
        work()
    assert manifest(out).state is RunState.FAILED


def test_a_writer_that_failed_and_was_caught_leaves_no_artifact(out):
    with RunFolder.open(out) as folder, pytest.raises(ZeroDivisionError), folder.path_for("plot.png"):
        raise ZeroDivisionError
    assert manifest(out).artifacts == {}


@pytest.mark.parametrize(
    "name", ["/etc/x", "../x", "a/../b", "run_manifest.json", "units/x", ".lock", "a/.b", "", ".", "a//b"]
)
def test_names_that_are_refused(out, name):
    with RunFolder.open(out) as folder, pytest.raises(ValueError, match="artifact"):
        folder.write_text(name, "")


def test_a_run_that_ended_before_it_had_made_anything_is_no_obstacle(out):
    def ends(error, made=()):
        with RunFolder.open(out) as folder:
            for name in made:
                folder.write_text(name, "something")
            raise error

    for error in (InputError("no such table"), KeyboardInterrupt()):
        with pytest.raises(type(error)):
            ends(error)
    with pytest.raises(InputError, match="later"):
        ends(InputError("later"), made=["a.txt"])
    with pytest.raises(UsageError, match=r"empty or absent.*Found in it: a\.txt, run_manifest\.json\."):
        ends(InputError("never"))


@pytest.mark.parametrize("error", [InputError("no such table"), UsageError("no such option")])
def test_what_is_refused_before_anything_was_made_leaves_nothing(tmp_path, error):
    def refused(path):
        with RunFolder.open(path) as folder:
            folder.update(seeds={"seed": 1})
            raise error

    (tmp_path / "there" / "empty").mkdir(parents=True)
    for name in ("a/b/c", "there/run", "there/empty"):
        with pytest.raises(type(error)):
            refused(tmp_path / name)
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")) == ["there", "there/empty"]


def test_a_fault_before_anything_was_made_leaves_its_manifest(out):
    def fails():
        with RunFolder.open(out):
            raise RuntimeError("what")

    with pytest.raises(RuntimeError):
        fails()
    assert manifest(out).error == "RuntimeError: what"


def test_not_empty(out):
    out.mkdir(parents=True)
    (out / "notes.txt").write_text("mine")
    with (
        pytest.raises(UsageError, match=r"empty or absent.*Found in it: notes\.txt.*--resume"),
        RunFolder.open(out),
    ):
        pytest.fail("opened")
    for option in ({"overwrite": True}, {"resume": True}):
        with pytest.raises(UsageError, match="need the folder of an earlier run"), RunFolder.open(out, **option):
            pytest.fail("opened")
    assert names(out) == ["notes.txt"]


def test_earlier_run_is_refused_without_being_touched(finished):
    before = names(finished)
    with pytest.raises(UsageError, match="--overwrite to start it again"), RunFolder.open(finished):
        pytest.fail("opened")
    assert names(finished) == before


@pytest.mark.parametrize("path", ["file", "file/below"])
def test_a_file_in_the_way(tmp_path, path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="must be a folder"), RunFolder.open(tmp_path / path):
        pytest.fail("opened")


def test_a_name_too_long(tmp_path):
    with pytest.raises(WriteError, match="File name too long"), RunFolder.open(tmp_path / ("x" * 300)):
        pytest.fail("opened")


def test_overwrite_deletes_ours_and_nothing_else(finished):
    (finished / "notes.txt").write_text("mine")
    (finished / "performance_plots" / "mine.png").write_text("mine")
    with RunFolder.open(finished, overwrite=True) as folder:
        spared = sum((finished / name).stat().st_size for name in folder.manifest.leftovers)
        assert folder.spared_bytes() >= spared > 0
        folder.clear_earlier()
        assert folder.spared_bytes() == 0
        assert names(finished) == [
            ".lock", ".lock-holder.json", "notes.txt", "performance_plots/mine.png", "run_manifest.json"
        ]  # fmt: skip
        folder.write_text("new.txt", "new")
        folder.clear_earlier()
    assert names(finished) == ["new.txt", "notes.txt", "performance_plots/mine.png", "run_manifest.json"]


def contents(folder):
    return {name: (folder / name).read_bytes() for name in names(folder) if not name.startswith(".lock")}


@pytest.mark.parametrize("error", [InputError("no such table"), KeyboardInterrupt(), SystemExit(143)])
def test_a_run_that_is_to_be_overwritten_stays_until_it_is_cleared(finished, error):
    before = contents(finished)

    def work():
        with RunFolder.open(finished, overwrite=True) as folder:
            folder.update(config={"seed": 1})
            with folder.phase("reading"):
                pass
            folder.fail("memory")
            assert contents(finished) == before  # what a kill would leave
            assert folder.manifest.config == {"seed": 1}
            raise error

    with pytest.raises(type(error)):
        work()
    assert contents(finished) == before
    assert manifest(finished).state is RunState.COMPLETE
    assert names(finished) == sorted(before)


def test_the_first_artifact_clears_what_is_overwritten(finished):
    def work():
        with RunFolder.open(finished, overwrite=True) as folder:
            folder.update(config={"seed": 1})
            folder.write_bytes("performance_plots/new.png", b"new")
            assert manifest(finished).config == {"seed": 1}
            raise RuntimeError

    with pytest.raises(RuntimeError):
        work()
    assert names(finished) == ["performance_plots/new.png", "run_manifest.json"]
    assert manifest(finished).state is RunState.FAILED


def interrupted(path, *, missing_ok=False):
    if path.name == "roc.png":
        raise KeyboardInterrupt
    UNLINK(path, missing_ok=missing_ok)


UNLINK = Path.unlink


def test_a_clearing_that_is_cut_short_still_knows_the_old_artifacts(finished, monkeypatch):
    def work():
        with RunFolder.open(finished, overwrite=True) as folder:
            monkeypatch.setattr(Path, "unlink", interrupted)
            folder.clear_earlier()

    with pytest.raises(KeyboardInterrupt):
        work()
    monkeypatch.undo()
    assert manifest(finished).leftovers == ("performance_plots/roc.png", "training_summary.txt")
    with RunFolder.open(finished, overwrite=True):
        pass
    assert names(finished) == ["run_manifest.json"]


def test_overwrite_never_leaves_the_folder(finished, tmp_path):
    secret, linked = tmp_path / "secret", tmp_path / "linked"
    linked.mkdir()
    (linked / "x").write_text("keep")
    secret.write_text("keep")
    (finished / "link").symlink_to(linked)
    path = finished / "run_manifest.json"
    found = json.loads(path.read_text())
    found["artifacts"] |= {name: {} for name in ("../../secret", str(secret), "link/x")}
    RunManifest.model_validate(found).write(path.parent)
    with RunFolder.open(finished, overwrite=True):
        pass
    assert (secret.read_text(), (linked / "x").read_text()) == ("keep", "keep")


@pytest.mark.parametrize("text", ["", "{}x", '{"format_version": 2}', '{"package": "other"}', "\x00"])
def test_foreign_or_damaged_manifest_is_refused(finished, text):
    (finished / "run_manifest.json").write_text(text)
    with pytest.raises(UsageError, match="must be the manifest of a run"), RunFolder.open(finished, overwrite=True):
        pytest.fail("opened")
    assert (finished / "training_summary.txt").exists()


def test_resume_keeps_units_and_replaces_artifacts_at_the_end(finished):
    with RunFolder.open(finished, resume=True) as folder:
        hit = folder.units.get("fold_0", folder.units.key({"seed": 0}))
        assert isinstance(hit, UnitHit)
        assert hit.read("model.ubj") == b"1"
        folder.units.get("fold_1", folder.units.key({"seed": 1}))
        folder.units.put("fold_1", folder.units.key({"seed": 1}), {"m": b"2"}, timing={"fit": 1.0, "score": 0.5})
        folder.units.get("fold_1", folder.units.key({"seed": 1}))
        assert (finished / "training_summary.txt").read_text() == "old"
        folder.write_text("training_summary.txt", "new")
    found = manifest(finished)
    assert found.artifacts.keys() == {"training_summary.txt"}
    assert not (finished / "performance_plots").exists()
    assert (found.units["fold_0"].reused, found.units["fold_1"].reused) == (True, False)
    assert (found.units["fold_1"].reason, found.units["fold_1"].seconds) == ("there is none yet", 1.5)
    assert "files verified" in found.units["fold_0"].reason


@pytest.mark.parametrize("error", [InputError("a table", "none"), KeyboardInterrupt(), RuntimeError()])
def test_resume_that_ends_before_a_unit_is_looked_up_leaves_the_run_as_it_was(finished, error):
    before = (finished / "run_manifest.json").read_bytes()

    def resumed():
        with RunFolder.open(finished, resume=True) as folder, folder.phase("reading"):
            folder.update(config={"dataset": "another"})
            raise error

    with pytest.raises(type(error)):
        resumed()
    assert (finished / "run_manifest.json").read_bytes() == before


def test_resume_that_fails_still_knows_the_old_artifacts(finished):
    with pytest.raises(RuntimeError), RunFolder.open(finished, resume=True):
        raise RuntimeError
    with RunFolder.open(finished, overwrite=True):
        pass
    assert names(finished) == ["run_manifest.json"]


def test_resume_and_overwrite_of_an_empty_folder_start_fresh(out):
    with RunFolder.open(out, resume=True):
        pass
    assert manifest(out).state is RunState.COMPLETE


def test_scratch_folder(out):
    with RunFolder.open(out) as folder:
        with folder.scratch("cache", need=1) as cache:
            (cache / "page").write_text("x")
        assert not cache.exists()
        with pytest.raises(WriteError, match="needs"), folder.scratch("cache", need=10**18):
            pytest.fail("opened")


def test_fail_marks_the_run_at_once(out):
    with RunFolder.open(out) as folder:
        folder.fail("memory")
        assert (manifest(out).state, manifest(out).error) == (RunState.FAILED, "memory")


def test_manifest_that_cannot_be_written_does_not_hide_the_error(out, monkeypatch, caplog):
    def full(self, folder):
        raise WriteError("full")

    def work():
        with RunFolder.open(out):
            monkeypatch.setattr(RunManifest, "write", full)
            raise RuntimeError("first")

    with pytest.raises(RuntimeError, match="first"):
        work()
    assert "cannot be brought up to date" in caplog.text


HOLDER = """
import sys, time
from pathlib import Path
from meta_models.run_folder import RunFolder
with RunFolder.open(Path(sys.argv[1])) as folder:
    folder.write_text("a.txt", "first")
    with folder.path_for("half.txt") as temporary, folder.scratch("cache") as cache:
        temporary.write_text("half"); (cache / "page").write_text("x")
        print("ready", flush=True)
        sys.stdin.read()
"""


@pytest.fixture
def holder(out):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(out)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "ready\n"
    yield process
    process.kill()
    process.communicate()


@pytest.mark.parametrize("options", [{}, {"overwrite": True}, {"resume": True}])
def test_second_run_is_refused_and_told_who_holds_the_folder(out, holder, options):
    before = names(out)
    with pytest.raises(UsageError) as caught, RunFolder.open(out, **options):
        pytest.fail("opened")
    assert f"process {holder.pid} on host {socket.gethostname()}" in str(caught.value)
    assert names(out) == before


def test_killed_holder_leaves_no_stale_lock_and_its_traces_go(out, holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert any(".tmp-" in name for name in names(out))
    with RunFolder.open(out, resume=True) as folder:
        assert names(out) == [".lock", ".lock-holder.json", "a.txt", "run_manifest.json"]
        folder.write_text("a.txt", "second")
    assert names(out) == ["a.txt", "run_manifest.json"]
    assert manifest(out).artifacts.keys() == {"a.txt"}


def test_damaged_holder_record_still_refuses(out, holder):
    (out / ".lock-holder.json").write_text("[]")
    with pytest.raises(UsageError, match="another process"), RunFolder.open(out):
        pytest.fail("opened")
