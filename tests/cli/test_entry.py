"""The command as a user meets it: what it leaves behind, and what it says of bad input."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from itertools import chain
from pathlib import Path

import polars as pl
import pytest
from tables import make_frame, write_table

from meta_models.analysis.registry import ANALYSES
from meta_models.cli import main
from meta_models.config import Scope, TrainingConfig
from meta_models.config.base import OfAnalysis, OfUnit
from meta_models.dataset.demo import write_demo_table
from meta_models.inference.ensemble_model_loader import load_model_with_ensemble_support
from meta_models.learners.xgboost.section import XGBoostConfig
from meta_models.training.fitting.unit_codec import unit_options
from meta_models.training.strategies import STRATEGIES

QUICK = ["--n-estimators", "6", "--n-folds", "3", "--bootstrap-samples", "20", "--shap-rows", "60"]
VARYING = {"run_manifest.json", "training_summary.txt", "report.html", "timing.json"}
CORE_ARTIFACTS = {
    "model_multiclass.pkl", "training_summary.txt", "gene_cv_metrics.csv", "oof_predictions.parquet",
    "feature_manifest.csv", "global_excluded_features.txt", "leakage_screening.csv", "meta_evaluation_summary.json",
    "base_vs_meta_performance.tsv", "roc_curves_meta.pdf", "pr_curves_meta.pdf", "report.html", "run_manifest.json",
}  # fmt: skip


def train(*arguments: object) -> int:
    return main(["train", *map(str, arguments)])


def hashes(folder: Path) -> dict[str, str]:
    files = [p for p in folder.rglob("*") if p.is_file() and p.name not in VARYING and not p.name.startswith(".")]
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


@pytest.fixture(scope="module")
def run_folder(demo_table: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run, made by the real command in a process of its own."""
    out = tmp_path_factory.mktemp("run") / "out"
    command = [sys.executable, "-m", "meta_models.training.run_gene_cv_sigmoid"]
    done = subprocess.run(
        [*command, "--dataset", str(demo_table), "--out-dir", str(out), *QUICK],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Selected: Single Model (60 genes" in done.stdout
    assert "beat the best base model" in done.stdout or "beats the best base model" in done.stdout
    return out


def test_a_run_leaves_the_promised_artifacts(run_folder: Path) -> None:
    assert {name for name in CORE_ARTIFACTS if not (run_folder / name).is_file()} == set()
    manifest = json.loads((run_folder / "run_manifest.json").read_text())
    assert manifest["state"] == "complete"
    for name, record in manifest["artifacts"].items():
        assert hashlib.sha256((run_folder / name).read_bytes()).hexdigest() == record["sha256"]
    of_phases = manifest["memory"]["phases"]
    assert set(of_phases) == set(manifest["phases"]) >= {"reading", "screening", "training", "analysis"}
    assert manifest["memory"]["measured"] >= max(of_phases.values()) > 0
    assert not list(run_folder.rglob(".tmp-*"))


def test_a_second_run_is_byte_identical(run_folder: Path, demo_table: Path, tmp_path: Path) -> None:
    assert train("--dataset", demo_table, "--out-dir", tmp_path / "out", *QUICK) == 0
    assert hashes(run_folder) == hashes(tmp_path / "out")


def test_the_saved_configuration_can_be_fed_back(run_folder: Path, tmp_path: Path) -> None:
    config = run_folder / "run_manifest.json"
    assert train("--config", config, "--out-dir", tmp_path / "out", "--analyses", "base-vs-meta") == 0
    assert hashes(run_folder)["model_multiclass.pkl"] == hashes(tmp_path / "out")["model_multiclass.pkl"]


def test_the_loaded_model_says_what_the_run_said(run_folder: Path, demo_table: Path) -> None:
    model = load_model_with_ensemble_support(str(run_folder / "model_*.pkl"))
    frame = pl.read_parquet(demo_table / "batch_00001.parquet")
    shuffled = frame.select(sorted(frame.columns, reverse=True))
    assert (model.predict_proba(frame) == model.predict_proba(shuffled)).all()
    assert model.predict_proba(frame).shape == (frame.height, 3)


def test_the_end_of_max_hours_is_no_error(demo_table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train("--dataset", demo_table, "--out-dir", tmp_path / "a", "--max-hours", "1e-6", *QUICK) == 130
    said = capsys.readouterr().err
    assert said.endswith("Stopped: the time of --max-hours 1e-06 is over. What was finished is kept. "
                         "Run it again with --resume to do the rest.\n")  # fmt: skip
    assert "error" not in said


def test_other_genes_are_evaluated_and_relatives_refused(
    demo_table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = write_demo_table(tmp_path / "other", n_genes=12, gene_offset=240, every_position=True)
    options = ["--dataset", demo_table, "--analyses", "base-vs-meta", *QUICK]
    assert train(*options, "--out-dir", tmp_path / "a", "--eval-dataset", other) == 0
    headline = json.loads((tmp_path / "a" / "external_evaluation.json").read_text())["headline"]
    assert headline["best_base"]["meta"] > 0.3
    assert train(*options, "--out-dir", tmp_path / "b", "--eval-dataset", demo_table) == 3
    assert not (tmp_path / "b").exists()
    assert train(*options, "--dry-run", "--eval-dataset", demo_table) == 3
    assert "shares 60 genes" in capsys.readouterr().err


def test_every_position_of_the_training_genes(demo_table: Path, tmp_path: Path) -> None:
    full = write_demo_table(tmp_path / "full", n_genes=60, every_position=True)
    options = ["--dataset", demo_table, "--analyses", "base-vs-meta", "--oof-dataset", full, *QUICK]
    assert train(*options, "--out-dir", tmp_path / "a") == 0
    headline = json.loads((tmp_path / "a" / "oof_dataset_evaluation.json").read_text())["headline"]
    assert headline["best_base"]["rows"] > 10 * pl.read_parquet(demo_table / "*.parquet").height
    assert 0 < headline["best_base"]["meta"] <= 1


def test_positions_of_other_genes_are_refused_before_anything_is_trained(
    demo_table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = write_demo_table(tmp_path / "other", n_genes=12, gene_offset=240, every_position=True)
    assert train("--dataset", demo_table, "--dry-run", "--oof-dataset", other) == 3
    assert "--oof-dataset must hold genes of the training table" in capsys.readouterr().err


def test_a_missed_target_is_named_at_the_end(
    demo_table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    limits = tmp_path / "limits.yaml"
    limits.write_text("- {metric: average_precision, target: donor, at_least: 0.99999}\n")
    options = ["--dataset", demo_table, "--analyses", "targets", "--targets", limits, *QUICK]
    assert train(*options, "--out-dir", tmp_path / "a") == 5
    assert "average_precision, donor, stratum 'all', genomic population >= 0.99999: found 0." in capsys.readouterr().err
    assert (tmp_path / "a" / "report.html").is_file()
    assert json.loads((tmp_path / "a" / "run_manifest.json").read_text())["state"] == "complete"


def test_the_plan_is_json_and_writes_nothing(
    demo_table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert train("--dataset", demo_table, "--dry-run") == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["chosen"] == "single_model"
    assert plan["strategies"]["single_model"]["fits"]
    assert plan["fits"]
    cells = plan["dataset"]["rows"] * plan["dataset"]["features"]
    on_disk = {name: found["cache_bytes"] / cells for name, found in plan["strategies"].items()}
    assert on_disk.pop("external_memory") > 1
    assert set(on_disk.values()) == {0}
    assert list(tmp_path.iterdir()) == []


def test_the_plan_says_that_nothing_fits(demo_table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train("--dataset", demo_table, "--dry-run", "--max-memory-gb", "0.1") == 0
    said = capsys.readouterr()
    assert not json.loads(said.out)["fits"]
    assert "would not start" in said.err


def test_the_help_names_every_strategy_learner_and_slow_analysis() -> None:
    described = {name: field.description or "" for name, field in TrainingConfig.model_fields.items()}
    assert all(name in described["strategy"] for name in STRATEGIES)
    assert "meta-models learners" in described["learners"]
    assert all(analysis.code in described["analyses"] for analysis in ANALYSES if analysis.slow)


def test_a_bad_value_names_the_flag(demo_table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train("--dataset", demo_table, "--dry-run", "--max-depth", "0") == 2
    assert "xgboost.max_depth (--xgboost.max-depth)" in capsys.readouterr().err


# ---------------------------------------------------------------- bad input


def truncated(folder: Path) -> None:
    path = next(folder.glob("*.parquet"))
    path.write_bytes(path.read_bytes()[:-100])


BAD_TABLES: dict[str, tuple[Callable[[pl.DataFrame], pl.DataFrame], Callable[[Path], object] | None, list[str]]] = {
    "missing column": (lambda f: f.drop("donor_score"), None, ["donor_score"]),
    "unknown label": (lambda f: f.with_columns(splice_type=pl.lit("exon")), None, ["exon", "splice_type"]),
    "infinite feature": (
        lambda f: f.with_columns(feature_1=pl.lit(float("inf"))), None, ["feature_1", "infinite"],
    ),
    "empty table": (lambda f: f.clear(), None, ["rows"]),
    "one gene": (lambda f: f.with_columns(gene_id=pl.lit("G")), None, ["gene", "Found 1"]),
    "fewer genes than folds": (lambda f: f.filter(pl.col("gene_id") < "G0002"), None, ["--n-folds 3", "Found 2"]),
    "class absent": (lambda f: f.filter(pl.col("splice_type") != "acceptor"), None, ["Absent: acceptor"]),
    "truncated file": (lambda f: f, truncated, ["part_0.parquet"]),
    "foreign file": (lambda f: f, lambda d: (d / "notes.txt").write_text("x"), ["notes.txt"]),
    "text called parquet": (lambda f: f, lambda d: (d / "z.parquet").write_text("x"), ["z.parquet"]),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_TABLES)
def test_bad_tables_end_with_3_and_one_message(case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change, spoil, words = BAD_TABLES[case]
    folder = write_table(tmp_path / "table", change(make_frame()))
    if spoil is not None:
        spoil(folder)
    out = tmp_path / "out"
    assert train("--dataset", folder, "--out-dir", out, *QUICK) == 3
    message = capsys.readouterr().err
    assert message.startswith("error: ")
    assert len(message.strip().splitlines()) == 1
    assert all(word in message for word in words), message
    assert not out.exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--exclude-features", "no_such"], "--exclude-features must name columns of the table"),
        (["--protect-features", "no_such"], "--protect-features must name columns of the table"),
        (["--exclude-features", "feature_1", "--protect-features", "feature_1"], "Found feature_1 in both"),
        (["--motifs", "on"], "The table has no recipe with base codes"),
        (["--whole-genes", "all"], "is a table of rows"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
@pytest.mark.parametrize("dry", [True, False])
def test_what_the_table_cannot_give_is_refused_by_the_plan_and_before_anything_is_written(
    options: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], *, dry: bool
) -> None:
    table, out = write_table(tmp_path / "table", make_frame()), tmp_path / "out"
    assert train("--dataset", table, *(["--dry-run"] if dry else ["--out-dir", out]), *QUICK, *options) == 2
    assert words in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize(
    "spoilt",
    [
        {"--dataset": "nowhere"},
        {"--exclude-features": "no_such_column"},
        {"--max-memory-gb": "0.1"},
        {"--eval-dataset": "lacking"},
    ],
    ids=str,
)
def test_a_run_that_cannot_begin_overwrites_nothing(
    spoilt: dict[str, str], run_folder: Path, demo_table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    other = write_demo_table(tmp_path / "other", n_genes=2, gene_offset=240)
    kept = pl.read_parquet(other / "*.parquet").select(pl.exclude("gc_content"))
    write_table(tmp_path / "lacking", kept)
    out = shutil.copytree(run_folder, tmp_path / "out")
    before = {p: p.read_bytes() for p in out.rglob("*") if p.is_file()}
    options = {"--dataset": demo_table, **spoilt}
    assert train(*chain(*options.items()), "--out-dir", out, "--overwrite", *QUICK) in (2, 3, 71)
    assert {p: p.read_bytes() for p in out.rglob("*") if p.is_file()} == before


def test_a_folder_in_use_is_not_written_to(
    demo_table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.txt").write_text("keep me")
    assert train("--dataset", demo_table, "--out-dir", tmp_path, *QUICK) == 2
    assert "must be empty" in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


def test_a_folder_that_cannot_be_written(demo_table: Path, tmp_path: Path) -> None:
    """As another user where the tests run as root, whom nothing refuses."""
    locked = tmp_path / "locked"
    locked.mkdir()
    locked.chmod(0o555)
    for folder in {tmp_path, *tmp_path.parents[:4], demo_table, *demo_table.parents[:4]} - {Path("/"), Path("/tmp")}:
        folder.chmod(folder.stat().st_mode | 0o055)
    code = (
        "import os, sys\n"
        "from meta_models.cli import main\n"
        "import meta_models.pipeline.run, meta_models.learners.xgboost.learner\n"
        "if os.getuid() == 0: os.setuid(65534)\n"
        f"sys.exit(main(['train', '--dataset', {str(demo_table)!r}, '--out-dir', {str(locked / 'out')!r}]))"
    )
    environment = {**os.environ, "HOME": "/nonexistent", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 73, done.stderr
    assert str(locked / "out") in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--n-folds", "1"], "n_folds"),
        (["--n-estimators", "none"], "n_estimators"),
        (["--learning-rate", "nan"], "learning_rate"),
        (["--strategy", "quantum"], "Take one of batch_ensemble, external_memory, single_model, or auto"),
        (["--family", "forest"], "forest"),
        (["--analyses", "astrology"], "astrology"),
        (["--exclude-features", "no_such_column"], "no_such_column"),
        (["--resume", "--overwrite"], "exclude one another"),
    ],
)  # fmt: skip
def test_bad_options_end_with_2(
    arguments: list[str], words: str, demo_table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train("--dataset", demo_table, "--out-dir", tmp_path / "out", *arguments) == 2
    assert words in capsys.readouterr().err


def test_options_are_taken_by_their_whole_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        train("--dataset", "demo", "--out-dir", tmp_path / "out", "--max-dept", "4")
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said == "error: there is no option --max-dept (did you mean --max-depth?). See meta-models train --help\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["trian"], "there is no 'trian' (did you mean train?)"),
        (["predict", "--model", "a.pkl", "b.pkl", "--out", "c.tsv"], "--model takes fewer values, found b.pkl behind"),
        (["verify-model", "a.pkl", "b.pkl"], "meta-models verify-model takes fewer names, found b.pkl behind"),
        (["tune", "--n-folds", "2", "--trial", "2"], "there is no option --trial (did you mean --trials?)"),
        (["tune", "--n-folds", "2", "--trial=2"], "there is no option --trial (did you mean --trials?)"),
        (["train", "--n-folds", "2", "--n-fold", "2"], "there is no option --n-fold (did you mean --n-folds?)"),
        (["train", "--n-folds", "2", "--seed", "3", "2"], "--seed takes fewer values, found 2 behind"),
    ],
)
def test_what_was_meant_is_said(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["frobnicate"], [], ["train", "--device", "best"], ["verify-model"]])
def test_what_is_no_command_is_one_message(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert said.count("\n") == 1
    assert "--help" in said


@pytest.mark.parametrize("command", ["train", "compare-strategies"])
def test_a_table_must_be_named(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--out-dir", str(tmp_path / "out")]) == 2
    assert "--dataset must name the table" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_unknown_keys_of_a_config_file_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "run.yaml"
    config.write_text("max_depth: 3\nmax-dpeth: 4\n")
    assert train("--config", config, "--out-dir", tmp_path / "out") == 2
    assert "max_dpeth" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("exclude_features:", "exclude_features (--exclude-features)"),
        ("protect_features: [1]", "protect_features.0"),
        ("exclude_features: {a: 1}", "exclude_features (--exclude-features)"),
        ("protect-features: 7", "(found 7)"),
        ('{"config": null, "format_version": 1}', "found NoneType"),
    ],
)
def test_values_of_another_type_in_a_config_file_are_refused(
    text: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "run.yaml"
    config.write_text(text)
    assert train("--config", config, "--dataset", "demo", "--out-dir", tmp_path / "out") == 2
    assert words in capsys.readouterr().err


def test_what_was_meant_for_one_run_is_not_fed_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stored = TrainingConfig(dataset="demo", out_dir=tmp_path / "out", overwrite=True, dry_run=True, max_depth=3)
    values = stored.model_dump(mode="json")
    manifest = tmp_path / "run_manifest.json"
    manifest.write_text(json.dumps({"format_version": 1, "config": values}))
    found = TrainingConfig.read_yaml(manifest)
    assert values.keys() - found.keys() == set(TrainingConfig.of(Scope.START))
    assert found["sections"]["xgboost"]["max_depth"] == 3
    assert train("--config", manifest) == 2
    assert "--out-dir must name the run folder" in capsys.readouterr().err
    plain = tmp_path / "run.yaml"
    plain.write_text("overwrite: true")
    assert TrainingConfig.read_yaml(plain) == {"overwrite": True}


def test_a_list_of_features_may_come_from_a_file(demo_table: Path, tmp_path: Path) -> None:
    names = tmp_path / "names.txt"
    names.write_text("# k-mers\n3mer_AAA\n3mer_CCC\n")
    options = ["--dataset", demo_table, "--analyses", "features", *QUICK]
    assert train(*options, "--out-dir", tmp_path / "out", "--exclude-features", f"@{names}") == 0
    manifest = pl.read_csv(tmp_path / "out" / "feature_manifest.csv")
    left_out = manifest.filter(pl.col("name").is_in(["3mer_AAA", "3mer_CCC"]))
    assert left_out.height == 2
    assert "3mer_AAA" not in load_model_with_ensemble_support(str(tmp_path / "out" / "*.pkl")).feature_names


def test_a_further_base_model_with_gaps_is_a_feature_that_is_neither_blended_nor_an_opponent(tmp_path: Path) -> None:
    frame = make_frame()
    gaps = pl.int_range(frame.height) % 5 == 0
    frame = frame.with_columns(
        pl.when(gaps).then(None).otherwise(pl.col(f"{name}_score")).alias(f"other_{name}_score")
        for name in ("neither", "donor", "acceptor")
    )
    out = tmp_path / "out"
    assert (
        train(
            "--dataset", write_table(tmp_path / "table", frame), "--out-dir", out, "--analyses", "base-vs-meta", *QUICK
        )
        == 0
    )
    warnings = (out / "training_summary.txt").read_text().split("Warnings")[1].split("Dataset")[0]
    assert "Base model 'other' is no opponent" in " ".join(warnings.split())
    model = load_model_with_ensemble_support(out / "model_multiclass.pkl")
    assert "other_donor_score" in model.feature_names
    main_scores = ("neither_score", "donor_score", "acceptor_score")
    assert [c.columns for c in model.calibrators] == [(model.feature_names.index(name),) for name in main_scores]


def test_a_resumed_run_keeps_what_was_added_and_says_what_is_made_again(
    run_folder: Path, demo_table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, limits = tmp_path / "out", tmp_path / "limits.yaml"
    options = ["--dataset", demo_table, "--out-dir", out, *QUICK, "--analyses", "features"]
    assert train(*options) == 0
    limits.write_text("- {metric: average_precision, target: donor, at_least: 0.01}\n")
    assert main(["analyse", str(out), "--analyses", "bins", "--targets", str(limits)]) == 0
    added = hashes(out / "bins_and_targets")
    assert "targets.tsv" in added
    for _ in range(2):
        capsys.readouterr()
        assert train(*options, "--resume") == 0
        assert "other options" not in capsys.readouterr().out
        assert hashes(out / "bins_and_targets") == added
        units = json.loads((out / "run_manifest.json").read_text())["units"]
        assert {unit["reused"] for unit in units.values()} == {True}
    assert train(*options, "--resume", "--max-depth", "3", "--threads", "1") == 0
    assert "Resumed with other options than before: --max-depth 3 (was 6)." in capsys.readouterr().out


def test_every_option_says_what_it_is_for() -> None:
    assert TrainingConfig.of(*Scope) == tuple(TrainingConfig.model_fields)


def test_a_new_option_of_a_learner_or_of_units_changes_the_keys_of_units() -> None:
    class Longer(XGBoostConfig):
        brand_new: int = 1

    class More(TrainingConfig):
        another: OfUnit[int] = 2
        beside: OfAnalysis[int] = 3

    longer = TrainingConfig().model_copy(update={"sections": {"xgboost": Longer()}})
    assert unit_options(longer) == {**unit_options(TrainingConfig()), "brand_new": 1}
    assert unit_options(More()) == {**unit_options(TrainingConfig()), "another": 2}


def test_a_base_score_that_rounding_put_below_zero_counts_as_zero(tmp_path: Path) -> None:
    frame = make_frame().with_columns(
        neither_score=pl.when(pl.int_range(pl.len()) % 9 == 0).then(-6e-8).otherwise(pl.col("neither_score"))
    )
    out, other = tmp_path / "out", make_frame(seed=5).with_columns(
        gene_id="X" + pl.col("gene_id"), neither_score=pl.col("neither_score") - 6e-8
    )  # fmt: skip
    options = ("--analyses", "base-vs-meta", "--eval-dataset", write_table(tmp_path / "other", other), *QUICK)
    assert train("--dataset", write_table(tmp_path / "table", frame), "--out-dir", out, *options) == 0
    assert pl.read_parquet(out / "oof_predictions.parquet")["neither_score"].min() == 0
    assert (out / "external_evaluation.json").exists()


def test_the_best_base_model_may_lack_scores_on_every_position(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = make_frame()
    perfect = {name: (pl.col("splice_type") == name).cast(pl.Float32) for name in ("neither", "donor", "acceptor")}
    frame = frame.with_columns(**{f"alt_{name}_score": values for name, values in perfect.items()})
    gap = frame.with_columns(alt_donor_score=pl.when(pl.int_range(pl.len()) > 0).then(pl.col("alt_donor_score")))
    table, whole, out = write_table(tmp_path / "table", frame), write_table(tmp_path / "whole", gap), tmp_path / "out"
    options = ("--oof-dataset", whole, "--analyses", "base-vs-meta", *QUICK)
    assert train("--dataset", table, "--out-dir", out, *options) == 0
    said = capsys.readouterr().out
    assert "alt cannot be compared with in --oof-dataset" in said
    assert "column 'alt_donor_score' has 1 missing value" in said
    headline = json.loads((out / "oof_dataset_evaluation.json").read_text())["headline"]
    assert set(headline["best_base_folds"]) == {"main"}


def test_every_position_has_the_families_and_screened_genes_of_the_training_table(tmp_path: Path) -> None:
    frame = make_frame(n_genes=30)
    family = pl.col("gene_id").str.slice(1).cast(pl.Int32) // 2
    table = write_table(tmp_path / "table", frame.with_columns(gene_family=family.cast(pl.String)))
    whole, out = write_table(tmp_path / "whole", frame), tmp_path / "out"
    options = ("--oof-dataset", whole, "--analyses", "base-vs-meta", "--screening-min-genes", "4", *QUICK)
    assert train("--dataset", table, "--out-dir", out, *options) == 0
    found = json.loads((out / "oof_dataset_evaluation.json").read_text())
    assert found["headline"]["best_base"]["families"] == 15
    own = json.loads((out / "meta_evaluation_summary.json").read_text())
    sizes = [{row["stratum"]: row["rows"] for row in table["rows"]} for table in (found, own)]
    for name in ("screened genes", "genes not screened"):
        assert 0 < sizes[0][name] == sizes[1][name] < frame.height


@pytest.mark.parametrize("option", ["--eval-dataset", "--oof-dataset"])
def test_a_second_table_that_lacks_a_feature_costs_no_training(
    option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frame, other = make_frame(), make_frame(seed=3).drop("feature_1")
    if option == "--eval-dataset":
        other = other.with_columns(gene_id="X" + pl.col("gene_id"))
    out, second = tmp_path / "out", write_table(tmp_path / "second", other)
    assert train("--dataset", write_table(tmp_path / "table", frame), "--out-dir", out, option, second, *QUICK) == 3
    assert "feature_1" in capsys.readouterr().err
    assert not (out / "model_multiclass.pkl").exists()
    assert not list(out.glob("units/*"))


def test_a_base_model_that_is_no_opponent_elsewhere_is_told_in_the_report(tmp_path: Path) -> None:
    three = ("neither", "donor", "acceptor")
    frame = make_frame().with_columns(pl.col(f"{name}_score").alias(f"alt_{name}_score") for name in three)
    gap = pl.when(pl.int_range(pl.len()) > 0).then(pl.col("alt_donor_score"))
    elsewhere = make_frame(seed=5).with_columns(pl.col(f"{name}_score").alias(f"alt_{name}_score") for name in three)
    other = elsewhere.with_columns(gene_id="X" + pl.col("gene_id"), alt_donor_score=gap)
    out, second = tmp_path / "out", write_table(tmp_path / "second", other)
    options = ("--eval-dataset", second, "--analyses", "base-vs-meta", *QUICK)
    assert train("--dataset", write_table(tmp_path / "table", frame), "--out-dir", out, *options) == 0
    warnings = (out / "training_summary.txt").read_text().split("Warnings")[1]
    assert "--eval-dataset: Base model 'alt' is no opponent" in " ".join(warnings.split())


@pytest.mark.parametrize(
    ("options", "told"), [(["--dry-run"], "interrupted\n"), ([], "interrupted (goes on from here with --resume)\n")]
)
def test_an_interrupted_dry_run_has_nothing_to_go_on_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], options: list[str], told: str
) -> None:
    def interrupted(_config: TrainingConfig) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("meta_models.pipeline.run.run_training", interrupted)
    assert train("--dataset", "demo", "--out-dir", tmp_path / "run", *options) == 130
    assert capsys.readouterr().err == told
