"""A result as files, and back."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path

import pytest
from simulated_run import trained

from meta_models.errors import UsageError, WriteError
from meta_models.persistence import archive
from meta_models.result import EnsembleRecord, MemberRecord, MiningRecord, ScoreFigures, TrainingResult
from meta_models.result_files import RESULT_FILE, load_result, read_stored, save_result, stored_values
from meta_models.run_folder import RunFolder, json_bytes, read_artifact

FIGURES = ScoreFigures(10, 0.9, 0.1, None, 0.5)
MEMBER = MemberRecord(0, "batch-00", 3, 10, {"donor": 2}, {"donor": 7}, FIGURES, FIGURES, 100, 90, 1.5)


def full_result() -> TrainingResult:
    """Every kind of record is there."""
    ensemble = EnsembleRecord("refit", "asked for", "voting", (MEMBER,), {0: 1, 1: 1}, FIGURES, FIGURES, ("g1",))
    mining = (MiningRecord(0, -1, 0, 3, None, 0.1, None, chosen=True),)
    return replace(trained(), ensemble=ensemble, mining=mining)


def saved(result: TrainingResult, path: Path) -> None:
    with RunFolder.open(path) as folder:
        save_result(result, "model_multiclass.pkl", folder)


def test_a_result_comes_back_as_it_was(tmp_path: Path) -> None:
    result = full_result()
    saved(result, tmp_path / "run")
    stored = read_stored(tmp_path / "run")
    assert {(tmp_path / "run" / name).is_file() for name in stored.artifacts} == {True}
    found = load_result(tmp_path / "run", stored, result.config, measured_peak=5, seconds={"training": 1.0})
    assert found.oof.equals(result.oof)
    unmeasured = replace(MEMBER, measured_peak=None, seconds=None)
    assert found.ensemble == replace(full_result().ensemble, members=(unmeasured,))  # type: ignore[type-var]
    assert (found.memory.predicted, found.memory.measured) == (result.memory.predicted, 5)
    assert set(found.fold_models) == set(result.fold_models)
    rows = result.oof.height
    assert rows > 0
    compared = {f.name for f in fields(TrainingResult)} - {
        "oof", "model", "fold_models", "ensemble", "memory", "seconds", "base_train_chroms",
    }  # fmt: skip
    for name in compared:
        assert getattr(found, name) == getattr(result, name), name


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("model_multiclass.pkl", r"at most 2000 bytes, found \d+ in"),
        ("fold_models/fold_0.pkl", "only models of the classes"),
    ],
)
def test_a_model_that_fits_into_no_file_costs_no_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, words: str
) -> None:
    result = full_result()
    if name.startswith("model"):
        monkeypatch.setattr(archive, "MAX_BYTES", 2000)
    else:
        model = result.fold_models[0]
        other = model.with_info(replace(model.info, classes=("a", "b", "c")))
        result = replace(result, fold_models={0: other})
    with pytest.raises(WriteError, match=rf"must fit into the file {name}\. .*{words}.*--n-estimators"):
        saved(result, tmp_path / "run")
    assert read_artifact(tmp_path / "run", "oof_predictions.parquet").equals(result.oof)


def test_the_file_holds_nothing_that_was_measured() -> None:
    result = full_result()
    slower = replace(result, ensemble=replace(result.ensemble, members=(replace(MEMBER, seconds=99.0),)))  # type: ignore[type-var]
    slower = replace(slower, seconds={"training": 99.0}, memory=replace(result.memory, measured=10**9))
    first, second = (json_bytes(stored_values(r, "model_multiclass.pkl")) for r in (result, slower))
    assert first == second


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (None, "no readable"),
        ("{}", "Found in training_result.json: "),
        ("[1", "Found in training_result.json: "),
        ("other", "format 2"),
    ],
)
def test_what_is_no_result_is_refused(content: str | None, word: str, tmp_path: Path) -> None:
    if content == "other":
        content = json.dumps({**stored_values(full_result(), "m.pkl"), "format_version": 2})
    if content is not None:
        (tmp_path / RESULT_FILE).write_text(content)
    with pytest.raises(UsageError, match=word):
        read_stored(tmp_path)
