"""``meta-models compare``: files, verdicts, refusals."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from finished_runs import make_oof, write_run
from sklearn.metrics import average_precision_score

from meta_models.cli import main
from meta_models.experiments.comparison.compare import compared
from meta_models.experiments.comparison.differences import Difference
from meta_models.experiments.comparison.outcome import RunComparison
from meta_models.experiments.comparison.significance import FoldTest
from meta_models.experiments.options import CompareConfig
from meta_models.experiments.runs import read_runs
from meta_models.run_folder import RunManifest, RunState

FILES = {"comparison.html", "comparison.tsv", "comparison.json", "gene_changes.tsv"}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three runs of one table: two alike, a better one."""
    folder = tmp_path_factory.mktemp("runs")
    for name, seed, skill in (("one", 1, 2.0), ("two", 2, 2.0), ("better", 3, 5.0)):
        write_run(folder / name, make_oof(seed=seed, skill=skill))
    return folder


def compare(*arguments: str | Path) -> int:
    return main(["compare", *map(str, arguments), "--bootstrap-samples", "100"])


def test_runs_are_compared_with_the_first_and_said_which_is_better(runs: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert compare(runs / "one", runs / "two", runs / "better", "--out", out) == 0
    assert {path.name for path in out.iterdir()} == FILES
    (table,) = json.loads((out / "comparison.json").read_text())["tables"]
    assert table["control"] == "one"
    two, better = table["verdicts"]
    assert two.startswith("two and one are not shown to differ")
    assert better.startswith("better is better than one: mean average precision ")
    assert [run["folds"]["folds"] for run in table["runs"]] == [5, 5]
    assert [cost["training_seconds"] for cost in table["costs"]] == [2.0] * 3
    frame = pl.read_csv(out / "comparison.tsv", separator="\t")
    assert set(frame["run"]) == {"two", "better"}
    assert "all" in set(frame["stratum"])
    assert not any("screened" in stratum for stratum in frame["stratum"])
    page = (out / "comparison.html").read_text()
    assert "better is better than one" in page
    assert not re.search(r"https?://(?!www\.w3)", page)


def test_the_same_runs_give_the_same_bytes(runs: Path, tmp_path: Path) -> None:
    for out in ("a", "b"):
        assert compare(runs / "one", runs / "two", "--out", tmp_path / out) == 0
    assert all((tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes() for name in FILES)


def test_an_earlier_comparison_is_replaced_only_when_that_is_said(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "comparison.html").write_text("mine")
    arguments = (runs / "one", runs / "two", "--out", tmp_path)
    assert compare(*arguments) == 2
    assert "comparison.html. Give --overwrite, or another --out" in refused(capsys)
    assert (tmp_path / "comparison.html").read_text() == "mine"
    assert compare(*arguments, "--overwrite") == 0
    assert (tmp_path / "comparison.html").read_text() != "mine"


def test_another_control_turns_the_difference_round(runs: Path, tmp_path: Path) -> None:
    names = [str(runs / name) for name in ("one", "better")]
    forth, back = (
        compared(read_runs(names), CompareConfig(out=tmp_path, bootstrap_samples=20, control=control))[0][0].runs[0]
        for control in (None, "better")
    )
    assert (forth.run, back.run) == ("better", "one")
    assert forth.headline.difference == pytest.approx(-(back.headline.difference or 0))
    assert "one is worse than better" in back.verdict("better")


def test_genes_that_changed_are_named_with_their_figures(runs: Path, tmp_path: Path) -> None:
    assert compare(runs / "one", runs / "better", "--out", tmp_path) == 0
    changes = pl.read_csv(tmp_path / "gene_changes.tsv", separator="\t")
    assert changes.height == 30
    assert changes["difference"].abs().is_sorted(descending=True)
    worst = changes.row(0, named=True)
    figures = {}
    for name, column in (("one", "control"), ("better", "value")):
        rows = pl.read_parquet(runs / name / "oof_predictions.parquet").filter(pl.col("gene_id") == worst["gene_id"])
        donor = average_precision_score(rows["label"] == 1, rows["calibrated_donor"])
        acceptor = average_precision_score(rows["label"] == 2, rows["calibrated_acceptor"])
        figures[column] = (donor + acceptor) / 2
    assert worst["control"] == pytest.approx(figures["control"])
    assert worst["value"] == pytest.approx(figures["value"])


def test_a_plain_test_over_folds_that_over_claims_does_not_decide(tmp_path: Path) -> None:
    """Two draws of equal skill, among many the one for which the plain t-test finds a difference."""
    paths = [str(write_run(tmp_path / name, make_oof(seed=seed))) for name, seed in (("one", 121), ("two", 221))]
    run = compared(read_runs(paths), CompareConfig(out=tmp_path / "o", bootstrap_samples=100))[0][0].runs[0]
    assert run.folds.plain_p_value is not None
    assert run.folds.p_value is not None
    assert run.folds.plain_p_value < 0.05 < run.folds.p_value
    assert run.verdict("one").startswith("two and one are not shown to differ")


def test_a_difference_that_the_folds_do_not_show_is_said_to_be_of_these_models() -> None:
    shown = Difference("table", "average_precision", "mean", 0.5, 0.6, 0.1, 0.05, 0.15, 40, None, 0.4, 0.6, 0.5, 0.7)
    doubtful = RunComparison("two", (shown,), FoldTest(0.074, 0.02, 5))
    assert doubtful.verdict("one").startswith("two is better than one")
    assert "t-test over 5 folds does not show it (p 0.074)" in doubtful.verdict("one")
    assert RunComparison("two", (shown,), FoldTest(0.01, 0.001, 5)).doubt == ""
    assert RunComparison("two", (shown,), FoldTest(None, None, 0, "other folds")).doubt == ""
    assert RunComparison("two", (replace(shown, lower=-0.1),), FoldTest(0.074, 0.02, 5)).doubt == ""


def test_a_difference_of_one_of_several_runs_must_hold_once_they_are_counted() -> None:
    """Three p-values of 0.026: by its interval each differs, by Holm (3 x 0.026 = 0.078) none does."""
    alone = Difference("table", "average_precision", "mean", 0.5, 0.49997, -0.00003, -0.00012, -0.00001, 40, None, 0.4,
                       0.6, 0.4, 0.6, p_value=0.026, adjusted_p_value=0.078)  # fmt: skip
    one = RunComparison("two", (alone,), FoldTest(0.074, 0.02, 5), compared=3)
    assert one.better is None
    assert one.doubt == ""
    assert one.verdict("one") == (
        "two and one are not shown to differ, once it is counted that 3 runs are compared: mean average precision "
        "0.5000 against 0.5000, difference -0.00003 (95 % -0.0001 to -0.00001, 40 families; p 0.078, adjusted for 3 "
        "runs (Holm))."
    )
    clear = replace(one, differences=(replace(alone, adjusted_p_value=0.024),), folds=FoldTest(0.01, 0.001, 5))
    assert clear.better is False
    assert clear.verdict("one").startswith("two is worse than one: mean average precision")
    assert clear.verdict("one").endswith("; p 0.024, adjusted for 3 runs (Holm)).")
    assert replace(one, compared=1).better is False  # the only one: its interval decides


def test_too_few_resamples_for_so_many_runs_are_said(runs: Path, tmp_path: Path) -> None:
    """The smallest p-value of 79 resamples is 2 / 80, of two runs 2 * 2 / 80 = 0.05."""
    names = [str(runs / name) for name in ("one", "two", "better")]
    notes = {
        samples: compared(read_runs(names), CompareConfig(out=tmp_path, bootstrap_samples=samples))[0][0].notes
        for samples in (79, 80)
    }
    few = "79 resamples are too few to show that one of 2 runs differs (Holm): give --bootstrap-samples 80 or more."
    assert few in notes[79]
    assert len(notes[79]) == len(notes[80]) + 1


@pytest.mark.parametrize(("samples", "said"), [(1, "1 resample is"), (39, "39 resamples are")])
def test_too_few_resamples_for_one_interval_are_said(runs: Path, tmp_path: Path, samples: int, said: str) -> None:
    one = read_runs([str(runs / name) for name in ("one", "two")])
    few, enough = (
        compared(one, CompareConfig(out=tmp_path, bootstrap_samples=number))[0][0].notes for number in (samples, 40)
    )
    assert [note for note in few if note not in enough] == [
        f"{said} too few for a 95 % interval: give --bootstrap-samples 40 or more."
    ]


def test_several_tables_are_compared_and_ranked(runs: Path, tmp_path: Path) -> None:
    folders = [runs / name for name in ("one", "two", "better")]
    for name, seed, skill in (("one", 4, 2.0), ("two", 5, 2.5), ("better", 6, 5.0)):
        folders.append(write_run(tmp_path / "other" / name, make_oof(seed=seed, skill=skill, gene="H")))
    assert compare(*folders, "--across-tables", "--out", tmp_path / "out") == 0
    record = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert len(record["tables"]) == 2
    across = record["across_tables"]
    ranks = dict(zip(across["runs"], across["mean_ranks"], strict=True))
    assert ranks["better"] == 1
    assert across["tables"] == 2
    assert "describes" in across["reason"]
    # q(.05, 3) = 2.343 (Demsar 2006, table 5a): 2.343 * sqrt(3 * 4 / (6 * 2))
    assert across["critical_difference"] == pytest.approx(2.343, abs=0.002)
    assert "Over the tables" in (tmp_path / "out" / "comparison.html").read_text()


def refused(capsys: pytest.CaptureFixture[str]) -> str:
    message = capsys.readouterr().err
    assert message.startswith("error: ")
    assert message.count("\n") == 1
    return message


@pytest.mark.parametrize(
    ("names", "options", "code", "words"),
    [
        (["one"], [], 2, "needs two runs"),
        (["one", "one"], [], 2, "Found .*one twice"),
        (["one", "missing"], [], 2, "Found no run_manifest.json"),
        (["one", "two"], ["--control", "three"], 2, "Take one of one, two"),
        (["one", "two"], ["--across-tables"], 2, "All share genes"),
    ],
)
def test_wrong_arguments_are_one_sentence_each(
    names: list[str], options: list[str], code: int, words: str, runs: Path, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    out = tmp_path / "out"
    assert compare(*[runs / name for name in names], *options, "--out", out) == code
    assert re.search(words, refused(capsys))
    assert not out.exists()


def test_runs_without_common_genes_are_refused(runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_run(tmp_path / "other", make_oof(gene="H"))
    assert compare(runs / "one", tmp_path / "other", "--out", tmp_path / "out") == 3
    assert "genes in common" in refused(capsys)
    assert compare(runs / "one", tmp_path / "other", "--across-tables", "--out", tmp_path / "out") == 2
    assert "a run of each name in every table" in refused(capsys)
    assert not (tmp_path / "out").exists()


def test_a_run_folder_is_no_place_for_a_comparison(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted((runs / "one").iterdir())
    assert compare(runs / "one", runs / "two", "--out", runs / "one") == 2
    assert "must lie apart from what is read" in refused(capsys)
    assert sorted((runs / "one").iterdir()) == before


def test_unfinished_altered_and_foreign_runs_are_refused(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_run(tmp_path / "run", make_oof())
    manifest = RunManifest.read(path)
    assert manifest is not None
    manifest.model_copy(update={"state": RunState.INTERRUPTED, "error": "A signal"}).write(path)
    assert compare(runs / "one", path, "--out", tmp_path / "out") == 2
    assert "It is interrupted (A signal). Finish it with train --resume" in refused(capsys)
    manifest.write(path)
    (path / "oof_predictions.parquet").write_bytes(b"other")
    assert compare(runs / "one", path, "--out", tmp_path / "out") == 3
    assert "must be as the run wrote it" in refused(capsys)
    text = (path / "run_manifest.json").read_text().replace('"format_version": 1', '"format_version": 9')
    (path / "run_manifest.json").write_text(text)
    assert compare(runs / "one", path, "--out", tmp_path / "out") == 2
    assert "must be the manifest of a run (format 1)" in refused(capsys)


def test_a_result_of_another_version_is_refused(runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_run(tmp_path / "run", make_oof(), format_version=7)
    assert compare(runs / "one", path, "--out", tmp_path / "out") == 2
    assert "Found format 7, not 1" in refused(capsys)


def test_names_tell_runs_apart(runs: Path, tmp_path: Path) -> None:
    other = write_run(tmp_path / "one", make_oof(seed=9))
    short = [run.name for run in read_runs([str(runs / "one"), str(other)])]
    assert short == [f"{runs.name}/one", f"{tmp_path.name}/one"]
    assert [run.name for run in read_runs([f"a={runs / 'one'}", str(other)])] == ["a", f"{tmp_path.name}/one"]
