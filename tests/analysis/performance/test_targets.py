from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from simulated_run import context_of, trained

from meta_models.analysis.performance.targets import Target, Targets, read_targets, target_table
from meta_models.analysis.runner import run_analyses
from meta_models.errors import UsageError

LIMITS = """
- {metric: average_precision, target: donor, at_least: 0.01}
- {metric: average_precision, target: donor, at_least: 0.99999}
- {metric: log_loss, target: all, population: table, at_most: 100}
- {metric: average_precision, quantity: difference, at_least: -1}
- {metric: average_precision, stratum: no such stratum, at_least: 0}
"""


@pytest.fixture
def limits(tmp_path: Path) -> Path:
    path = tmp_path / "targets.yaml"
    path.write_text(LIMITS)
    return path


def test_limits_are_met_or_missed(limits: Path) -> None:
    table = target_table(read_targets(limits), context_of(trained()).evaluation)
    assert table["status"].to_list() == ["met", "missed", "met", "met", "missed"]
    assert table["value"].null_count() == 1
    assert table["reason"][4].startswith("the strata of this table are all, ")
    assert table["population"].to_list() == ["genomic", "genomic", "table", "genomic", "genomic"]


def test_missed_limits_are_counted_and_named(limits: Path) -> None:
    result = trained()
    context = context_of(replace(result, config=result.config.model_copy(update={"targets": limits})))
    run = run_analyses(context, (Targets(),))
    assert run.missed_targets == 2
    assert run.outcomes[0].status.value == "finding"
    assert all("Target missed" in note.text for note in run.outcomes[0].findings)
    assert "bins_and_targets/targets.tsv" in context.writer.files


def test_a_figure_that_cannot_be_computed_keeps_no_limit() -> None:
    assert not Target(metric="average_precision", at_least=0).met_by(None)
    assert Target(metric="log_loss", at_most=0.5).met_by(0.5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- {metric: average_precison, at_least: 1}", "metric must be one of"),
        ("- {metric: average_precision}", "at_least or at_most"),
        ("- {metric: average_precision, at_least: 1, atmost: 2}", "atmost"),
        ("- {metric: average_precision, at_least: .nan}", "at_least"),
        ("limits: 3", "list"),
        ("- {metric: [", "readable YAML"),
    ],
)
def test_a_bad_file_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "targets.yaml"
    path.write_text(text)
    with pytest.raises(UsageError, match=message):
        read_targets(path)


def test_an_absent_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere\.yaml"):
        read_targets(tmp_path / "nowhere.yaml")


def test_a_limit_that_no_figure_can_meet_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "targets.yaml"
    path.write_text("- {metric: log_loss, at_most: 0.1}\n")
    assert [limit.target for limit in read_targets(path)] == ["all"]
    for entry in ("metric: accuracy, target: donor", "metric: average_precision, target: all"):
        path.write_text(f"- {{{entry}, at_least: 0.5}}\n")
        with pytest.raises(UsageError, match="has the target"):
            read_targets(path)


def test_a_missed_difference_is_not_told_as_a_figure_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "targets.yaml"
    path.write_text("- {metric: average_precision, quantity: difference, at_least: 0.99}\n")
    result = trained()
    context = context_of(replace(result, config=result.config.model_copy(update={"targets": path})))
    texts = [note.text for note in run_analyses(context, (Targets(),)).outcomes[0].findings]
    assert texts[0].startswith("Target missed: average_precision, meta minus best base, mean, ")
