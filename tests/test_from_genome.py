"""From a genome to a model and back: build, train, predict, with no step that computes a feature in its own way."""

from __future__ import annotations

import dataclasses
import json
import shutil
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest
from build_places import Place, make_place
from sklearn.metrics import average_precision_score

from meta_models.build import serving
from meta_models.config import TrainingConfig
from meta_models.dataset.built import BuiltFolder
from meta_models.dataset.opening import sequences_read
from meta_models.errors import InputError, UsageError
from meta_models.features import BaseTrack, column_names
from meta_models.inference.config import PredictConfig
from meta_models.inference.ensemble_model_loader import load_model_with_ensemble_support
from meta_models.inference.genome.rows import open_genome_rows
from meta_models.inference.prediction import run_prediction
from meta_models.inference.verify import verify_model
from meta_models.learners.motif_predictor import MotifPredictor
from meta_models.model import SingleModel
from meta_models.persistence import dump_model
from meta_models.pipeline.run import run_training
from meta_models.schema import CLASS_NAMES, LABEL
from meta_models.training.batches.sketch_clusters import CLUSTERS

SMALL: dict[str, Any] = {
    "n_folds": 3, "bootstrap_samples": 20, "analyses": ["base-vs-meta"], "threads": 1, "n_estimators": 15,
    "screening_min_genes": 4,
}  # fmt: skip
CALIBRATED = ["calibrated_neither", "calibrated_donor", "calibrated_acceptor"]


def train(table: Path, out: Path, **options: Any) -> Path:
    run_training(TrainingConfig.from_mapping({"dataset": str(table), "out_dir": out, **SMALL, **options}))
    return out


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return make_place(tmp_path_factory.mktemp("genome") / "made")


