"""What a net reads must be what its model has: names in a file that was altered, with hashes that fit."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the extra 'neural': PyTorch is absent")

from meta_models.errors import UnsafeModelFile
from meta_models.features import BaseTrack, EvidenceTrack, Recipe
from meta_models.learners.neural.net.network import GeneNet
from meta_models.learners.neural.serving.predictor import NetPredictor
from meta_models.learners.registry import LEARNERS
from meta_models.model import ModelInfo, SingleModel
from meta_models.persistence import dump_model, load_model

pytestmark = pytest.mark.neural
CONFIG = LEARNERS["tcn"].Config(channels=8, blocks=1, kernel=3, crop=16)
OWN = ("tcn:neither", "tcn:donor", "tcn:acceptor")
COLUMNS = ("donor_score", "acceptor_score", "alt_donor_score", "alt_acceptor_score", "hint", *OWN)
RECIPE = Recipe((BaseTrack("main"), BaseTrack("alt")), evidence=(EvidenceTrack("rna", "signal"),))


def stored(
    folder: Path,
    base_models: tuple[str, ...],
    evidence: tuple[str, ...],
    *,
    window: int = 0,
    recipe: Recipe | None = None,
) -> Path:
    plan = CONFIG.architecture(base_models, evidence)
    net = GeneNet(plan.of_windows(window) if window else plan)
    model = SingleModel(
        NetPredictor(net), COLUMNS, info=ModelInfo("single_model", ("g",), recipe=recipe), learner="tcn"
    )
    path = folder / "model.pkl"
    path.write_bytes(dump_model(model))
    return path


@pytest.mark.parametrize(
    ("base_models", "evidence", "found"),
    [
        (("main", "other"), ("hint",), "found 'other_acceptor_score, other_donor_score'"),
        (("main", "alt"), ("x",), "found 'x'"),
        (("main", "alt"), ("donor_score",), "once, found 'donor_score'"),
        (("main",), OWN[1:2], "found 'tcn:donor'"),
    ],
)
def test_columns_that_a_window_reads_are_those_of_the_model(
    tmp_path: Path, base_models: tuple[str, ...], evidence: tuple[str, ...], found: str
) -> None:
    assert load_model(stored(tmp_path, ("main", "alt"), ("hint",), window=3)).window == 3
    with pytest.raises(UnsafeModelFile, match=f"rows must have each column.*{found}"):
        load_model(stored(tmp_path, base_models, evidence, window=3))


@pytest.mark.parametrize(
    ("base_models", "evidence"),
    [(("alt", "main"), ("rna_value",)), (("main", "x"), ("rna_value",)), (("main", "alt"), ("x",)), (("main",), ())],
)
def test_inputs_of_genes_are_those_of_the_recipe(
    tmp_path: Path, base_models: tuple[str, ...], evidence: tuple[str, ...]
) -> None:
    assert load_model(stored(tmp_path, ("main", "alt"), ("rna_value",), recipe=RECIPE)).reach > 0
    with pytest.raises(UnsafeModelFile, match="the inputs of genes must be main, alt, rna_value, found"):
        load_model(stored(tmp_path, base_models, evidence, recipe=RECIPE))
