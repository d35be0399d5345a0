"""``predict --distributed``: parts of a table, scored by the workers of a cluster."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tables import make_frame, write_table

from meta_models.cli import main
from meta_models.errors import ExitCode

pytest.importorskip("distributed", reason="needs the extra [distributed]")


def test_a_cluster_predicts_the_same_bytes(scheduler_file: Path, tmp_path: Path) -> None:
    frame = make_frame(n_genes=24)
    table, run = write_table(tmp_path / "table", frame, files=2), tmp_path / "run"
    options = ["--n-estimators", "5", "--n-folds", "2", "--analyses", "base-vs-meta", "--bootstrap-samples", "5"]
    assert main(["train", "--dataset", str(table), "--out-dir", str(run), *options]) == ExitCode.DONE
    predict = ["predict", "--model", str(run / "model_multiclass.pkl"), "--dataset", str(table), "--part-rows", "100"]
    assert main([*predict, "--out", str(tmp_path / "here.parquet")]) == ExitCode.DONE
    there = ["--out", str(tmp_path / "there.parquet"), "--distributed", f"file:{scheduler_file}"]
    assert main([*predict, *there]) == ExitCode.DONE
    assert (tmp_path / "there.parquet").read_bytes() == (tmp_path / "here.parquet").read_bytes()
    assert not list(tmp_path.glob(".*"))
    reports = [json.loads(path.read_text()) for path in sorted(tmp_path.glob("*.json"))]
    assert len(reports) == 2
    assert reports[0]["rows"] == reports[1]["rows"] == frame.height


def test_a_genome_is_not_divided(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    genome = ["--genome", "g.fa", "--scores", "main=x.bw", "--annotation", "a.gtf", "--out", str(tmp_path / "o.tsv")]
    assert main(["predict", "--model", "m.pkl", *genome, "--distributed", "local:2"]) == ExitCode.USAGE
    assert "distributed needs dataset" in capsys.readouterr().err
