"""Right, or refused: what the commands do with genes, tables and columns that are not what their names say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from mining_tables import all_positions, sampled
from tables import make_frame, write_table

from meta_models.api import evaluate, load
from meta_models.cli import main
from meta_models.dataset.reading.open import open_dataset
from meta_models.errors import InputError
from meta_models.pipeline.reporting import WHOLE_GENES

FAST = ["--n-estimators", "4", "--n-folds", "2", "--bootstrap-samples", "20", "--threads", "1"]
FAST += ["--analyses", "base-vs-meta"]
GENE = pl.col("gene_id")


def train(table: Path, out: Path, *more: object) -> int:
    return main(["train", "--dataset", str(table), "--out-dir", str(out), *FAST, *map(str, more)])


def versioned(frame: pl.DataFrame, version: int) -> pl.DataFrame:
    return frame.with_columns(gene_id="ENSG0000000" + GENE.str.slice(1) + f".{version}")


def test_other_versions_of_the_genes_trained_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ours, theirs = (write_table(tmp_path / str(v), versioned(make_frame(), v)) for v in (5, 6))
    assert train(ours, tmp_path / "refused", "--eval-dataset", theirs) == 3
    assert "shares 24 genes" in capsys.readouterr().err
    assert train(ours, tmp_path / "run", "--oof-dataset", theirs) == 0
    model = tmp_path / "run" / "model_multiclass.pkl"
    arguments = ["--model", str(model), "--dataset", str(theirs), "--out", str(tmp_path / "p.parquet")]
    assert main(["predict", *arguments]) == 0
    assert pl.read_parquet(tmp_path / "p.parquet")["seen_in_training"].all()
    with pytest.raises(InputError, match="shares 24 genes"):
        evaluate(load(model), theirs)


def test_whole_genes_of_another_version_are_scored_by_the_fold_that_held_them_out(tmp_path: Path) -> None:
    full = all_positions(20)
    table, same, other = sampled(versioned(full, 1)), versioned(full, 1), versioned(full, 2)
    figures = []
    for name, whole in (("same", same), ("other", other)):
        source = write_table(tmp_path / name, whole)
        out = tmp_path / f"run_{name}"
        assert (
            train(write_table(tmp_path / "table", table), out, "--oof-dataset", source, "--mine-negatives", source) == 0
        )
        figures.append((out / f"{WHOLE_GENES}.tsv").read_bytes())
    assert figures[0] == figures[1]


def test_twins_change_no_fold_and_are_told_of(tmp_path: Path) -> None:
    frame = make_frame(20)
    twins = pl.concat([frame, frame.with_columns(gene_id=GENE + "_PAR_Y", chrom=pl.lit("chrY"))])
    assert train(write_table(tmp_path / "t", twins), tmp_path / "run") == 0
    oof = pl.read_parquet(tmp_path / "run" / "oof_predictions.parquet")
    first = oof.with_columns(GENE.cast(pl.String).str.strip_suffix("_PAR_Y")).group_by("gene_id")
    assert first.agg(pl.col("fold", "family").n_unique()).select((pl.col("fold", "family") == 1).all()).row(0) == (
        True,
        True,
    )
    summary = " ".join((tmp_path / "run" / "training_summary.txt").read_text().split())
    assert "40 genes with a _PAR_Y copy, or one itself" in summary
    assert "over 20 families" in summary


def test_exchanged_scores_are_a_warning_of_the_summary(tmp_path: Path) -> None:
    frame = make_frame(40).rename({"donor_score": "acceptor_score", "acceptor_score": "donor_score"})
    assert train(write_table(tmp_path / "t", frame), tmp_path / "run") == 0
    summary = " ".join((tmp_path / "run" / "training_summary.txt").read_text().split())
    warnings = summary.split("Warnings -")[1].split("Dataset -")[0]
    assert "'donor_score' and 'acceptor_score' look exchanged" in warnings


@pytest.mark.parametrize("name", ["index", "Unnamed: 0", "__index_level_0__", "level_0", "...1"])
def test_a_stored_row_index_is_no_feature(tmp_path: Path, name: str) -> None:
    frame = make_frame(4).with_row_index(name)
    dataset = open_dataset(write_table(tmp_path / "t", frame), work_dir=tmp_path)
    assert name not in dataset.features
    assert "row index" in dataset.left_out[name]
    assert dataset.features == open_dataset(write_table(tmp_path / "u", make_frame(4)), work_dir=tmp_path).features


def test_an_index_that_pandas_kept_under_a_name_of_its_own(tmp_path: Path) -> None:
    frame = make_frame(4).to_pandas()
    numbered = frame.set_index(pd.Index(np.random.default_rng(0).permutation(len(frame)), name="draw"))
    numbered.to_parquet(tmp_path / "a.parquet")
    frame.set_index("gene_id").to_parquet(tmp_path / "b.parquet")
    dataset = open_dataset(tmp_path / "a.parquet", work_dir=tmp_path)
    assert "draw" in dataset.left_out
    assert "draw" not in dataset.features
    assert "gene_id" in open_dataset(tmp_path / "b.parquet", work_dir=tmp_path).columns


def test_an_enormous_weight_is_bad_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weight = pl.when(pl.int_range(pl.len()) < 2).then(1e30).otherwise(1.0)
    table = write_table(tmp_path / "t", make_frame().with_columns(sampling_weight=weight))
    assert train(table, tmp_path / "run") == 3
    assert "Found 2 larger values, the largest 1e+30" in capsys.readouterr().err


def test_demo_beside_a_path_of_that_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_table(tmp_path / "demo", make_frame())
    for command in ("train", "compare-strategies"):
        assert main([command, "--dataset", "demo", "--out-dir", "run"]) == 2
        assert "./demo" in capsys.readouterr().err
        assert not (tmp_path / "run").exists()
    assert main(["train", "--dataset", "./demo", "--dry-run", "--out-dir", "run"]) == 0
    assert '"rows": 720' in capsys.readouterr().out
    assert main(["train", "--dataset", "built-in:demo", "--dry-run", "--out-dir", "run"]) == 0
    assert '"rows": 720' not in capsys.readouterr().out
