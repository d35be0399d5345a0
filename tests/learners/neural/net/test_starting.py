"""A net that goes on from another one: it begins with the same scores, and at a lower rate."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from simulated_genes import Genes, job

pytest.importorskip("torch", reason="needs the extra 'neural': PyTorch is absent")

from meta_models.learners.neural.fitting.loop import Task, first_course
from meta_models.learners.neural.inputs.sources import GenePieces
from meta_models.learners.neural.net.starting import started_net
from meta_models.learners.neural.serving.predictor import NetPredictor
from meta_models.learners.registry import LEARNERS
from meta_models.learners.seam import Fitted, Resources
from meta_models.learners.seam.start import Start

pytestmark = pytest.mark.neural
OPTIONS = {
    "tcn": {"channels": 8, "blocks": 3, "kernel": 5},
    "gru": {"channels": 8, "kernel": 7, "context": 16, "crop": 64},
    "lstm": {"channels": 8, "kernel": 7, "context": 16, "crop": 64},
    "transformer": {"channels": 8, "kernel": 7, "window": 8, "heads": 2, "crop": 64},
}
OLD, NEW = Genes(number=24, seed=1), Genes(number=8, seed=2)


def config(name: str, **options: object) -> object:
    return LEARNERS[name].Config(**{**OPTIONS[name], "batch": 1024, "learning_rate": 1e-2, "epochs": 6, **options})


def fit(
    name: str, world: Genes, start: Start | None = None, *, state: bytes | None = None, **options: object
) -> Fitted:
    genes = world.training(starts={} if start is None else {None: start})
    with LEARNERS[name].prepare(genes, config(name, **options), Resources()) as ready:
        return ready.fit(job(genes), world.row_labels(genes), None, threads=1, state=state)


@pytest.fixture(scope="module")
def starts() -> dict[str, Start]:
    files = {name: fit(name, OLD).predictor.files() for name in OPTIONS}
    return {name: Start("old", name, files[name], 3, 3) for name in OPTIONS}


@pytest.mark.parametrize("name", list(OPTIONS))
def test_it_begins_with_the_scores_of_the_earlier_net(name: str, starts: dict[str, Start]) -> None:
    earlier = LEARNERS[name].restore(starts[name].files, 3, 3)
    plan = config(name, dropout=0.3).architecture(NEW.models, NEW.evidence)
    own, gene = NetPredictor(started_net(starts[name], plan)), NEW.gene(0).tracks
    np.testing.assert_array_equal(own.gene_scores(gene), earlier.gene_scores(gene))


def test_going_on_learns_more_than_beginning_anew(starts: dict[str, Start]) -> None:
    on, anew = fit("tcn", NEW, starts["tcn"], epochs=2), fit("tcn", NEW, epochs=2)
    assert on.curves["train"][0] < 0.5 * anew.curves["train"][0]
    assert on.predictor.files() == fit("tcn", NEW, starts["tcn"], epochs=2).predictor.files()


def test_the_rate_is_a_share_of_the_learners(starts: dict[str, Start]) -> None:
    plain = Task(None, None, None, None, config("tcn"), 0, "cpu")
    assert plain.highest_rate == pytest.approx(1e-2)
    assert replace(plain, start=starts["tcn"]).highest_rate == pytest.approx(1e-2)
    other = replace(plain, start=starts["tcn"], config=config("tcn", further_rate=0.1))
    assert other.highest_rate == pytest.approx(1e-3)


def test_scales_are_those_of_the_earlier_net(starts: dict[str, Start]) -> None:
    genes = NEW.training(starts={None: starts["tcn"]})
    with LEARNERS["tcn"].prepare(genes, config("tcn"), Resources()) as ready:
        crops = ready.crops
        everything = np.ones(len(crops.gene), bool)
        task = Task(GenePieces(ready.cache, crops), everything, ~everything, ~everything, config("tcn"), 0, "cpu")
        plan = task.config.architecture(NEW.models, NEW.evidence)
        anew = first_course(task, plan).net
        on = first_course(replace(task, start=starts["tcn"]), plan).net
    earlier = started_net(starts["tcn"], on.plan)
    assert on.centre.tolist() == earlier.centre.tolist() != anew.centre.tolist()


def test_other_architectures_are_told_option_by_option(starts: dict[str, Start]) -> None:
    tcn, gru = LEARNERS["tcn"], LEARNERS["gru"]
    assert tcn.start_differences(starts["tcn"], config("tcn", dropout=0.3, crop=512)) == ()
    found = tcn.start_differences(starts["tcn"], config("tcn", channels=12, blocks=4))
    assert found == ("channels 12; old has 8", "layers 4; old has 3")
    assert gru.start_differences(starts["gru"], config("gru", crop=32)) == ("crop 32; old has 64",)


def test_a_state_of_a_fit_that_began_elsewhere_is_refused(starts: dict[str, Start]) -> None:
    kept: list[bytes] = []
    genes = NEW.training()
    with LEARNERS["tcn"].prepare(genes, config("tcn", epochs=1), Resources()) as ready:
        ready.fit(job(genes), NEW.row_labels(genes), None, threads=1, keep=kept.append)
    with pytest.raises(ValueError, match="other genes, options"):
        fit("tcn", NEW, starts["tcn"], state=kept[-1], epochs=1)
