"""Quality gates: limits, figures computed by hand, files of gates."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from finished_runs import make_oof, write_run

from meta_models.analysis.comparison.evaluate import evaluate
from meta_models.cli import main
from meta_models.errors import InputError, UsageError
from meta_models.experiments.comparison.measures import MEASURES
from meta_models.experiments.gates import Gate, GateResult, GateStatus, failed, pass_gates, read_gates
from meta_models.finished_run import read_run
from meta_models.places import describe_input
from meta_models.result import EnsembleRecord, FitRecord, ScoreFigures
from meta_models.run_folder import RunFolder
from meta_models.schema import MAIN_BASE, SpliceClass

PASSED, FAILED, NONE = GateStatus.PASSED, GateStatus.FAILED, GateStatus.NOT_APPLICABLE


def add(path: Path, **files: Any) -> None:
    """Artifacts in JSON, and an input file."""
    with RunFolder.open(path, extend=True) as folder:
        folder.update(inputs=(describe_input(path / "report.html"),))
        for name, value in files.items():
            folder.write_json(f"{name}.json", value)


def evaluated(oof: pl.DataFrame) -> dict[str, Any]:
    return evaluate(oof, [MAIN_BASE], weighting="none", bootstrap_samples=50, seed=0).to_json()


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that is better than a base model that knows nothing."""
    oof = make_oof(skill=5.0)
    path = write_run(tmp_path_factory.mktemp("runs") / "run", oof)
    add(path, meta_evaluation_summary=evaluated(oof))
    return path


def results(path: Path, *gates: Gate) -> dict[str, GateResult]:
    return {result.gate: result for result in pass_gates(read_run(path), gates or read_gates(None))}


def test_a_good_run_passes_every_gate_by_its_figure(run_dir: Path) -> None:
    found = results(run_dir)
    assert list(found) == list(MEASURES)
    assert {name: result.status for name, result in found.items() if name != "calibration"} == dict.fromkeys(
        [name for name in MEASURES if name != "calibration"], PASSED
    )
    assert found["overfitting"].value == 1  # held-out loss falls from .6 to .3, which is 1.5 times .2
    assert found["overfitting"].text == "5 models, 1.50 times the loss of training"
    assert found["folds_complete"].text == "5 of 5 folds scored, with donors and acceptors"
    assert found["positions_scored"].value == 1
    assert found["data_checked"].text == "2 tests for leaks on 2 genes"
    row = json.loads((run_dir / "meta_evaluation_summary.json").read_text())["headline"]["best_base"]
    assert found["baseline_beaten"].value == row["lower"]


def test_rounds_that_do_harm_fail_and_a_loss_that_is_low_on_its_own_rows_does_not(tmp_path: Path) -> None:
    def fits(*held_out: float) -> tuple[FitRecord, ...]:
        train = tuple(0.4 / 10**at for at in range(len(held_out)))
        return tuple(FitRecord(k, 0, SpliceClass.DONOR, len(held_out), train, held_out) for k in range(5))

    learned = results(write_run(tmp_path / "learned", make_oof(), fits=fits(0.4, 0.3, 0.3)))["overfitting"]
    assert (learned.status, learned.value) == (PASSED, 1)
    assert "75.00 times the loss of training" in learned.text
    harmed = results(write_run(tmp_path / "harmed", make_oof(), fits=fits(0.4, 0.3, 0.36)))["overfitting"]
    assert harmed.status is FAILED
    assert harmed.value == pytest.approx(0.36 / 0.3)


def test_calibration_is_expected_over_observed_sites(run_dir: Path) -> None:
    oof = make_oof(skill=5.0)
    donors = oof["calibrated_donor"].cast(pl.Float64).sum() / 30
    acceptors = oof["calibrated_acceptor"].cast(pl.Float64).sum() / 30
    found = results(run_dir)["calibration"]
    assert found.value == pytest.approx(max(donors, 1 / donors, acceptors, 1 / acceptors), rel=1e-5)
    assert f"{donors:.3f} donors" in found.text


