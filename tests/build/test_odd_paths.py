"""Names of files and folders of a build: taken letter by letter, whatever a library would find in them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from meta_models.cli import main

#: What pyarrow takes for an address, polars and pyarrow for the home folder, and what is no UTF-8.
ODD = ["chr1:1-2000", "~", "caf\udce9", "a b'%41"]


@pytest.mark.parametrize("name", ODD)
def test_a_genome_is_made_and_built_in_any_folder(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["demo-genome", "--out", f"{name}/demo", "--n-genes", "12"]) == 0
    demo = Path(name) / "demo"
    options = ["--genome", f"{demo}/genome.fa", "--annotation", f"{demo}/annotation.gtf", "--gene-types", "all"]
    scores = ["--scores", f"main={demo}/scores/main.parquet"]
    assert main(["build", *options, *scores, "--flank", "400", "--out", f"{name}/built"]) == 0
    assert os.listdir(tmp_path) == [name]  # noqa: PTH208 - names that are no UTF-8, as they are
    assert sorted(path.name for path in Path(name).iterdir()) == ["built", "demo"]


@pytest.mark.parametrize("name", ["s3://bucket/out", "gs://bucket/out", "https://x/out", "x" * 300, "x/" * 2500])
def test_what_is_no_path_here_is_refused_and_nothing_is_made(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for command in (
        ["demo-genome"], ["build", "--genome", "g", "--annotation", "a", "--scores", "main=s"], ["compare", "a", "b"],
        ["evidence", "a"], ["gates", "a"],
    ):  # fmt: skip
        assert main([*command, "--out", name]) == 2
        assert "(--out): must be a path" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_link_that_leads_nowhere_is_in_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("out").symlink_to("nowhere")
    assert main(["demo-genome", "--out", "out", "--n-genes", "8"]) == 3
    assert "out must not exist" in capsys.readouterr().err
