"""Two passes from the command line on: training, every position, the model file, prediction, refusals, resume."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from build_places import Place, digests, make_place

from meta_models.analysis.framework.options import AnalysisConfig
from meta_models.cli import main
from meta_models.config import TrainingConfig
from meta_models.dataset.built import BuiltFolder
from meta_models.dataset.stretches import Stretch, features_of
from meta_models.errors import ExitCode, InputError, UsageError
from meta_models.inference.config import PredictConfig
from meta_models.inference.ensemble_model_loader import load_model_with_ensemble_support
from meta_models.inference.genome.stretches import model_matrix
from meta_models.inference.prediction import run_prediction
from meta_models.inference.verify import verify_model
from meta_models.metrics import Gain, Interval
from meta_models.model import FittedModel
from meta_models.pipeline.reanalysis import analyse_run
from meta_models.pipeline.run import run_training
from meta_models.run_folder import UnitPlan
from meta_models.training.second_pass import train as second_pass

SMALL: dict[str, Any] = {
    "n_folds": 3, "bootstrap_samples": 20, "analyses": ["base-vs-meta", "features"], "threads": 1, "n_estimators": 6,
    "screening_min_genes": 4, "second_pass": True,
}  # fmt: skip
CALIBRATED = ["calibrated_neither", "calibrated_donor", "calibrated_acceptor"]


def train(table: Path, out: Path, **options: Any) -> Path:
    run_training(TrainingConfig.from_mapping({"dataset": str(table), "out_dir": out, **SMALL, **options}))
    return out


def gain(lower: float) -> Gain:
    return Gain(lower + 0.01, Interval(lower, lower + 0.02))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return make_place(tmp_path_factory.mktemp("genome") / "made")


@pytest.fixture(scope="module")
def built(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return place.build(tmp_path_factory.mktemp("built") / "out")


@pytest.fixture(scope="module")
def run(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of so few genes the gain is none that folds agree on: here they are told that it is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(second_pass, "compare", lambda *_: gain(0.1))
        return train(built, tmp_path_factory.mktemp("run") / "run")


def model_of(run: Path, fold: int | None = None) -> FittedModel:
    name = "model_multiclass.pkl" if fold is None else f"fold_models/fold_{fold}.pkl"
    return load_model_with_ensemble_support(run / name, verbose=False)


def predict(place: Place, run: Path, out: Path, **changes: Any) -> pl.DataFrame:
    given = {
        "model": str(run / "model_multiclass.pkl"), "genome": place.genome, "annotation": place.annotation,
        "gene_types": ["all"], "scores": [f"main={place.scores()}", f"alt={place.scores('alt')}"], "out": out,
        "threads": 1, **changes,
    }  # fmt: skip
    run_prediction(PredictConfig.from_mapping({name: value for name, value in given.items() if value is not None}))
    return pl.read_parquet(out)


def probabilities(model: FittedModel, built: Path, ids: set[str]) -> pl.DataFrame:
    """Of every position of some genes, gene by gene."""
    recipe = BuiltFolder.open(built).recipe
    frames = []
    for gene in BuiltFolder.open(built).genes.genes(ids):
        pack = [Stretch(gene, np.arange(len(gene)))]
        matrix = model_matrix(
            [model], model.feature_names, pack, features_of(pack, recipe), recipe, np.arange(len(gene))
        )
        found = model.predict_proba(matrix).astype(np.float32)
        told = pl.DataFrame({"gene_id": [gene.gene_id] * len(gene), "position": np.arange(len(gene))})
        frames.append(told.with_columns(pl.DataFrame(found, schema=CALIBRATED).iter_columns()))
    return pl.concat(frames)


def test_a_row_has_out_of_fold_what_the_models_of_its_fold_say_of_the_whole_gene(run: Path, built: Path) -> None:
    """First and second pass of the fold, neither of which saw the gene, at rows and at every position."""
    oof = pl.read_parquet(run / "oof_predictions.parquet").with_columns(pl.col("gene_id").cast(pl.String))
    for fold in oof["fold"].unique():
        rows, model = oof.filter(fold=fold), model_of(run, fold)
        ids = set(rows["gene_id"].unique())
        assert model.info.first_pass is not None
        assert not ids & (set(model.info.genes) | set(model.info.first_pass.model.info.genes))
        scored = probabilities(model, built, ids)
        joined = rows.with_columns(pl.col("position").cast(pl.Int64)).join(
            scored, on=["gene_id", "position"], suffix="_scored"
        )
        assert joined.height == rows.height
        for name in CALIBRATED:
            np.testing.assert_allclose(joined[name].to_numpy(), joined[f"{name}_scored"].to_numpy(), atol=1e-6)


def test_columns_of_the_run_are_those_of_the_folds_first_passes(run: Path, built: Path) -> None:
    columns = pl.read_parquet(run / "first_pass_columns.parquet")
    oof = pl.read_parquet(run / "oof_predictions.parquet").with_columns(pl.col("gene_id").cast(pl.String))
    first = model_of(run, 0).info.first_pass
    assert first is not None
    assert tuple(columns.columns) == first.names
    gene = next(BuiltFolder.open(built).genes.genes({oof.filter(fold=0)["gene_id"][0]}))
    here = (oof["gene_id"] == gene.gene_id).to_numpy()
    pack = [Stretch(gene, oof.filter(here)["position"].cast(pl.Int64).to_numpy())]
    np.testing.assert_array_equal(columns.filter(here).to_numpy(), first.columns(pack).T)


def test_prediction_from_the_genome_is_that_of_both_passes(
    place: Place, run: Path, built: Path, tmp_path: Path
) -> None:
    found = predict(place, run, tmp_path / "out.parquet", part_rows=5000)
    ids = set(found["gene_id"].unique()) & {entry.gene_id for entry in BuiltFolder.open(built).genes.entries}
    expected = probabilities(model_of(run), built, ids)
    joined = expected.join(found, on=["gene_id", "position"], suffix="_found")
    assert joined.height == expected.height
    for name in CALIBRATED:
        np.testing.assert_array_equal(joined[name].to_numpy(), joined[f"{name}_found"].to_numpy())


def test_the_headline_is_on_every_position_and_the_verdict_is_told(run: Path) -> None:
    summary = (run / "training_summary.txt").read_text()
    assert "On every position of all 16 genes, out of fold" in summary
    assert "Second pass minus first, out of fold: +0.1100 AP (95 % +0.1000 to +0.1200)." in summary
    assert "No gain" not in summary
    assert "first_pass_donor_rival" in (run / "feature_manifest.csv").read_text()


def test_the_file_is_one_and_says_so(run: Path) -> None:
    facts = verify_model(run / "model_multiclass.pkl")
    assert "first_pass.zip" in facts.entries
    assert any(line.startswith("First pass: 18 trees, ") for line in facts.lines())


def test_no_gain_saves_the_first_pass(built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One fold whose others do not gain is enough; the first pass is that of a run without a second one."""
    answers = iter([gain(0.1), gain(0.1), gain(-0.001), gain(0.1)])
    monkeypatch.setattr(second_pass, "compare", lambda *_: next(answers))
    kept = train(built, tmp_path / "kept")
    alone = train(built, tmp_path / "alone", second_pass=False)
    assert "saved is the first pass" in (kept / "training_summary.txt").read_text()
    assert (kept / "oof_predictions.parquet").read_bytes() == (alone / "oof_predictions.parquet").read_bytes()
    assert (kept / "model_multiclass.pkl").read_bytes() == (alone / "model_multiclass.pkl").read_bytes()
    assert not (kept / "first_pass_columns.parquet").exists()


