"""A made-up learner of whole genes goes the whole way: nothing outside asks for names, and none of it needs PyTorch."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import polars as pl
import pytest
from build_places import Place, make_place

from meta_models import api
from meta_models.cli import main
from meta_models.dataset.built import BuiltFolder
from meta_models.dataset.genes.whole_genes import choose_whole_genes
from meta_models.errors import InputError
from meta_models.inference.ensemble_model_loader import load_model_with_ensemble_support
from meta_models.inference.gene_scoring import score_genes
from meta_models.learners.gene_bridge import tracks_of
from meta_models.learners.registry import LEARNERS
from meta_models.learners.seam import Fitted, Footprint, Learner, LearnerConfig, MalformedModel, Predictor, Traits
from meta_models.learners.seam.genes import Attributions, GenePredictor, GenePrepared, GeneTracks, TrainingGenes
from meta_models.model import EnsembleMetaModel
from meta_models.persistence import dump_model, load_model
from meta_models.result import CALIBRATED, RAW, probability_columns
from meta_models.schema import CLASSES, MAIN_BASE

_RUN = [
    "--n-folds",
    "2",
    "--bootstrap-samples",
    "20",
    "--threads",
    "1",
    "--screening-min-genes",
    "4",
    "--explained-positions",
    "5000",
    "--gradient-sites",
    "4",
]
_LOOKED_AT = ["--analyses", "base-vs-meta", "features", "shap", "importance", "gene-inputs", "calibration"]  # fmt: skip


class ShiftConfig(LearnerConfig):
    """Nothing to say but how much a site counts."""

    boost: float = 2.0


class ShiftedScores(GenePredictor):
    """Mean score of the base models at the position, times a constant, and the share of sites in training."""

    n_inputs = n_targets = 3
    evidence: tuple[str, ...] = ()
    reach = 0

    def __init__(self, base_models: Sequence[str], boost: float, share: float) -> None:
        self.base_models, self.boost, self.share = tuple(base_models), boost, share

    def gene_scores(self, gene: GeneTracks, *, tile: int | None = None) -> np.ndarray:
        inner = slice(gene.flank, len(gene.codes) - gene.flank)
        mean = np.mean([np.nan_to_num(gene.scores[key][inner]) for key in self.base_models], axis=0)
        sites = np.clip(self.boost * mean + self.share, 0, 0.49)
        return np.concatenate([1 - sites.sum(1, keepdims=True), sites], axis=1).astype(np.float32)

    def files(self) -> dict[str, bytes]:
        told = {"base_models": self.base_models, "boost": self.boost, "share": self.share}
        return {"shift.json": json.dumps(told).encode()}

    def attributions(self, gene: GeneTracks, position: int, target: int) -> Attributions:
        zeros, ones = np.zeros((5, 4), np.float32), np.ones((5, 2), np.float32)
        return Attributions(position - 2, zeros, dict.fromkeys(self.base_models, ones), {}, 0.0, 20.0)

    def mutations(self, gene: GeneTracks, position: int, target: int, reach: int) -> np.ndarray:
        return np.zeros((2 * reach + 1, 4), np.float32)


class ShiftPrepared(GenePrepared):
    def __init__(self, genes: TrainingGenes, config: ShiftConfig) -> None:
        self.genes, self.config, self.held = genes, config, list(genes.genes)

    def fit(self, job: Any, labels: Any, weights: Any, *, threads: int, state: Any = None, keep: Any = None) -> Fitted:
        genes = self.genes
        trained = np.unique(genes.gene_of_row[job.train])
        known = np.concatenate([self.held[k].labels for k in trained])
        share = float(np.isin(known, CLASSES[1:]).sum() / (known < len(CLASSES)).sum())
        predictor = ShiftedScores(genes.base_models, self.config.boost, share)
        rows = np.flatnonzero(job.score)
        scores = np.empty((len(rows), 3), np.float32)
        for at, row in enumerate(rows):
            gene = self.held[genes.gene_of_row[row]].tracks
            scores[at] = predictor.gene_scores(gene.within(0, len(gene.codes)))[genes.position_of_row[row] + gene.flank]
        return Fitted(predictor, scores[:, :, None])


class Shift(Learner):
    """Made up."""

    name = "shift"
    title = "Shifted scores of genes"
    Config: ClassVar[type[ShiftConfig]] = ShiftConfig
    traits: ClassVar[Traits] = Traits(targets="all", inputs="genes", weights=False)

    def footprint(self, shape: Any, config: Any, resources: Any) -> Footprint:
        return Footprint(held=100 * shape.positions, building=100 * shape.positions, job=10**6, predictor=10**6)

    @contextmanager
    def prepare(self, rows: TrainingGenes, config: ShiftConfig, resources: Any) -> Iterator[ShiftPrepared]:
        assert isinstance(rows, TrainingGenes)
        yield ShiftPrepared(rows, config)

    def restore(self, files: Mapping[str, bytes], n_inputs: int, n_targets: int) -> Predictor:
        if set(files) != {"shift.json"} or (n_inputs, n_targets) != (3, 3):
            raise MalformedModel("not a shift")
        told = json.loads(files["shift.json"])
        return ShiftedScores(told["base_models"], told["boost"], told["share"])

    def join(self, parts: Sequence[Predictor]) -> Predictor:
        return parts[0]


@pytest.fixture(scope="module", autouse=True)
def shift() -> Iterator[None]:
    with LEARNERS.with_learner(Shift()):
        yield


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
    return train(
        built, tmp_path_factory.mktemp("run") / "run", "--learner", "shift", "--shift.boost", "1.5", *_LOOKED_AT
    )


def predict(run: Path, out: Path, *options: str) -> pl.DataFrame:
    command = ["predict", "--model", str(run / "model_multiclass.pkl"), "--out", str(out), "--threads", "2"]
    assert main([*command, *options]) == 0
    return pl.read_parquet(out)


def test_rows_are_scored_out_of_fold_as_their_genes_are(run: Path, built: Path) -> None:
    oof, folder = pl.read_parquet(run / "oof_predictions.parquet"), BuiltFolder.open(built)
    for gene in folder.genes.genes():
        rows = oof.filter(pl.col("gene_id") == gene.gene_id).sort("position")
        model = load_model(run / "fold_models" / f"fold_{rows['fold'][0]}.pkl")
        assert gene.gene_id not in model.info.genes
        found = model.scores_of_gene(tracks_of(gene, folder.recipe), rows["position"].to_numpy())
        told = rows.select(probability_columns(RAW)).to_numpy()
        np.testing.assert_allclose(np.stack(list(found.values()), axis=1), told, atol=1e-6)


def test_every_position_is_the_headline_and_the_base_scores_are_what_calibrators_look_at(run: Path) -> None:
    summary = (run / "training_summary.txt").read_text()
    assert "On every position of all 10 genes" in summary
    assert "shift reads every position of these genes: sequence, scores of main, scores of alt" in " ".join(
        summary.split()
    )
    assert "138 features: shift reads whole genes, not columns" in summary
    model = load_model_with_ensemble_support(run / "model_multiclass.pkl", verbose=False)
    assert [model.feature_names[c] for c in model.calibrators[1].columns] == ["donor_score", "alt_donor_score"]


def test_inputs_are_taken_away_and_sites_explained(run: Path) -> None:
    table = pl.read_csv(run / "gene_inputs" / "shift_ablation.csv")
    losses = {(inputs, kind): loss for inputs, kind, loss in table.select("inputs", "class", "loss").iter_rows()}
    assert losses["sequence", "donor"] == 0
    assert set(table["inputs"]) == {"sequence", "scores:main", "scores:alt"}
    sites = pl.read_csv(run / "gene_inputs" / "shift_attributions.csv")
    assert sites.select("scores:main", "scores:alt", "sequence").row(0) == (10, 10, 0)
    assert pl.read_csv(run / "gene_inputs" / "shift_mutations.csv").height == 41 * sites.height
    outcomes = {found["code"]: found for found in json.loads((run / "analysis_outcomes.json").read_text())}
    assert outcomes["gene-inputs"]["status"] == "passed"
    assert outcomes["shap"]["status"] == "not applicable"
    assert {found["status"] for found in outcomes.values()} <= {"passed", "finding", "not applicable", "skipped"}


def test_analyses_that_train_again_say_why_they_cannot(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "again"
    assert main(["analyse", str(run), "--out-dir", str(out), "--analyses", "learning-curve", "--threads", "1"]) == 0
    outcomes = {found["code"]: found for found in json.loads((out / "analysis_outcomes.json").read_text())}
    assert outcomes["learning-curve"]["status"] == "not applicable"
    assert "shift reads whole genes" in outcomes["learning-curve"]["reason"]


def test_rows_and_genes_are_combined_served_and_equal_from_folder_and_genome(
    place: Place, built: Path, tmp_path: Path
) -> None:
    run = train(
        built, tmp_path / "both", "--learners", "shift", "xgboost", "--combine", "voting", "--keep-combination",
        "--xgboost.n-estimators", "8", "--analyses", "base-vs-meta", "leaderboard",
    )  # fmt: skip
    model = load_model_with_ensemble_support(run / "model_multiclass.pkl", verbose=False)
    assert isinstance(model, EnsembleMetaModel)
    assert [single.learner for single in model.singles] == ["shift", "xgboost"]
    assert model.gene_columns == ("shift:neither", "shift:donor", "shift:acceptor")
    assert dump_model(model) == (run / "model_multiclass.pkl").read_bytes()
    table = predict(run, tmp_path / "built.parquet", "--dataset", str(built))
    genome = predict(
        run, tmp_path / "genome.parquet", "--genome", str(place.genome), "--annotation", str(place.annotation),
        "--gene-types", "all", "--scores", f"main={place.scores()}", f"alt={place.scores('alt')}",
    )  # fmt: skip
    names = [*probability_columns(CALIBRATED), "gene_id", "position"]
    assert table.height == BuiltFolder.open(built).genes.positions
    assert genome.select(names).equals(table.select(names))


def test_the_same_command_is_resumed_without_a_fit(run: Path, built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: Any, **__: Any) -> Fitted:
        raise AssertionError("finished fits are not run again")

    monkeypatch.setattr(ShiftPrepared, "fit", never)
    before = (run / "model_multiclass.pkl").read_bytes()
    train(built, run, "--learner", "shift", "--shift.boost", "1.5", *_LOOKED_AT, "--resume")
    assert (run / "model_multiclass.pkl").read_bytes() == before


def test_another_folder_of_genes_is_scored(run: Path, tmp_path: Path) -> None:
    other = BuiltFolder.open(make_place(tmp_path / "other", genes=10, seed=9).build(tmp_path / "built"))
    whole = choose_whole_genes(other.genes, "all", only=None, budget=10**10, seed=0)
    model = load_model(run / "model_multiclass.pkl")
    frame = score_genes(model, whole, (MAIN_BASE,), 1)
    gene = next(other.genes.genes())
    found = model.scores_of_gene(tracks_of(gene, other.recipe), np.flatnonzero(gene.counted))
    np.testing.assert_allclose(frame["raw_donor"].to_numpy()[: gene.counted.sum()], found["shift:donor"], atol=1e-6)


def test_evaluation_of_the_model_is_of_every_position(run: Path, built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "refuse_overlap", lambda *_: None)  # of the genes trained on: what counts here is how many
    table = api.evaluate(run / "model_multiclass.pkl", built, bootstrap_samples=10)
    counted = sum(int(gene.counted.sum()) for gene in BuiltFolder.open(built).genes.genes())
    assert {row.rows for row in table.rows if row.stratum == "all"} == {counted}
    with pytest.raises(InputError, match="reads whole genes"):
        api.evaluate(run / "model_multiclass.pkl", built / "master", bootstrap_samples=10)
