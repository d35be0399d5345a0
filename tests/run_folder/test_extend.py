"""Adding to the folder of a finished run."""

from __future__ import annotations

from pathlib import Path

import pytest

from meta_models.errors import UsageError
from meta_models.run_folder import RunFolder, RunManifest, RunState


@pytest.fixture
def finished(tmp_path: Path) -> Path:
    path = tmp_path / "run"
    with RunFolder.open(path) as folder:
        folder.update(config={"seed": 3}, lines={"plan": ("Selected: one",)})
        for name in ("model.pkl", "plots/old.png", "plots/kept.png"):
            folder.write_text(name, name)
    return path


def manifest_of(path: Path) -> RunManifest:
    manifest = RunManifest.read(path)
    assert manifest is not None
    return manifest


def test_what_is_not_touched_stays_and_what_is_given_up_goes(finished: Path) -> None:
    before = manifest_of(finished)
    with RunFolder.open(finished, extend=True) as folder:
        folder.supersede(["plots/old.png", "plots/kept.png", "never.txt"])
        folder.write_text("plots/kept.png", "anew")
        folder.write_text("more.txt", "more")
    after = manifest_of(finished)
    assert after.state is RunState.COMPLETE
    assert set(after.artifacts) == {"model.pkl", "plots/kept.png", "more.txt"}
    assert after.artifacts["model.pkl"] == before.artifacts["model.pkl"]
    assert (after.started, after.argv, after.config, after.lines) == (
        before.started, before.argv, before.config, before.lines,
    )  # fmt: skip
    assert not (finished / "plots/old.png").exists()
    assert (finished / "plots/kept.png").read_text() == "anew"
    assert after.leftovers == ()


def test_an_interrupted_extension_loses_nothing_of_the_run(finished: Path) -> None:
    def halfway() -> None:
        with RunFolder.open(finished, extend=True) as folder:
            folder.supersede(["plots/old.png"])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        halfway()
    halted = manifest_of(finished)
    assert halted.state is RunState.INTERRUPTED
    assert (finished / "plots/old.png").exists()
    with RunFolder.open(finished, extend=True) as folder:
        folder.write_text("plots/old.png", "anew")
    assert manifest_of(finished).state is RunState.COMPLETE
    assert set(manifest_of(finished).artifacts) == {"model.pkl", "plots/old.png", "plots/kept.png"}


def test_only_a_run_can_be_extended(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="must be the folder of a run"), RunFolder.open(tmp_path, extend=True):
        pass
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"mine\.txt"), RunFolder.open(tmp_path, extend=True):
        pass
