"""``train --init-from``: what is gone on from, what is left out for its sake, what is refused."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from build_places import Place, make_place

from meta_models.cli import main
from meta_models.errors import ExitCode
from meta_models.inference.ensemble_model_loader import load
from meta_models.model.origin import STARTED_FROM
from meta_models.run_folder import RunManifest, RunState

_RUN = [
    "--n-folds", "2", "--bootstrap-samples", "20", "--threads", "1", "--screening-min-genes", "4",
    "--analyses", "leaderboard",
]  # fmt: skip
_TINY = [
    "--tcn.epochs", "2", "--tcn.channels", "4", "--tcn.blocks", "2", "--tcn.kernel", "5", "--tcn.crop", "128",
]  # fmt: skip
KNOWN, ALL = 10, 22


def train(dataset: Path, out: Path, *options: str) -> int:
    boosted = "--learner" not in options and ("--learners" not in options or "xgboost" in options)
    few = ["--xgboost.n-estimators", "6"] if boosted else []
    few += [] if "--whole-genes" in options else ["--whole-genes", "off"]
    return main(["train", "--dataset", str(dataset), "--out-dir", str(out), *_RUN, *few, *options])


def genes_of(run: Path) -> set[str]:
    return set(pl.read_parquet(run / "oof_predictions.parquet")["gene_id"].cast(pl.String))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return make_place(tmp_path_factory.mktemp("genome") / "made", genes=ALL)


@pytest.fixture(scope="module")
def built(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return place.build(tmp_path_factory.mktemp("built") / "all")


@pytest.fixture(scope="module")
def part(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some of the genes of `built`, as another folder of the same genome."""
    folder = tmp_path_factory.mktemp("part")
    lines = place.annotation.read_text().splitlines(keepends=True)
    names = [re.search(r'gene_id "([^"]*)"', line) for line in lines]
    chosen = sorted({name[1] for name in names if name})[:KNOWN]
    kept = [line for line, name in zip(lines, names, strict=True) if name is None or name[1] in chosen]
    (folder / "some.gtf").write_text("".join(kept))
    return place.build(folder / "some", annotation=folder / "some.gtf")


