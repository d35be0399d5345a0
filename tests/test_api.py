"""The package as a library."""

from __future__ import annotations

import ast
import dataclasses
import json
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tables import make_frame, write_table

import meta_models
from meta_models.api import TrainingRun, evaluate, load, train
from meta_models.config import TrainingConfig
from meta_models.errors import InputError, UsageError
from meta_models.persistence import dump_model
from meta_models.pipeline.run import run_training

FAST = {"n_estimators": 8, "n_folds": 3, "bootstrap_samples": 20, "analyses": ("base-vs-meta",), "threads": 2}


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> TrainingRun:
    folder = tmp_path_factory.mktemp("api")
    table = write_table(folder / "table", make_frame(30, seed=1))
    return train(TrainingConfig(**FAST), dataset=str(table), out_dir=folder / "run")


def others(prefix: str = "X") -> pl.DataFrame:
    return make_frame(20, seed=2).with_columns(pl.concat_str(pl.lit(prefix), "gene_id").alias("gene_id"))


def test_train_returns_what_stands_in_the_run_folder(run: TrainingRun) -> None:
    written = json.loads((run.folder / "meta_evaluation_summary.json").read_text())
    assert run.headline.sentence() == written["headline"]["sentence"]
    frame = run.evaluation.to_frame()
    tsv = pl.read_csv(run.folder / "base_vs_meta_performance.tsv", separator="\t", infer_schema_length=None)
    assert frame.columns == tsv.columns
    assert frame.height == tsv.height
    np.testing.assert_allclose(frame["meta"].to_numpy(), tsv["meta"].to_numpy())
    assert run.oof().height == 900
    assert dump_model(run.model) == (run.folder / "model_multiclass.pkl").read_bytes()


def test_options_win_over_the_configuration(tmp_path: Path) -> None:
    config = TrainingConfig(**{**FAST, "n_folds": 5, "dataset": "nowhere"})
    table = write_table(tmp_path / "table", make_frame(seed=1))
    done = train(config, dataset=str(table), out_dir=tmp_path / "run", n_folds=2)
    assert sorted(done.oof()["fold"].unique().to_list()) == [0, 1]


def test_a_run_is_frozen_and_opened_again(run: TrainingRun) -> None:
    again = TrainingRun.open(str(run.folder))
    assert again.evaluation == run.evaluation
    with pytest.raises(dataclasses.FrozenInstanceError):
        run.folder = Path()  # type: ignore[misc]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"dataset": "demo"}, "out_dir is missing"),
        ({"out_dir": "x"}, "--dataset must name the table"),
        ({"dataset": "demo", "out_dir": "x", "dry_run": True}, "dry_run"),
        ({"dataset": "demo", "out_dir": "x", "analyses": ("genes",)}, "the comparison 'base-vs-meta'"),
        ({"dataset": "demo", "out_dir": "x", "mining_rounds": 2}, "mining_rounds needs mine_negatives"),
        ({"dataset": "demo", "out_dir": "x", "mined_per_site": 2}, "mined_per_site needs mine_negatives"),
        ({"dataset": "demo", "out_dir": "x", "thin_below": 0.1}, "thin_below needs thin_negatives"),
        ({"dataset": "demo", "out_dir": "x", "class_weights": (1, 1e300, 3)}, "within a factor of 10,000"),
        ({"out_dir": "x", "max_dept": 3}, "max_dept"),
        ({"out_dir": "x", "max_depth": 0}, "max_depth"),
    ],
)
def test_what_cannot_be_meant_is_refused(options, words, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=words):
        train(**options)
    assert not list(tmp_path.iterdir())


def test_a_folder_without_a_finished_run(tmp_path: Path) -> None:
    (tmp_path / "meta_evaluation_summary.json").write_text('{"rows": []}')
    with pytest.raises(InputError, match="finished run"):
        TrainingRun.open(tmp_path)
    with pytest.raises(InputError, match="finished run"):
        TrainingRun.open(tmp_path / "absent")


