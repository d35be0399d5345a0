"""What the manifest says of packages, machine and source."""

from __future__ import annotations

import importlib
import json
import re
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest

from meta_models.run_folder import RunManifest, describe_environment, requirements_lock
from meta_models.run_folder.environment import git_commit, installed_packages


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=A", "-c", "user.email=a@b"]
    return subprocess.run(
        ["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True, text=True
    ).stdout.strip()


def test_every_installed_package_has_its_version() -> None:
    packages = installed_packages()
    assert packages["numpy"] == version("numpy")
    assert packages["scikit-learn"] == version("scikit-learn")
    assert list(packages) == sorted(packages)


def test_the_lock_has_what_the_package_needs_and_no_test_runner() -> None:
    lines = requirements_lock().splitlines()
    assert lines[0].startswith("# Python 3.")
    names = [line.partition("==")[0] for line in lines[1:]]
    assert names == sorted(names)
    assert {"numpy", "polars", "xgboost", "shap"} <= set(names)
    assert f"threadpoolctl=={version('threadpoolctl')}" in lines  # scikit-learn needs it, too
    assert not {"pytest", "hypothesis", "ruff"} & set(names)
    assert all(re.fullmatch(r"[a-z0-9-]+==\S+", line) for line in lines[1:])


def test_an_extra_is_locked_once_it_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module("meta_models.run_folder.environment")
    both = (frozenset({"numpy"}), frozenset({"ruff", "pytest"}))
    monkeypatch.setattr(module, "_requirements", lambda name: both if name == "meta-models" else (frozenset(),) * 2)
    names = {line.partition("==")[0] for line in requirements_lock().splitlines()[1:]}
    assert "pytest" in names
    assert "numpy" in names
    assert "ruff" not in names


def test_the_commit_and_whether_files_differ_from_it(tmp_path: Path) -> None:
    assert git_commit(tmp_path) is None
    git(tmp_path, "init", "-q")
    (tmp_path / "a").write_text("1")
    git(tmp_path, "add", "a")
    git(tmp_path, "commit", "-qm", "a")
    commit = git(tmp_path, "rev-parse", "HEAD")
    (tmp_path / "untracked").write_text("1")
    assert git_commit(tmp_path) == commit
    (tmp_path / "a").write_text("2")
    assert git_commit(tmp_path) == f"{commit}-dirty"


def test_without_git_there_is_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git_commit(Path.cwd()) is None


def test_the_record_is_read_back_and_older_manifests_keep_their_checksum(tmp_path: Path) -> None:
    old = RunManifest.start()
    old.write(tmp_path)
    content = json.loads((tmp_path / "run_manifest.json").read_text())
    del content["environment"]  # as earlier versions wrote it
    (tmp_path / "run_manifest.json").write_text(json.dumps(content))
    assert RunManifest.read(tmp_path) is not None
    record = describe_environment(threads=3, device="cpu", other_inputs={"targets": {"t.yaml": "ab"}})
    old.model_copy(update={"environment": record}).write(tmp_path)
    found = RunManifest.read(tmp_path)
    assert found is not None
    assert found.environment == record
    assert (record.threads, record.device) == (3, "cpu")
    assert record.cpu


def test_packages_beside_are_locked_where_they_are_named() -> None:
    assert "pip" not in {line.partition("==")[0] for line in requirements_lock().splitlines()}
    assert "pip" in {line.partition("==")[0] for line in requirements_lock(["Pip", "not-installed"]).splitlines()}