@pytest.fixture(scope="module")
def old(part: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run") / "old"
    assert train(part, out) == 0
    return out


@pytest.fixture(scope="module")
def new(built: Path, old: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run") / "new"
    assert train(built, out, "--init-from", str(old), "--whole-genes", "all") == 0
    return out


def test_what_the_earlier_training_saw_is_left_out_of_every_score(old: Path, new: Path) -> None:
    scored, known = genes_of(new), genes_of(old)
    assert len(known) == KNOWN
    assert scored
    assert not scored & known
    summary = (new / "training_summary.txt").read_text()
    assert f"On every position of all {len(scored)} genes" in summary
    told = " ".join(summary.split())
    assert f"xgboost went on from the model of the run old, which was trained on {KNOWN} genes" in told
    assert f"Left out of training and of every score for its sake: {ALL - len(scored)} genes" in told
    left_out = json.loads((new / "training_result.json").read_text())["left_out"]
    assert set(left_out) >= known
    assert len(left_out) == ALL - len(scored)


def test_the_model_has_seen_what_both_have_seen(old: Path, new: Path) -> None:
    info = load(new / "model_multiclass.pkl").info
    assert set(info.genes) == genes_of(old) | genes_of(new)
    (step,) = info.provenance[STARTED_FROM]
    assert (step["run"], step["learner"], step["genes"]) == ("old", "xgboost", KNOWN)
    manifest = RunManifest.read(old)
    assert step["model_sha256"] == manifest.artifacts["model_multiclass.pkl"].sha256


def test_the_model_file_predicts_on_its_own(part: Path, new: Path, tmp_path: Path) -> None:
    shutil.copy(new / "model_multiclass.pkl", tmp_path / "model.pkl")
    command = ["predict", "--model", str(tmp_path / "model.pkl"), "--dataset", str(part), "--threads", "1"]
    assert main([*command, "--out", str(tmp_path / "out.parquet")]) == 0
    assert pl.read_parquet(tmp_path / "out.parquet")["seen_in_training"].all()


def test_units_depend_on_what_was_gone_on_from(
    built: Path, old: Path, new: Path, part: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = shutil.copytree(new, tmp_path / "run")
    assert train(built, run, "--init-from", str(old), "--resume") == 0
    assert all(unit.reused for unit in RunManifest.read(run).units.values())
    other = tmp_path / "other"
    assert train(part, other, "--seed", "1") == 0
    capsys.readouterr()
    assert train(built, run, "--init-from", str(other), "--resume") == 0
    assert "--init-from" in capsys.readouterr().out
    assert not any(unit.reused for unit in RunManifest.read(run).units.values())


def test_a_run_is_analysed_without_the_other_one(new: Path, old: Path, tmp_path: Path) -> None:
    assert main(["analyse", str(new), "--out-dir", str(tmp_path / "again"), "--analyses", "leaderboard", "genes"]) == 0
    assert (tmp_path / "again" / "leaderboard.tsv").read_bytes() == (new / "leaderboard.tsv").read_bytes()


Refused = tuple[ExitCode, str]


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--init-from", "{part}"], ExitCode.USAGE, "must be the folder of a run"),
        (["--init-from", "{old}", "--learner", "knn"], ExitCode.USAGE, "of the learners here (knn) none can"),
        (["--init-from", "{old},{old}"], ExitCode.USAGE, "init_from must name each folder once"),
        (["--init-from", "{old},{new}"], ExitCode.USAGE, "Found 2 of it in old and new"),
        (["--init-from", "{new}"], ExitCode.INPUT, "All 22 are known to it"),
        (["--init-inputs", "main=other"], ExitCode.USAGE, "init_inputs needs init_from or pretrain"),
        (["--init-from", "{old}", "--pretrain", "{part}"], ExitCode.USAGE, "exclude one another"),
        (["--pretrain", "{part}"], ExitCode.USAGE, "--pretrain needs a learner of genes"),
        (["--pretrain", "{part},{part}"], ExitCode.USAGE, "pretrain must name each folder once"),
        (["--init-from", "{old}", "--second-pass"], ExitCode.USAGE, "go with neither teacher, second_pass"),
        (["--init-from", "{old}", "--init-inputs", "x=main"], ExitCode.USAGE, "base models: x, alt in this order"),
        (["--init-from", "{old}", "--exclude-features", "gc_content"], ExitCode.USAGE, "that were left out here"),
    ],
)  # fmt: skip
def test_refusals(
    options: list[str], code: ExitCode, message: str, built: Path, part: Path, old: Path, new: Path, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    given = [text.format(part=part, old=old, new=new) for text in options]
    assert train(built, tmp_path / "run", *given) == code
    assert message in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "run" / "model_multiclass.pkl").exists()


def unfinished(run: Path) -> None:
    RunManifest.read(run).model_copy(update={"state": RunState.INTERRUPTED}).write(run)


def altered(run: Path) -> None:
    file = run / "model_multiclass.pkl"
    file.write_bytes(file.read_bytes() + b"x")


@pytest.mark.parametrize(
    ("harm", "code", "message"),
    [(unfinished, ExitCode.USAGE, "It is interrupted"), (altered, ExitCode.INPUT, "must be as the run wrote it")],
)
def test_only_a_complete_run_is_gone_on_from(
    harm: Callable[[Path], None], code: ExitCode, message: str, built: Path, old: Path, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    harm(shutil.copytree(old, tmp_path / "harmed"))
    assert train(built, tmp_path / "run", "--init-from", str(tmp_path / "harmed")) == code
    assert message in capsys.readouterr().err


def test_other_inputs_are_told(place: Place, old: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = place.build(tmp_path / "one", scores=(f"main={place.scores()}",))
    assert train(one, tmp_path / "run", "--init-from", str(old)) == ExitCode.USAGE
    assert "base models: main, alt in this order; found main" in capsys.readouterr().err


def test_other_columns_are_told(
    place: Place, old: Path, built: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = pl.read_parquet(built / "master" / "*.parquet").with_columns(mine=pl.lit(1.0))
    rows.write_parquet(tmp_path / "rows.parquet")
    assert train(tmp_path / "rows.parquet", tmp_path / "run", "--init-from", str(old)) == ExitCode.USAGE
    found = capsys.readouterr().err
    assert "columns of a built folder there alone" in found
    assert "1 column here alone: mine" in found


def test_genes_to_be_evaluated_on_must_be_new_to_the_earlier_model(
    built: Path, old: Path, part: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--init-from", str(old), "--eval-dataset", str(part)]
    assert train(built, tmp_path / "run", *options) == ExitCode.INPUT
    assert f"shares {KNOWN} genes" in capsys.readouterr().err


@pytest.fixture(scope="module")
def both(part: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A combination of a net and boosters."""
    pytest.importorskip("torch", reason="needs the extra 'neural': PyTorch is absent")
    out = tmp_path_factory.mktemp("run") / "both"
    options = ["--learners", "tcn", "xgboost", "--combine", "voting", "--keep-combination", *_TINY]
    assert train(part, out, *options) == 0
    return out


@pytest.mark.neural
def test_each_learner_goes_on_from_its_model_in_the_combination(both: Path, built: Path, tmp_path: Path) -> None:
    options = ["--learners", "tcn", "xgboost", "sgd", "--init-from", str(both), *_TINY]
    assert train(built, tmp_path / "run", *options) == 0
    told = " ".join((tmp_path / "run" / "training_summary.txt").read_text().split())
    for learner in ("tcn", "xgboost"):
        assert f"{learner} went on from the model of the run both" in told
    assert "at 1 times its learning rate" in told
    assert "sgd began anew" in told
    assert not genes_of(tmp_path / "run") & genes_of(both)
    info = load(tmp_path / "run" / "model_multiclass.pkl").info
    assert set(info.genes) == genes_of(tmp_path / "run") | genes_of(both)


@pytest.mark.neural
def test_another_architecture_is_told(
    both: Path, built: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--learner", "tcn", "--init-from", str(both), *_TINY, "--tcn.channels", "8"]
    assert train(built, tmp_path / "run", *options) == ExitCode.USAGE
    assert "channels 8; both has 4" in capsys.readouterr().err


@pytest.mark.neural
def test_a_run_of_rows_is_of_no_use_to_a_net(
    old: Path, built: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch", reason="needs the extra 'neural': PyTorch is absent")
    assert train(built, tmp_path / "run", "--learner", "tcn", "--init-from", str(old), *_TINY) == ExitCode.USAGE
    assert "It has xgboost; of the learners here (tcn) tcn can" in capsys.readouterr().err


@pytest.mark.neural
def test_pretraining_is_what_a_run_on_the_other_folder_is(both: Path, part: Path, built: Path, tmp_path: Path) -> None:
    options = ["--learner", "tcn", "--pretrain", str(part), *_TINY]
    assert train(built, tmp_path / "run", *options) == 0
    first, final = tmp_path / "run" / "units" / "pretraining" / "tcn", both / "units" / "tcn" / "final"
    for name in ("predictor-net.json", "predictor-weights.safetensors"):
        assert (first / name).read_bytes() == (final / name).read_bytes()
    told = " ".join((tmp_path / "run" / "training_summary.txt").read_text().split())
    assert f"tcn was first trained on all {KNOWN} genes of some, and went on from that, at 1 times" in told
    assert not genes_of(tmp_path / "run") & genes_of(both)
    info = load(tmp_path / "run" / "model_multiclass.pkl").info
    assert set(info.genes) == genes_of(tmp_path / "run") | genes_of(both)
    assert train(built, tmp_path / "run", *options, "--resume") == 0
    assert RunManifest.read(tmp_path / "run").units["pretraining.tcn"].reused


@pytest.mark.neural
def test_other_tracks_are_told_before_anything_is_pretrained(
    place: Place, built: Path, part: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch", reason="needs the extra 'neural': PyTorch is absent")
    one = place.build(tmp_path / "one", scores=(f"main={place.scores()}",))
    assert train(one, tmp_path / "run", "--learner", "tcn", "--pretrain", str(part), *_TINY) == ExitCode.USAGE
    assert "base models: main, alt in this order; found main" in capsys.readouterr().err