def test_a_folder_of_any_name_is_opened(run: TrainingRun, tmp_path: Path) -> None:
    shutil.copytree(run.folder, tmp_path / "run[1]*")
    again = TrainingRun.open(tmp_path / "run[1]*")
    assert dump_model(again.model) == dump_model(run.model)


def test_a_hard_memory_limit_ends_with_the_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = write_table(tmp_path / "table", make_frame())
    before = resource.getrlimit(resource.RLIMIT_AS)
    run_training(TrainingConfig(**FAST, dataset=str(table), dry_run=True, strict_memory=True))
    assert resource.getrlimit(resource.RLIMIT_AS) == before
    assert '"chosen"' in capsys.readouterr().out


def test_evaluate_takes_frames_and_files_models_and_paths(run: TrainingRun, tmp_path: Path) -> None:
    table = others()
    from_frame = evaluate(run.model, table, bootstrap_samples=10)
    from_file = evaluate(run.folder / "model_multiclass.pkl", write_table(tmp_path / "t", table), bootstrap_samples=10)
    assert from_frame == from_file
    assert from_frame.bootstrap_samples == 10
    row = from_frame.headline.row
    assert row.rows == 600
    assert row.meta is not None
    assert row.meta > 0.5


def test_a_table_of_another_library_is_named(run: TrainingRun) -> None:
    with pytest.raises(InputError, match=r"must be a polars\.DataFrame or a path\. Found pandas\..*DataFrame"):
        evaluate(run.model, others().to_pandas())
    with pytest.raises(InputError, match=r"Found builtins\.NoneType"):
        evaluate(run.model, None)


def test_evaluate_refuses_genes_of_the_training(run: TrainingRun) -> None:
    table = others().with_columns(pl.col("gene_id").str.replace("XG0003", "G0003"))
    with pytest.raises(InputError, match=r"shares 1 gene: G0003"):
        evaluate(run.model, table)


def test_evaluate_tells_what_is_doubtful_of_the_table(run: TrainingRun, caplog: pytest.LogCaptureFixture) -> None:
    """Rows that are no sites and stand twice make both figures others."""
    table = others().drop("position")
    evaluate(run.model, table, bootstrap_samples=20)
    assert caplog.text == ""
    neither = table.filter(pl.col("splice_type") == "neither")
    evaluate(run.model, pl.concat([table, neither[:20]]), bootstrap_samples=20)
    assert "like another of their gene in every column" in caplog.text
    with pytest.raises(InputError, match="must stand in it once"):
        evaluate(run.model, pl.concat([table, neither]), bootstrap_samples=20)


def test_load_takes_a_pattern(run: TrainingRun) -> None:
    assert dump_model(load(run.folder / "model*.pkl")) == dump_model(run.model)


def test_public_names_are_sorted_and_all_there() -> None:
    assert meta_models.__all__ == sorted(meta_models.__all__)
    for name in meta_models.__all__:
        assert getattr(meta_models, name).__doc__
    assert set(meta_models.__all__) <= set(dir(meta_models))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        meta_models.nothing  # noqa: B018
    stub = ast.parse(Path(meta_models.__file__).with_suffix(".pyi").read_text())
    declared = {alias.name for node in stub.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert declared == set(meta_models.__all__)


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = "import sys, time; t = time.perf_counter(); import meta_models; print(time.perf_counter() - t, *sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    seconds, *modules = found.stdout.split()
    assert float(seconds) < 0.1
    assert not {"numpy", "polars", "xgboost", "sklearn", "pydantic"} & set(modules)


def test_a_base_model_that_is_not_there_is_no_opponent(run: TrainingRun, tmp_path: Path) -> None:
    other = make_frame(seed=9).with_columns(gene_id="X" + pl.col("gene_id"))
    with pytest.raises(UsageError, match="best_base must be among main"):
        evaluate(run.model, other, best_base="mian")
