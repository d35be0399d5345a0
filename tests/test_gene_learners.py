"""The commands with learners that read whole genes: train, resume, combine, predict, verify, analyse, refusals."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from build_places import Place, make_place

pytest.importorskip("torch", reason="needs the extra 'neural': PyTorch is absent")

from meta_models.build import serving
from meta_models.cli import main
from meta_models.dataset.built import BuiltFolder
from meta_models.errors import InputError
from meta_models.inference.ensemble_model_loader import load_model_with_ensemble_support
from meta_models.inference.verify import verify_model
from meta_models.learners.gene_bridge import tracks_of
from meta_models.model import EnsembleMetaModel, FittedModel, SingleModel
from meta_models.persistence import dump_model, load_model
from meta_models.result import CALIBRATED, RAW, probability_columns
from meta_models.training.fitting.running import part_way

pytestmark = pytest.mark.neural
#: Files that hold dates, durations, measured peaks, hosts or paths.
_VARIABLE = {"run_manifest.json", "training_summary.txt", "report.html", "timing.json"}
_RUN = [
    "--n-folds", "2", "--bootstrap-samples", "20", "--threads", "1", "--screening-min-genes", "4",
]  # fmt: skip
_TINY = [
    "--tcn.epochs", "3", "--tcn.channels", "4", "--tcn.blocks", "3", "--tcn.kernel", "5", "--tcn.crop", "128",
    "--tcn.learning-rate", "0.02",
]  # fmt: skip
_FEW = ["--analyses", "base-vs-meta", "leaderboard"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return make_place(tmp_path_factory.mktemp("genome") / "made", genes=10)


@pytest.fixture(scope="module")
def built(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return place.build(tmp_path_factory.mktemp("built") / "out")


def train(dataset: Path, out: Path, *options: str) -> Path:
    assert main(["train", "--dataset", str(dataset), "--out-dir", str(out), *_RUN, *options]) == 0
    return out


@pytest.fixture(scope="module")
def run(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(built, tmp_path_factory.mktemp("run") / "run", "--learner", "tcn", *_TINY)


@pytest.fixture(scope="module")
def combined(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(
        built, tmp_path_factory.mktemp("run") / "combined", "--learners", "tcn", "xgboost", "--combine", "stacking",
        "--keep-combination", "--xgboost.n-estimators", "8", *_TINY, *_FEW,
    )  # fmt: skip


def hashes(folder: Path) -> dict[str, str]:
    files = (p for p in folder.rglob("*") if p.is_file() and p.name not in _VARIABLE and not p.name.startswith("."))
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def model_of(run: Path) -> FittedModel:
    return load_model_with_ensemble_support(run / "model_multiclass.pkl", verbose=False)


def predict(run: Path, out: Path, *options: str) -> pl.DataFrame:
    command = ["predict", "--model", str(run / "model_multiclass.pkl"), "--out", str(out), "--threads", "1"]
    assert main([*command, *options]) == 0
    return pl.read_parquet(out)


def of_genome(place: Place) -> list[str]:
    return [
        "--genome", str(place.genome), "--annotation", str(place.annotation), "--gene-types", "all",
        "--scores", f"main={place.scores()}", f"alt={place.scores('alt')}",
    ]  # fmt: skip


def test_rows_are_scored_by_the_model_that_never_saw_their_gene(run: Path, built: Path) -> None:
    oof, folder = pl.read_parquet(run / "oof_predictions.parquet"), BuiltFolder.open(built)
    assert oof.group_by("gene_id").agg(pl.col("fold").n_unique())["fold"].max() == 1
    for gene in folder.genes.genes():
        rows = oof.filter(pl.col("gene_id") == gene.gene_id).sort("position")
        model = load_model(run / "fold_models" / f"fold_{rows['fold'][0]}.pkl")
        assert gene.gene_id not in model.info.genes
        found = model.scores_of_gene(tracks_of(gene, folder.recipe), rows["position"].to_numpy())
        told = rows.select(probability_columns(RAW)).to_numpy()
        np.testing.assert_allclose(np.stack(list(found.values()), axis=1), told, atol=1e-5)


def test_every_position_is_the_headline(run: Path, built: Path) -> None:
    headline = json.loads((run / "oof_dataset_evaluation.json").read_text())
    assert "On every position of all 10 genes" in (run / "training_summary.txt").read_text()
    assert headline
    fits = json.loads((run / "fits_tcn.json").read_text())
    assert [len(fit["train_loss"]) for fit in fits] == [3, 3, 3]
    assert {fit["fold"] for fit in fits} == {-1, 0, 1}


def test_analyses_that_call_the_model_on_rows_are_not_applicable(run: Path) -> None:
    outcomes = {found["code"]: found for found in json.loads((run / "analysis_outcomes.json").read_text())}
    assert {found["status"] for found in outcomes.values()} <= {"passed", "finding", "not applicable", "skipped"}
    assert outcomes["shap"]["status"] == "not applicable"
    assert "reads whole genes" in outcomes["importance"]["reason"]


def test_prediction_from_the_folder_and_from_the_genome_are_the_same(
    place: Place, run: Path, built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = predict(run, tmp_path / "built.parquet", "--dataset", str(built))
    names = [*probability_columns(CALIBRATED), "gene_id", "position", "seen_in_training"]
    assert table.height == BuiltFolder.open(built).genes.positions
    assert table["seen_in_training"].all()
    genome = predict(run, tmp_path / "genome.parquet", *of_genome(place))
    assert genome.select(names).equals(table.select(names))
    monkeypatch.setattr(serving, "TILE", 777)
    tiles = predict(run, tmp_path / "tiles.parquet", *of_genome(place), "--part-rows", "5000")
    for name in probability_columns(CALIBRATED):
        np.testing.assert_allclose(tiles[name].to_numpy(), table[name].to_numpy(), atol=1e-5)


def test_a_table_of_rows_is_refused_by_the_model(run: Path, built: Path, tmp_path: Path, capsys: Any) -> None:
    rows = pl.read_parquet(built / "master" / "*.parquet")
    with pytest.raises(InputError, match="reads whole genes"):
        model_of(run).predict_proba(rows)
    model, out = str(run / "model_multiclass.pkl"), str(tmp_path / "x.parquet")
    assert main(["predict", "--model", model, "--dataset", str(built / "master"), "--out", out]) == 3
    assert "a folder that 'meta-models build' made" in capsys.readouterr().err


def test_a_file_of_a_net_is_sound_and_equal_when_written_again(run: Path) -> None:
    file = run / "model_multiclass.pkl"
    facts = verify_model(file, isolated=True)
    assert list(facts.learners) == ["tcn"]
    assert {"members/000/net.json", "members/000/weights.safetensors", "recipe.json"} <= set(facts.entries)
    model = model_of(run)
    assert isinstance(model, SingleModel)
    assert model.feature_names[-3:] == ("tcn:neither", "tcn:donor", "tcn:acceptor")
    assert dump_model(model) == file.read_bytes()


class Killed(BaseException):
    """The process is gone."""


def test_a_run_that_was_killed_goes_on_from_its_last_epoch(
    run: Path, built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep, kept = part_way._keep, []

    def counted(*args: Any) -> None:
        keep(*args)
        kept.append(args[1])
        if len(kept) == 5:
            raise Killed

    monkeypatch.setattr(part_way, "_keep", counted)
    out, options = tmp_path / "run", ["--learner", "tcn", *_TINY]
    with pytest.raises(Killed):
        train(built, out, *options)
    assert len(kept) == 5
    assert (out / "units" / part_way.FOLDER).is_dir()
    train(built, out, *options, "--resume")
    assert len(kept) == 9  # three fits of three epochs: none was run twice
    assert hashes(out) == hashes(run)


def test_analyses_can_be_run_again(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "again"
    assert main(["analyse", str(run), "--out-dir", str(out), "--threads", "1"]) == 0
    assert (out / "analysis_outcomes.json").read_bytes() == (run / "analysis_outcomes.json").read_bytes()


def test_rows_and_genes_are_combined_in_one_file(combined: Path, place: Place, built: Path, tmp_path: Path) -> None:
    model = model_of(combined)
    assert isinstance(model, EnsembleMetaModel)
    assert [single.learner for single in model.singles] == ["tcn", "xgboost"]
    assert model.combination.kind == "stacking"
    assert dump_model(model) == (combined / "model_multiclass.pkl").read_bytes()
    assert {name for name in model.feature_names if ":" in name} == set(model.gene_columns)
    table = predict(combined, tmp_path / "built.parquet", "--dataset", str(built))
    genome = predict(combined, tmp_path / "genome.parquet", *of_genome(place))
    names = [*probability_columns(CALIBRATED), "gene_id", "position"]
    assert genome.select(names).equals(table.select(names))
    board = pl.read_csv(combined / "leaderboard.tsv", separator="\t")
    assert {"tcn", "xgboost", "combined (stacking)", "main"} <= set(board["name"])


def test_a_combination_is_scored_at_every_position_out_of_fold(combined: Path) -> None:
    assert "On every position of all 10 genes" in (combined / "training_summary.txt").read_text()
    oof = pl.read_parquet(combined / "oof_predictions.parquet")
    assert (oof.select(probability_columns(CALIBRATED)).sum_horizontal() - 1).abs().max() < 1e-5


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--strategy", "batch_ensemble"], "needs no batches"),
        (["--train-all-genes"], "needs no batches"),
        (["--training-weights", "balanced"], "cannot weight them"),
        (["--mine-negatives", "{table}"], "there is nothing to mine"),
        (["--max-features", "auto"], "not features that could be chosen among"),
        (["--eval-dataset", "{table}"], "is read as a table of rows"),
        (["--eval-dataset", "{built}", "--whole-genes", "off"], "is read as a table of rows"),
        (["--dataset", "{table}"], "learn how it was sampled"),
        (["--dataset", "demo"], "learn how it was sampled"),
    ],
)
def test_what_a_learner_of_genes_cannot_do_is_refused_before_anything_is_read(
    built: Path, tmp_path: Path, options: list[str], words: str, capsys: Any
) -> None:
    given = [option.format(table=built / "master", built=built) for option in options]
    out = tmp_path / "run"
    assert main(["train", "--dataset", str(built), "--learner", "tcn", "--out-dir", str(out), *_RUN, *given]) == 2
    assert words in capsys.readouterr().err.replace("\n", " ")


def test_the_plan_says_what_it_takes(built: Path, capsys: Any) -> None:
    assert main(["train", "--dataset", str(built), "--learners", "tcn", "xgboost", "--dry-run", *_RUN]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert set(plan["strategies"]) == {"single_model", "external_memory"}
    assert plan["dataset"]["gene_tracks"] == 4
    assert plan["strategies"]["external_memory"]["cache_bytes"] > plan["dataset"]["gene_positions"]


def test_tracks_on_disk_give_the_same_model(run: Path, built: Path, tmp_path: Path) -> None:
    out = train(built, tmp_path / "disk", "--learner", "tcn", "--strategy", "external_memory", *_TINY, *_FEW)
    for name in ("oof_predictions.parquet", "fits_tcn.json"):
        assert (out / name).read_bytes() == (run / name).read_bytes()