def test_a_resumed_run_fits_and_scores_nothing_again_and_is_the_same(
    run: Path, built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(second_pass, "compare", lambda *_: gain(0.1))
    before = digests(run / "units")
    names = {name.split("/")[0] for name in before}
    assert {"first-without-0-1-donor", "first-pass-of-fold-2", "second-fold-0-acceptor", "second-final-donor"} <= names
    model = (run / "model_multiclass.pkl").read_bytes()
    train(built, run, resume=True)
    assert digests(run / "units") == before
    assert (run / "model_multiclass.pkl").read_bytes() == model


def test_the_analysis_can_be_repeated(run: Path, tmp_path: Path) -> None:
    analyse_run(run, AnalysisConfig.from_mapping({"out_dir": tmp_path / "again", "analyses": ["features", "shap"]}))
    shown = (tmp_path / "again" / "feature_manifest.csv").read_text()
    assert "first_pass_acceptor" in shown


def test_the_plan_tells_what_it_costs(built: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_training(TrainingConfig.from_mapping({"dataset": str(built), **SMALL, "dry_run": True}))
    plan = json.loads(capsys.readouterr().out)
    positions = BuiltFolder.open(built).genes.positions
    assert plan["second_pass"] == {"fits_of_one_pass": 12, "fits": 33, "scored_between": 3 * positions}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"dataset": "demo"}, "demo is no folder of meta-models build"),
        ({"n_folds": 2}, "--n-folds 2"),
        ({"rounds": "cross-validation"}, "--rounds cross-validation"),
        ({"max_features": 5}, "--max-features"),
        ({"strategy": "batch_ensemble"}, "batch_ensemble"),
        ({"learners": ["xgboost", "logistic"]}, "xgboost, logistic"),
        ({"mine_negatives": True}, "--mine-negatives"),
        ({"eval_dataset": "demo"}, "--eval-dataset"),
    ],
)
def test_what_it_cannot_do_is_refused_before_anything_is_written(
    built: Path, tmp_path: Path, demo_table: Path, changes: dict[str, Any], words: str
) -> None:
    for option, value in (("eval_dataset", str(demo_table)), ("mine_negatives", str(built))):
        changes = {**changes, option: value} if option in changes else changes
    with pytest.raises(UsageError, match="--second-pass needs") as refused:
        train(built, tmp_path / "out", **changes)
    assert words in str(refused.value)
    assert not (tmp_path / "out" / "model_multiclass.pkl").exists()