@pytest.fixture(scope="module")
def built(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return place.build(tmp_path_factory.mktemp("built") / "out")


@pytest.fixture(scope="module")
def everything(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return place.build(tmp_path_factory.mktemp("built") / "all", all_positions=True)


@pytest.fixture(scope="module")
def run(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(built, tmp_path_factory.mktemp("run") / "run")


def model_of(run: Path) -> SingleModel:
    found = load_model_with_ensemble_support(run / "model_multiclass.pkl", verbose=False)
    assert isinstance(found, SingleModel)
    return found


def options(place: Place, model: Path, out: Path, **changes: Any) -> PredictConfig:
    given = {
        "model": str(model), "genome": place.genome, "annotation": place.annotation, "gene_types": ["all"],
        "scores": [f"main={place.scores()}", f"alt={place.scores('alt')}"], "out": out, "threads": 1, **changes,
    }  # fmt: skip
    return PredictConfig.from_mapping({name: value for name, value in given.items() if value is not None})


def predicted(place: Place, run: Path, out: Path, **changes: Any) -> pl.DataFrame:
    run_prediction(options(place, run / "model_multiclass.pkl", out, **changes))
    return pl.read_parquet(out)


@pytest.fixture(scope="module")
def prediction(place: Place, run: Path, tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    folder = tmp_path_factory.mktemp("predicted")
    return predicted(place, run, folder / "out.parquet", tracks=folder / "tracks", track_formats=["bed", "bedgraph"])


def test_features_at_prediction_are_those_of_the_table(place: Place, run: Path, built: Path, tmp_path: Path) -> None:
    """Every value of every sampled row, bit for bit."""
    model, master = model_of(run), pl.read_parquet(built / "master" / "*.parquet")
    config = options(place, run / "model_multiclass.pkl", tmp_path / "x.parquet")
    with ExitStack() as stack:
        table = open_genome_rows(config, model, stack, tmp_path)
        keys = [pl.col("gene_id"), pl.col("position"), pl.col("genomic_position")]
        columns = [pl.col(name) for name in model.feature_names]
        served = pl.concat(table.dataset.iter_frames([*keys, *columns], 5000))
    assert served.height == BuiltFolder.open(built).genes.positions
    both = master.with_columns(pl.col("position", "genomic_position").cast(pl.Int64))
    both = both.join(served, on=["gene_id", "position", "genomic_position"], suffix="_served", how="left")
    for name in model.feature_names:
        np.testing.assert_array_equal(
            both[name].to_numpy().view(np.uint32), both[f"{name}_served"].to_numpy().view(np.uint32), err_msg=name
        )


def test_prediction_from_the_genome_is_that_from_the_table(
    run: Path, everything: Path, prediction: pl.DataFrame
) -> None:
    table = pl.read_parquet(everything / "master" / "*.parquet")
    own = table.select("gene_id", pl.col("position").cast(pl.Int64)).with_columns(
        pl.DataFrame(model_of(run).predict_proba(table).astype(np.float32), schema=CALIBRATED).iter_columns()
    )
    joined = own.join(prediction, on=["gene_id", "position"], suffix="_genome", how="left")
    for name in CALIBRATED:
        np.testing.assert_array_equal(joined[name].to_numpy(), joined[f"{name}_genome"].to_numpy())


def test_tracks_and_rows_are_of_all_genes(place: Place, built: Path, prediction: pl.DataFrame) -> None:
    assert prediction.height == BuiltFolder.open(built).genes.positions
    assert prediction["seen_in_training"].all()
    assert prediction["strand"].unique().sort().to_list() == ["+", "-"]


def test_parts_of_genes_give_the_same(
    place: Place, run: Path, prediction: pl.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "TILE", 777)
    assert predicted(place, run, tmp_path / "out.parquet", part_rows=5000).equals(prediction)


def test_regions_give_what_their_genes_have(
    place: Place, run: Path, built: Path, prediction: pl.DataFrame, tmp_path: Path
) -> None:
    genes = list(BuiltFolder.open(built).genes.genes(inputs=False))[:3]
    lines = [f"{g.chrom}\t{g.start - 1}\t{g.end}\t{g.gene_id}\t0\t{g.strand}" for g in genes]
    (tmp_path / "r.bed").write_text("\n".join(lines) + "\n")
    found = predicted(place, run, tmp_path / "o.parquet", annotation=None, gene_types=None, regions=tmp_path / "r.bed")
    assert found.equals(prediction.filter(pl.col("gene_id").is_in([g.gene_id for g in genes])))


def test_recipe_and_motifs_are_in_the_model_file(run: Path, built: Path) -> None:
    model, facts = model_of(run), verify_model(run / "model_multiclass.pkl")
    assert model.info.recipe == BuiltFolder.open(built).recipe
    assert isinstance(model.predictor, MotifPredictor)
    assert {"recipe.json", "members/000/motifs.json"} <= set(facts.entries)
    assert "base models main, alt; groups scores 1, models 1, context 1, sequence 1" in facts.recipe


def test_every_position_is_scored_by_the_model_that_never_saw_its_gene(run: Path, everything: Path) -> None:
    """The headline against scikit-learn's average precision of the folds' models on the table of all positions."""
    oof = pl.read_parquet(run / "oof_predictions.parquet").group_by("gene_id").agg(pl.col("fold").first())
    table = pl.read_parquet(everything / "master" / "*.parquet").join(
        oof.with_columns(pl.col("gene_id").cast(pl.String)), on="gene_id", how="left", maintain_order="left"
    )
    scores = np.full((table.height, 3), np.nan)
    for fold in table["fold"].unique():
        model = load_model_with_ensemble_support(run / "fold_models" / f"fold_{fold}.pkl", verbose=False)
        here = (table["fold"] == fold).to_numpy()
        scores[here] = model.predict_proba(table.filter(here)).astype(np.float32)
    labels = table[LABEL].to_numpy()
    expected = np.mean([average_precision_score(labels == CLASS_NAMES[c], scores[:, c]) for c in (1, 2)])
    rows = pl.read_csv(run / "oof_dataset_evaluation.tsv", separator="\t")
    row = rows.filter(metric="average_precision", target="mean", stratum="all", base_model="best base").row(
        0, named=True
    )
    assert row["rows"] == table.height
    assert row["meta"] == pytest.approx(expected, abs=1e-9)
    assert "On every position of all 16 genes, out of fold" in (run / "training_summary.txt").read_text()


def test_a_built_folder_is_mined_at_every_position(built: Path, everything: Path, tmp_path: Path) -> None:
    """From genes/, not from the sampled table; as from a table of every position, byte for byte."""
    options: dict[str, Any] = {"analyses": ["mining"], "n_estimators": 6, "whole_genes": "off", "mined_per_site": 1.0}
    runs = [train(built, tmp_path / p.name, mine_negatives=str(p), **options) for p in (built, everything)]
    positions = BuiltFolder.open(built).genes
    counted = sum(int(gene.counted.sum()) for gene in positions.genes(inputs=False))
    assert f"Negatives were mined from {counted:,} positions" in (runs[0] / "training_summary.txt").read_text()
    assert pl.read_csv(runs[0] / "mining.csv").filter(round=1)["mined"].sum() > 0
    for name in ("mining.csv", "oof_predictions.parquet", "model_multiclass.pkl"):
        assert (runs[0] / name).read_bytes() == (runs[1] / name).read_bytes(), name


def _without_recipe(model: SingleModel) -> SingleModel:
    return model.with_info(dataclasses.replace(model.info, recipe=None))


def _with_floor(model: SingleModel) -> SingleModel:
    recipe = model.info.recipe
    assert recipe is not None
    tracks = (BaseTrack("main", floor=0.01), *recipe.models[1:])
    return model.with_info(dataclasses.replace(model.info, recipe=dataclasses.replace(recipe, models=tracks)))


def _with_version(model: SingleModel) -> SingleModel:
    recipe = model.info.recipe
    assert recipe is not None
    groups = (dataclasses.replace(recipe.groups[0], version=99), *recipe.groups[1:])
    return model.with_info(dataclasses.replace(model.info, recipe=dataclasses.replace(recipe, groups=groups)))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_without_recipe, "it has no recipe"),
        (_with_floor, "base model main: floor 0.01"),
        (_with_version, "written for version 99"),
    ],
)
def test_models_of_another_recipe_are_refused(place: Place, run: Path, tmp_path: Path, change: Any, words: str) -> None:
    (tmp_path / "m.pkl").write_bytes(dump_model(change(model_of(run))))
    with pytest.raises(InputError, match=words):
        run_prediction(options(place, tmp_path / "m.pkl", tmp_path / "out.parquet"))
    assert not (tmp_path / "out.parquet").exists()


def _rounded(place: Place, folder: Path) -> str:
    table = pl.read_parquet(place.scores()).with_columns(pl.col("donor", "acceptor").round(2))
    table.write_parquet(folder / "rounded.parquet")
    return f"main={folder / 'rounded.parquet'}"


def _shifted(place: Place, folder: Path) -> str:
    pl.read_parquet(place.scores()).with_columns(pl.col("position") + 1).write_parquet(folder / "shifted.parquet")
    return f"main={folder / 'shifted.parquet'}"


@pytest.mark.parametrize(
    ("scores", "words"),
    [
        (lambda place, _: [f"alt={place.scores('alt')}", f"main={place.scores()}"], "main, alt, in this order"),
        (lambda place, _: [f"main={place.scores()}"], "main, alt, in this order"),
        (lambda place, folder: [_rounded(place, folder), f"alt={place.scores('alt')}"], "differ in base model main"),
        (lambda place, folder: [_shifted(place, folder), f"alt={place.scores('alt')}"], "shift"),
    ],
)
def test_other_scores_are_refused(place: Place, run: Path, tmp_path: Path, scores: Any, words: str) -> None:
    config = options(place, run / "model_multiclass.pkl", tmp_path / "o.parquet", scores=scores(place, tmp_path))
    with pytest.raises(InputError, match=words):
        run_prediction(config)
    assert not (tmp_path / "o.parquet").exists()


def test_scores_of_a_higher_floor_need_the_option(place: Place, run: Path, tmp_path: Path) -> None:
    """A model of scores with a floor refuses all scores, and takes them with the option that it names."""
    floor, model = "0.01", model_of(run)
    assert model.info.recipe is not None
    main, *others = model.info.recipe.models
    recipe = dataclasses.replace(model.info.recipe, models=(dataclasses.replace(main, floor=0.01), *others))
    (tmp_path / "m.pkl").write_bytes(dump_model(model.with_info(dataclasses.replace(model.info, recipe=recipe))))
    with pytest.raises(InputError, match="--score-floor leaves low scores out"):
        run_prediction(options(place, tmp_path / "m.pkl", tmp_path / "o.parquet"))
    run_prediction(options(place, tmp_path / "m.pkl", tmp_path / "o.parquet", score_floor=[f"main:{floor}"]))
    scores = pl.read_parquet(tmp_path / "o.parquet")["base_donor"]
    assert 0 < scores.filter(scores > 0).min() < float(floor) + 0.01
    assert scores.filter((scores > 0) & (scores < float(floor))).is_empty()


@pytest.mark.parametrize(
    "changes",
    [
        {"genome": None}, {"scores": []}, {"annotation": None}, {"regions": "r.bed"}, {"dataset": "table"},
        {"base_score_columns": ["a", "b", "c"]},
    ],
)  # fmt: skip
def test_a_table_or_a_genome_is_predicted(place: Place, changes: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        options(place, Path("m.pkl"), Path("o.parquet"), **changes)


def test_labels_that_say_nothing_are_not_learnt(everything: Path, tmp_path: Path) -> None:
    """Sites moved round their gene by a chance distance: no feature tells where genes have sites."""
    rng = np.random.default_rng(5)
    table = pl.read_parquet(everything / "master" / "*.parquet").sort("gene_id", "position", maintain_order=True)
    moved = [
        np.roll(part[LABEL].to_numpy(), rng.integers(200, len(part) - 200)) for part in table.partition_by("gene_id")
    ]
    table = table.with_columns(pl.Series(LABEL, np.concatenate(moved)))
    kept = (table[LABEL] != "neither").to_numpy() | (rng.random(table.height) < 0.1)
    (tmp_path / "table").mkdir()
    pq.write_table(table.filter(kept).drop("sampling_weight").to_arrow(), tmp_path / "table" / "rows.parquet")
    info = json.loads((everything / "dataset_info.json").read_text())
    info = {"recipe": info["recipe"]}
    (tmp_path / "table" / "dataset_info.json").write_text(json.dumps(info))
    run = train(tmp_path / "table", tmp_path / "run", motifs="on", training_weights="none")
    oof = pl.read_parquet(run / "oof_predictions.parquet")
    for label, name in ((1, "donor"), (2, "acceptor")):
        sites = (oof["label"] == label).to_numpy()
        assert average_precision_score(sites, oof[f"raw_{name}"].to_numpy()) < 6 * sites.mean()
    assert set(column_names(BuiltFolder.open(everything).recipe)) >= set(model_of(run).feature_names)


def test_a_built_folder_of_other_genes_is_scored_at_every_position(place: Place, built: Path, tmp_path: Path) -> None:
    other = make_place(tmp_path / "made", genes=12, seed=4).build(tmp_path / "other")
    own = Path(shutil.copytree(built, tmp_path / "own"))
    for folder in (own, other):  # contigs of one name that are not of one genome
        info = json.loads((folder / "dataset_info.json").read_text())
        (folder / "dataset_info.json").write_text(json.dumps({**info, "assembly": folder.name}))
    run = train(own, tmp_path / "run", eval_dataset=str(other), whole_genes="all")
    rows = pl.read_csv(run / "external_evaluation.tsv", separator="\t")
    assert set(rows["rows"]) == {BuiltFolder.open(other).genes.positions}
    assert set(rows["population"]) == {"table"}
    told = " ".join((run / "training_summary.txt").read_text().split())
    assert "On the external table:" in told
    assert "Mean AP of donor and acceptor on every position of all 12 genes:" in told


def test_a_folder_built_otherwise_is_not_scored(place: Place, built: Path, tmp_path: Path) -> None:
    other = place.build(tmp_path / "out", features=("scores", "models", "context"))
    with pytest.raises(InputError, match="must be built as the training table was"):
        train(built, tmp_path / "run", oof_dataset=str(other))


def test_members_of_an_ensemble_score_whole_genes_out_of_batch(built: Path, tmp_path: Path) -> None:
    run = train(built, tmp_path / "run", strategy="batch_ensemble", max_genes_per_batch=6)
    rows = pl.read_csv(run / "oof_dataset_evaluation.tsv", separator="\t")
    assert set(rows.filter(stratum="all")["rows"]) == {BuiltFolder.open(built).genes.positions}
    oof = pl.read_parquet(run / "oof_predictions.parquet")
    genes = pl.read_csv(run / "oof_dataset_evaluation_per_gene.tsv", separator="\t").select("gene_id", "fold")
    own = oof.select(pl.col("gene_id").cast(pl.String), pl.col("fold").cast(pl.Int64)).unique().sort("gene_id")
    assert genes.equals(own)


def test_batches_of_a_built_folder_are_planned_by_the_sequences_of_its_genes(
    built: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    grouped = {"train_all_genes": True, "max_genes_per_batch": 16, "batch_groups": "sketch", "rounds": "fixed"}
    config = TrainingConfig.from_mapping({"dataset": str(built), "dry_run": True, **SMALL, **grouped})
    run_training(config)
    units = json.loads(capsys.readouterr().out)["units"]
    genes = sequences_read(config)
    assert genes is not None
    assert sum(unit["genes"] for unit in units) == len(genes)
    assert 1 < len(units) <= CLUSTERS  # one batch would do for all genes: each group has one
    assert sequences_read(config.model_copy(update={"batch_groups": "chromosome"})) is None