def test_a_run_that_loses_to_the_base_model_fails(tmp_path: Path) -> None:
    oof = make_oof(skill=0.0)
    path = write_run(tmp_path / "run", oof)
    add(path, meta_evaluation_summary=evaluated(oof))
    assert results(path)["baseline_beaten"].status is FAILED


def test_all_positions_count_where_they_were_scored(run_dir: Path, tmp_path: Path) -> None:
    good, bad = make_oof(skill=5.0), make_oof(skill=0.0)
    path = write_run(tmp_path / "run", good)
    add(path, meta_evaluation_summary=evaluated(good), oof_dataset_evaluation=evaluated(bad))
    assert results(path)["baseline_beaten"].status is FAILED


def test_rows_and_genes_without_a_score_fail(tmp_path: Path) -> None:
    oof = make_oof(10)
    none = pl.when(pl.col("fold") == 2).then(None).otherwise(pl.col("calibrated_donor"))
    holed = results(write_run(tmp_path / "holed", oof.with_columns(calibrated_donor=none)))
    assert holed["positions_scored"].value == pytest.approx(0.8)
    assert holed["folds_complete"].value == pytest.approx(0.8)
    assert {holed[name].status for name in ("positions_scored", "folds_complete")} == {FAILED}
    figures = ScoreFigures(1, None, None, None, None)
    record = EnsembleRecord("refit", "", "voting", (), {}, figures, figures, missing_genes=("G1", "G2"))
    missing = results(write_run(tmp_path / "missing", oof, ensemble=record))["positions_scored"]
    assert missing.status is FAILED
    assert missing.said().endswith("2 genes were left out of training; wanted share of rows scored at least 1")


def test_what_a_run_has_not_is_not_applicable(tmp_path: Path) -> None:
    found = results(write_run(tmp_path / "run", make_oof(), fits=()))
    assert {name for name, result in found.items() if result.status is NONE} == {"overfitting", "baseline_beaten"}
    assert "--analyses base-vs-meta" in found["baseline_beaten"].text
    assert found["data_checked"].status is FAILED  # no file was hashed


@pytest.mark.parametrize(
    ("limits", "value", "kept"),
    [
        ({"above": 0}, 0.0, False), ({"above": 0}, 0.1, True), ({"at_least": 1}, 1.0, True),
        ({"at_most": 2}, 2.1, False), ({"at_least": 1, "at_most": 2}, 0.9, False), ({}, 1.11, False), ({}, 1.1, True),
    ],
)  # fmt: skip
def test_limits(limits: dict[str, float], value: float, *, kept: bool) -> None:
    assert Gate(gate="overfitting", **limits).kept_by(value) is kept


@pytest.mark.parametrize(
    ("gate", "value", "shown"),
    [
        (Gate(gate="baseline_beaten", at_least=0.08), 0.0696, "+0.0696"),
        (Gate(gate="baseline_beaten", above=0), 0.00001, "+0.00001"),  # +0.0000 would not be above 0
        (Gate(gate="calibration", at_most=1), 1 / 0.976, "1.0246"),
        (Gate(gate="calibration", at_most=1.25), 1.2500001, "1.2500001"),
        (Gate(gate="data_checked"), 1234567, "1,234,567"),
    ],
)
def test_a_value_is_shown_on_its_side_of_the_limit(gate: Gate, value: float, shown: str) -> None:
    assert gate.shown(float(value)) == shown


def test_every_line_shows_the_value_that_is_compared_beside_its_limit(run_dir: Path) -> None:
    found = results(run_dir, Gate(gate="baseline_beaten", at_least=2), Gate(gate="folds_complete", at_least=10))
    beaten = found["baseline_beaten"]
    assert beaten.line().startswith(
        f"failed          baseline_beaten: lower bound {beaten.value:+.4f}, wanted at least 2"
    )
    assert found["folds_complete"].line() == (
        "failed          folds_complete: share of folds that are complete 1, wanted at least 10 (5 of 5 folds scored, "
        "with donors and acceptors)"
    )
    assert "files of the table hashed 1, wanted at least 1" in results(run_dir)["data_checked"].line()


