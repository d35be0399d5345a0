"""The evidence package: what is in it, that it is always the same, that altered files are found."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path

import pytest
from finished_runs import make_oof, write_run

from meta_models.cli import main
from meta_models.run_folder import RunFolder


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = write_run(tmp_path_factory.mktemp("runs") / "run", make_oof())
    with RunFolder.open(path, extend=True) as folder:
        folder.write_text("plots/figure.png", "a picture")
        folder.write_text("analysis/table.tsv", "a\tb\n")
    return path


@pytest.fixture(scope="module")
def gates(tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("gates") / "gates.yaml"
    file.write_text("- {gate: seeds_set}\n")
    return str(file)


def pack(run_dir: Path, gates: str, out: Path) -> int:
    return main(["evidence", str(run_dir), "--gates", gates, "--out", str(out)])


def test_report_tables_configuration_card_gates_and_hashes_and_nothing_else(
    run_dir: Path, gates: str, tmp_path: Path
) -> None:
    assert pack(run_dir, gates, tmp_path / "evidence.zip") == 0
    with zipfile.ZipFile(tmp_path / "evidence.zip") as package:
        assert package.namelist() == [
            "SHA256SUMS", "analysis/table.tsv", "configuration.json", "gates.json", "gates.tsv",
            "leakage_screening.csv", "model_card.md", "provenance.json", "report.html", "training_summary.txt",
        ]  # fmt: skip
        for line in package.read("SHA256SUMS").decode().splitlines():
            digest, name = line.split("  ")
            assert hashlib.sha256(package.read(name)).hexdigest() == digest
        assert package.read("report.html") == (run_dir / "report.html").read_bytes()
        provenance = json.loads(package.read("provenance.json"))
        assert json.loads(package.read("configuration.json"))["dataset"] == "data/table"
    model = hashlib.sha256((run_dir / "model_multiclass.pkl").read_bytes()).hexdigest()
    assert provenance["artifacts"][provenance["model"]]["sha256"] == model


@pytest.mark.parametrize("command", ["evidence", "gates"])
@pytest.mark.parametrize("name", ["run_manifest.json", "analysis/table.tsv"])
def test_no_file_of_a_run_and_no_input_is_replaced(
    run_dir: Path, gates: str, command: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (run_dir / name).read_bytes()
    assert main([command, str(run_dir), "--gates", gates, "--out", str(run_dir / name)]) == 2
    (run_dir / "link.json").symlink_to(gates)
    assert main([command, str(run_dir), "--gates", gates, "--out", str(run_dir / "link.json")]) == 2
    (run_dir / "link.json").unlink()
    first, second = capsys.readouterr().err.splitlines()
    assert f"must not replace a file of a run. It is {name} of" in first
    assert "It is what --gates reads" in second
    assert (run_dir / name).read_bytes() == before


def test_the_same_run_gives_the_same_bytes(run_dir: Path, gates: str, tmp_path: Path) -> None:
    for name in ("one.zip", "two.zip"):
        assert pack(run_dir, gates, tmp_path / name) == 0
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()


def test_a_failed_gate_stands_in_the_package_and_ends_with_5(run_dir: Path, tmp_path: Path) -> None:
    file = tmp_path / "gates.yaml"
    file.write_text("- {gate: overfitting, at_most: 0.1}\n")
    assert pack(run_dir, str(file), tmp_path / "evidence.zip") == 5
    with zipfile.ZipFile(tmp_path / "evidence.zip") as package:
        assert json.loads(package.read("gates.json"))[0]["status"] == "failed"


def test_an_altered_file_leaves_no_package(gates: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_run(tmp_path / "run", make_oof())
    (path / "report.html").write_text("better figures")
    assert pack(path, gates, tmp_path / "evidence.zip") == 3
    assert "report.html must be as the run wrote it" in capsys.readouterr().err
    assert not (tmp_path / "evidence.zip").exists()


def test_a_place_that_cannot_be_written_to(run_dir: Path, gates: str, tmp_path: Path) -> None:
    assert pack(run_dir, gates, tmp_path / "missing" / "evidence.zip") == 73


@pytest.mark.parametrize("command", ["evidence", "gates"])
def test_what_is_there_is_replaced_only_when_that_is_said(
    run_dir: Path, gates: str, tmp_path: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / ("out.zip" if command == "evidence" else "out.tsv")
    out.write_text("of another run")
    arguments = [command, str(run_dir), "--gates", gates, "--out", str(out)]
    assert main(arguments) == 2
    assert f"Found {out}. Give --overwrite, or another --out." in capsys.readouterr().err
    assert out.read_text() == "of another run"
    assert main([*arguments, "--overwrite"]) == 0
    assert out.read_bytes() != b"of another run"


def test_a_package_is_a_zip_file_by_its_name(
    run_dir: Path, gates: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pack(run_dir, gates, tmp_path / "evidence.tar") == 2
    assert "--out must end in .zip" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