def test_regions_and_tables_are_refused_at_prediction(place: Place, run: Path, built: Path, tmp_path: Path) -> None:
    (tmp_path / "r.bed").write_text("chr1\t0\t900\tx\t0\t+\n")
    with pytest.raises(InputError, match="needs annotated genes"):
        predict(place, run, tmp_path / "o.parquet", annotation=None, gene_types=None, regions=tmp_path / "r.bed")
    table: dict[str, Any] = dict.fromkeys(("annotation", "gene_types", "genome", "scores"))
    with pytest.raises(InputError, match="reads whole genes"):
        predict(place, run, tmp_path / "o.parquet", dataset=str(built / "master"), **table)


def test_a_built_folder_is_predicted_as_its_genome_is(place: Place, run: Path, built: Path, tmp_path: Path) -> None:
    table: dict[str, Any] = dict.fromkeys(("annotation", "gene_types", "genome", "scores"))
    found = predict(place, run, tmp_path / "folder.parquet", dataset=str(built), **table)
    expected = predict(place, run, tmp_path / "genome.parquet")
    names = ["gene_id", "position", *CALIBRATED]
    assert found.select(names).equals(expected.join(found, on=["gene_id", "position"], how="semi").select(names))


def test_a_run_that_others_do_the_units_of_equals_a_plain_one(
    built: Path, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(second_pass, "compare", lambda *_: gain(0.1))
    planned, names = tmp_path / "planned", list[str]()
    for again in (False, True, True):
        train(built, planned, plan_only=True, resume=again)
        units = list(UnitPlan.read(planned).units)
        assert units
        assert not {*units} & {*names}
        names += units
        assert main(["unit", str(planned), "1/1"]) == ExitCode.DONE
    assert {name.rpartition("-")[0] for name in names} == {
        *(f"fold-{fold}" for fold in range(3)), "final", "first-without-0-1", "first-without-0-2", "first-without-1-2",
        *(f"second-fold-{fold}" for fold in range(3)), "second-final",
    }  # fmt: skip
    train(built, planned, plan_only=True, resume=True)
    assert "Nothing is left to be done apart" in capsys.readouterr().out
    train(built, planned, resume=True)
    for name in ("model_multiclass.pkl", "oof_predictions.parquet"):
        assert (planned / name).read_bytes() == (run / name).read_bytes()