def test_the_gates_of_a_file_are_looked_at_in_its_order(run_dir: Path, tmp_path: Path) -> None:
    file = tmp_path / "gates.yaml"
    file.write_text("- {gate: seeds_set}\n- {gate: overfitting, at_most: 0.9}\n")
    found = results(run_dir, *read_gates(file))
    assert list(found) == ["seeds_set", "overfitting"]
    assert [result.gate for result in failed(list(found.values()))] == ["overfitting"]
    assert found["overfitting"].limit == "at most 0.9"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- {gate: overfiting}", "did you mean overfitting"),
        ("- {gate: beauty}", r"there is no gate beauty\. There are"),
        ("- {gate: overfitting, most: 1}", r"Entry 1: there is no most \(did you mean at_most\?\)"),
        ("- {gate: overfitting, at_most: .nan}", "finite"),
        ("- {gate: seeds_set}\n- overfitting", r"Entry 2 must have the key gate \(found 'overfitting'\)"),
        ("- {at_most: 1}", "Entry 1 must have the key gate"),
        ("- {gate: overfitting, above: 2, at_most: 1}", "Entry 1: no value is above 2 and at most 1"),
        ("- {gate: overfitting, at_least: 2, at_most: 1}", "no value is at least 2 and at most 1"),
        ("- {gate: overfitting, above: 1, at_most: 1}", "no value is above 1 and at most 1"),
        ("gate: overfitting", "The file must be a list of entries"),
        ("[]", "an empty list"),
        ("- {gate: seeds_set}\n- {gate: seeds_set}", "twice"),
        ("a: [", "readable YAML"),
    ],
)
def test_a_file_of_gates_that_is_none(text: str, words: str, tmp_path: Path) -> None:
    file = tmp_path / "gates.yaml"
    file.write_text(text)
    with pytest.raises(UsageError, match=words):
        read_gates(file)
    with pytest.raises(UsageError, match="readable YAML"):
        read_gates(tmp_path / "missing.yaml")


def test_the_page_lists_every_gate_with_what_it_compares_and_its_bound() -> None:
    page = (Path(__file__).parents[2] / "docs" / "search.md").read_text(encoding="utf-8")
    section = page.partition("\n## Quality gates\n")[2].partition("\n## ")[0]
    rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in re.findall(r"^\| `.*\|$", section, re.M)]
    expected = [(f"`{name}`", measure.figure, Gate(gate=name).wanted) for name, measure in MEASURES.items()]
    assert [(row[0], row[1], row[-1]) for row in rows] == expected


def test_an_altered_file_is_no_evidence(tmp_path: Path) -> None:
    path = write_run(tmp_path / "run", make_oof())
    (path / "leakage_screening.csv").write_text("other")
    with pytest.raises(InputError, match="as the run wrote it"):
        results(path)


def test_the_command_ends_with_5_where_a_gate_failed(
    run_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, out = tmp_path / "gates.yaml", tmp_path / "gates.tsv"
    file.write_text("- {gate: overfitting, at_most: 0.9}\n- {gate: seeds_set}\n")
    before = {path: path.read_bytes() for path in run_dir.rglob("*") if path.is_file()}
    assert main(["gates", str(run_dir), "--gates", str(file), "--out", str(out)]) == 5
    printed = capsys.readouterr()
    assert (
        "Failed: overfitting: held-out loss at the end over its lowest 1, wanted at most 0.9 (5 models" in printed.err
    )
    assert pl.read_csv(out, separator="\t")["status"].to_list() == ["failed", "passed"]
    file.write_text("- {gate: seeds_set}\n")
    assert main(["gates", str(run_dir), "--gates", str(file), "--out", str(tmp_path / "gates.json")]) == 0
    assert json.loads((tmp_path / "gates.json").read_text())[0]["status"] == "passed"
    assert main(["gates", str(run_dir), "--out", str(tmp_path / "gates.txt")]) == 2
    assert before == {path: path.read_bytes() for path in run_dir.rglob("*") if path.is_file()}
