"""``meta-models experiment``: runs, resumes, compares; a variant that fails does not cost the others."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from finished_runs import make_oof, write_run
from tables import make_frame, write_table

from meta_models.cli import main
from meta_models.experiments import launch
from meta_models.run_folder import RunManifest

QUICK = "n_folds: 2\nxgboost: {n_estimators: 3}\nbootstrap_samples: 5\nanalyses: [features]\nscreening_min_genes: 5\n"


def in_this_process(options: list[str]) -> int:
    return main(["train", *options])


@pytest.fixture(autouse=True)
def _no_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "exit_code", in_this_process)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_table(tmp_path_factory.mktemp("table") / "table", make_frame(16))


def experiment(folder: Path, text: str, *more: str) -> int:
    file = folder / "experiment.yaml"
    file.write_text(text)
    return main(["experiment", str(file), "--out-dir", str(folder / "out"), "--bootstrap-samples", "20", *more])


def started(folder: Path) -> list[str]:
    manifests = [RunManifest.read(path.parent) for path in sorted(folder.glob("*/run_manifest.json"))]
    return [manifest.started for manifest in manifests if manifest is not None]


def test_variants_are_run_once_and_compared(table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = f"name: learners\ntags: {{a: b}}\ndataset: {table}\n{QUICK}matrix: {{learner: [xgboost, logistic]}}\n"
    assert experiment(tmp_path, text) == 0
    out = tmp_path / "out"
    found = pl.read_csv(out / "experiment.tsv", separator="\t")
    assert found["variant"].to_list() == ["learner-xgboost", "learner-logistic"]
    assert found["state"].to_list() == ["complete", "complete"]
    assert all(0 < value < 1 for value in found["average_precision"])
    record = json.loads((out / "comparison" / "comparison.json").read_text())
    assert record["tables"][0]["control"] == "learner-xgboost"
    manifest = RunManifest.read(out)
    assert manifest is not None
    assert {"comparison/comparison.html", "experiment.tsv", "experiment.json"} <= set(manifest.artifacts)
    variant = RunManifest.read(out / "learner-xgboost")
    assert variant is not None
    assert variant.config["tags"] == ["a=b", "experiment=learners"]
    before = started(out)
    capsys.readouterr()
    assert experiment(tmp_path, text) == 0  # nothing is trained again
    assert started(out) == before
    assert "learner-xgboost is finished" in capsys.readouterr().out
    assert experiment(tmp_path, text.replace("[xgboost, logistic]", "[xgboost, logistic, sgd]")) == 0
    assert set(before) < set(started(out))
    assert pl.read_csv(out / "experiment.tsv", separator="\t").height == 3


def test_a_table_that_changed_is_trained_on_again(tmp_path: Path) -> None:
    table = write_table(tmp_path / "table", make_frame(16))
    text = f"name: one\ndataset: {table}\n{QUICK}"
    assert experiment(tmp_path, text) == 0
    before = started(tmp_path / "out")
    write_table(tmp_path / "table", make_frame(16, seed=1))
    assert experiment(tmp_path, text) == 0
    assert started(tmp_path / "out") != before


def test_a_variant_that_fails_does_not_cost_the_others(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = f"name: some\ndataset: {table}\n{QUICK[11:]}matrix: {{n_folds: [2, 40, 3]}}\n"
    assert experiment(tmp_path, text) == 4
    found = pl.read_csv(tmp_path / "out" / "experiment.tsv", separator="\t")
    assert found["state"].to_list() == ["complete", "failed", "complete"]
    assert "Every variant must finish. Failed: n_folds-40" in capsys.readouterr().err
    assert (tmp_path / "out" / "comparison" / "comparison.html").is_file()


def test_finished_runs_are_not_replaced_by_others(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = f"dataset: {table}\n{QUICK}matrix: {{xgboost.max_depth: [2, 3]}}\n"
    assert experiment(tmp_path, text) == 0
    assert json.loads((tmp_path / "out" / "experiment.json").read_text())["name"] == "experiment"
    before = started(tmp_path / "out")
    other = text.replace("n_folds: 2", "n_folds: 3")
    for more in ([], ["--dry-run"]):
        assert experiment(tmp_path, other, *more) == 2
        assert "Found --n-folds 3 (was 2). Give another --out-dir, or --overwrite" in capsys.readouterr().err
    assert started(tmp_path / "out") == before


def test_a_control_that_is_none_is_found_before_anything_starts(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = f"dataset: {table}\n{QUICK}matrix: {{xgboost.learning_rate: [1.0e-2, 0.2]}}\n"
    assert experiment(tmp_path, text, "--control", "nope") == 2
    assert "learning_rate-0.01, learning_rate-0.2" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert experiment(tmp_path, text.replace("[1.0e-2, 0.2]", "[1.0e-5]"), "--dry-run") == 0
    assert "  learning_rate-1e-05: xgboost.learning_rate 1e-05" in capsys.readouterr().out
    assert experiment(tmp_path, f"dataset: {table}\n{QUICK}matrix: {{}}\n", "--dry-run") == 2
    assert "Leave it out for a single run" in capsys.readouterr().err


def test_several_tables_are_compared_across(tmp_path: Path) -> None:
    tables = [str(write_table(tmp_path / name, make_frame(16, seed=seed).with_columns(
        pl.format("{}{}", pl.lit(name), "gene_id").alias("gene_id")))) for seed, name in enumerate("ab")]  # fmt: skip
    text = f"name: tables\n{QUICK}matrix: {{dataset: [{', '.join(tables)}], seed: [0, 1]}}\n"
    assert experiment(tmp_path, text) == 0
    record = json.loads((tmp_path / "out" / "comparison" / "comparison.json").read_text())
    assert [table["table"] for table in record["tables"]] == ["a", "b"]
    assert record["across_tables"]["runs"] == ["seed-0", "seed-1"]


def test_nothing_is_written_before_everything_was_looked_at(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "table").mkdir()
    text = f"name: a\ndataset: {tmp_path}/table\nmatrix: {{seed: [1, 2], n_folds: [2, 1]}}"
    assert experiment(tmp_path, text) == 2
    assert "n_folds 1" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert experiment(tmp_path, text.replace(", 1]}", "]}"), "--dry-run") == 0
    assert "Experiment a: 2 runs" in capsys.readouterr().out
    assert not (tmp_path / "out").exists()


def test_the_folder_of_a_run_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "table").mkdir()
    write_run(tmp_path / "out", make_oof(10))
    assert experiment(tmp_path, f"name: a\ndataset: {tmp_path}/table\n") == 2
    assert "must be the folder of an experiment" in capsys.readouterr().err


def test_an_experiment_within_its_table_is_refused_before_anything_is_made(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "experiment.yaml"
    file.write_text(f"name: a\ndataset: {table}\n{QUICK}matrix: {{seed: [1, 2]}}\n")
    for more in ([], ["--dry-run"]):
        assert main(["experiment", str(file), "--out-dir", str(table / "out"), *more]) == 2
        assert "must lie apart from what is read" in capsys.readouterr().err
    assert not (table / "out").exists()


def test_groups_of_features_that_the_table_has_not_are_found_before_anything_starts(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = f"dataset: {table}\n{QUICK}matrix: {{features: [base, base+k-mers]}}\n"
    for more in ([], ["--dry-run"]):
        assert experiment(tmp_path, text, *more) == 2
        said = capsys.readouterr().err
        assert said.startswith("error: features takes groups of features that the table has, joined by +: base (")
        assert "; or all. Found k-mers. Perhaps 'k-mer' was meant." in said
    assert not (tmp_path / "out").exists()
    assert experiment(tmp_path, f"dataset: {table}\n{QUICK}variants: [all, evidense]\n") == 2
    assert "error: variants takes groups of features" in capsys.readouterr().err
    assert experiment(tmp_path, text.replace("k-mers", "k-mer"), "--dry-run") == 0


def test_an_interrupted_experiment_goes_on_by_the_same_command(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(_options: list[str]) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(launch, "exit_code", interrupted)
    assert experiment(tmp_path, f"dataset: {table}\n{QUICK}") == 130
    assert capsys.readouterr().err == "interrupted (goes on from here with the same command)\n"


def test_new_tags_train_nothing_again(table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = f"name: one\ntags: {{a: b}}\ndataset: {table}\n{QUICK}"
    assert experiment(tmp_path, text) == 0
    run, before = tmp_path / "out" / "run", started(tmp_path / "out")
    files = {path: path.stat().st_mtime_ns for path in run.rglob("*") if path.is_file()}
    capsys.readouterr()
    assert experiment(tmp_path, text.replace("{a: b}", "{a: c, d: 1}")) == 0
    assert "Its tags are new: a=c, d=1, experiment=one" in capsys.readouterr().out
    assert started(tmp_path / "out") == before
    changed = {path.name for path, moment in files.items() if path.stat().st_mtime_ns != moment}
    assert changed == {"run_manifest.json"}
    tags = ["a=c", "d=1", "experiment=one"]
    manifest = RunManifest.read(run)
    assert manifest is not None
    assert (manifest.state.value, manifest.config["tags"]) == ("complete", tags)
    assert json.loads((tmp_path / "out" / "run.config.json").read_text())["tags"] == tags
    assert experiment(tmp_path, text.replace("{a: b}", "{a: c, d: 1}")) == 0
    assert "Its tags are new" not in capsys.readouterr().out
