from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import polars as pl
import pytest
from browser import needs_chromium, probed
from simulated_run import context_of, finished_run, trained, unrendered

from meta_models.analysis.framework.outcome import Outcome, ReportTable, Status
from meta_models.analysis.report import ArtifactCheck, ReportInput, render_report, render_summary
from meta_models.analysis.report.html import page_table
from meta_models.analysis.runner import AnalysisRun, run_analyses
from meta_models.result import CALIBRATED, TrainingResult, probability_columns
from meta_models.schema import BaseModel


def report_of(run: AnalysisRun, result: TrainingResult, title: str = "simulated") -> ReportInput:
    checks = (
        ArtifactCheck("model_multiclass.pkl", 1234, "ab" * 32, verified=True),
        ArtifactCheck("gone.csv", 1, "cd" * 32, verified=False),
    )
    return ReportInput(
        title=title,
        result=result,
        run=run,
        model_file="model_multiclass.pkl",
        profile=("Table: simulated",),
        screening=("Looked at 6 of 60 genes.",),
        screening_table=pl.DataFrame({"feature": ["gc_content", "3mer_AAA"], "statistic": [0.5, None]}),
        plan=("single_model fits",),
        artifacts=checks,
        provenance={"command": "meta-models train", "started": "2024-02-03"},
    )


@pytest.fixture(scope="module")
def report() -> ReportInput:
    context, run = finished_run("sampling_weight")
    return report_of(run, context.result)


def some_analyses(result: TrainingResult) -> tuple[AnalysisRun, TrainingResult]:
    """Only those that draw little."""
    config = result.config.model_copy(update={"analyses": ("base-vs-meta", "sites", "genes")})
    result = replace(result, config=config)
    return run_analyses(context_of(result)), result


def beaten(result: TrainingResult) -> TrainingResult:
    """A meta-model that says what the worse base model says."""
    swapped = zip(probability_columns(CALIBRATED), BaseModel("").columns, strict=True)
    oof = result.oof.with_columns(*((1 / 3 + 0.01 * pl.col(base)).alias(name) for name, base in swapped))
    return replace(result, oof=oof, best_base_by_fold=dict.fromkeys(range(3), "other"))


def test_an_incomplete_ensemble_is_said_first() -> None:
    result = trained(ensemble=True)
    assert result.ensemble is not None
    genes = result.oof["gene_id"].cast(str).unique().sort()
    run, result = some_analyses(replace(result, ensemble=replace(result.ensemble, missing_genes=tuple(genes[:7]))))
    text = render_summary(report_of(run, result))
    assert text.splitlines()[3].startswith("INCOMPLETE ENSEMBLE: 7 genes were not trained on")
    assert f"Trained on {len(genes) - 7:,} genes" in text


class Page(HTMLParser):
    """Collects tags, their attributes and ids."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_the_summary_has_its_sections_in_order(report: ReportInput) -> None:
    text = render_summary(report)
    titles = [
        "Warnings",
        "Dataset",
        "Training",
        "Parameters",
        "Screening",
        "Performance",
        "Analyses",
        "Provenance",
        "Load the model",
        "Artifacts",
    ]
    places = [re.search(rf"^{title}.*\n-+$", text, re.MULTILINE).start() for title in titles]
    assert places == sorted(places)
    assert "[x] model_multiclass.pkl" in text
    assert "[ ] gone.csv" in text
    assert "! The artifact gone.csv is not as it was written." in text
    assert "! A warning of training." in text
    assert "identifies genes" in text
    assert "predicted 1.00 GB, measured 0.90 GB" in text
    assert all(len(line) <= 140 for line in text.splitlines())


def test_base_stands_beside_meta(report: ReportInput) -> None:
    row = report.run.evaluation.headline.row
    line = next(x for x in render_summary(report).splitlines() if x.split()[:3] == ["average", "precision", "mean"])
    assert f"{row.base:.4f}" in line
    assert f"{row.meta:.4f}" in line
    assert f"{row.lower:+.4f} to {row.upper:+.4f}" in line


def test_a_beaten_meta_model_is_said_first() -> None:
    lost = report_of(*some_analyses(beaten(trained())))
    assert "does NOT beat" in "\n".join(render_summary(lost).splitlines()[:4])
    page = render_report(lost)
    assert page.index("does NOT beat") < page.index("Warnings")


def test_the_page_needs_no_network_and_holds_every_picture(report: ReportInput) -> None:
    text = render_report(report)
    page = Page(text)
    pictures = [p for o in report.run.outcomes for p in o.pictures]
    images = [attrs for tag, attrs in page.tags if tag == "img"]
    assert len(images) == len(pictures) > 15
    assert all(i["src"].startswith("data:image/png;base64,") and i["alt"] for i in images)
    links = [attrs[key] for _, attrs in page.tags for key in ("src", "href", "action") if key in attrs]
    assert all(link.startswith(("data:", "#")) for link in links)
    assert not re.search(r"https?://|@import|url\(", re.sub(r"data:image/png;base64,[A-Za-z0-9+/=]+", "", text))
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(set(ids)) == len(ids)
    assert {link[1:] for link in links if link.startswith("#")} <= set(ids)


def test_text_from_the_table_is_escaped() -> None:
    result = trained()
    evil = "<script>alert(1)</script>"
    oof = result.oof.with_columns(
        pl.when(pl.col("gene_id") == "g001").then(pl.lit(evil)).otherwise(pl.col("gene_id")).alias("gene_id")
    )
    page = render_report(report_of(*some_analyses(replace(result, oof=oof)), title=evil))
    assert evil not in page
    assert "&lt;script&gt;" in page
    assert page.count("<script>") == 1


def test_failed_and_skipped_analyses_are_shown(report: ReportInput) -> None:
    broken = Outcome("curves", "Curves", Status.FAILED, "ValueError: broken", traceback="curves.py:1 in run")
    skipped = Outcome("later", "Later", Status.SKIPPED, "slow: ask for it")
    changed = replace(report, run=AnalysisRun((broken, skipped), {"curves": 1.5}, None))
    text, page = render_summary(changed), render_report(changed)
    assert "The analysis 'Curves' failed (ValueError: broken)" in text
    assert "were not compared" in text
    assert "curves.py:1 in run" in page
    assert "slow: ask for it" in page


def test_an_external_table_comes_first(report: ReportInput) -> None:
    both = replace(report, external=report.run.evaluation, external_lines=("Table of all positions",))
    assert render_summary(both).splitlines()[3].startswith("On the external table:")
    page = render_report(both)
    assert page.index("External table, genes not trained on") < page.index("Cross-validation, out of fold")
    own = page.partition('id="elsewhere"')[2].partition("</section>")[0]
    row = report.run.evaluation.headline.row  # type: ignore[union-attr]
    assert f"{row.meta:.4g}" in own
    assert f"{row.lower:.4g}" in own
    assert "external_evaluation.tsv" in own
    assert 'id="elsewhere"' not in render_report(report)


@needs_chromium
@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_works_in_a_browser(report: ReportInput, tmp_path: Path, width: int) -> None:
    """Pictures are decoded, tables sort by number, nothing sticks out or is loaded, the console is silent."""
    pictures = sum(len(o.pictures) for o in report.run.outcomes)
    assert probed(render_report(report), tmp_path, width=width) == (f"PROBE {pictures} true 0 0 0", "")


def test_a_trivial_combiner_that_does_better_stands_on_the_card_with_the_note() -> None:
    run, result = some_analyses(trained())
    headline = run.evaluation.headline  # type: ignore[union-attr]
    better = replace(headline.combiners[0], base=0.999, difference=headline.row.meta - 0.999)
    row = replace(headline.row, difference=0.2, lower=0.1, upper=0.3, note="only 3 families: too narrow")
    changed = replace(run.evaluation, headline=replace(headline, row=row, combiners=(better,)))
    page = render_report(report_of(replace(run, evaluation=changed), result))
    card = page.partition('<div class="card ')[2].partition("</ul>")[0]
    assert card.startswith("unknown")
    assert "beats the best base model, but a trivial combiner of the base scores does better" in card
    assert "A trivial combiner, the mean of base scores, is better than the meta-model: 0.9990." in card
    assert "Note: only 3 families: too narrow." in card
    assert "base-train chromosomes, against the best base model: " in card


def test_notes_of_another_table_are_told(report: ReportInput) -> None:
    table = report.run.evaluation
    rows = tuple(replace(row, note="a few heavy rows") if row.stratum == "all" else row for row in table.rows)
    page = render_report(replace(report, whole_genes=replace(table, rows=rows)))
    assert "a few heavy rows" in page.partition('id="elsewhere"')[2].partition("</section>")[0]


def test_features_left_out_are_all_in_the_file_that_is_named(report: ReportInput) -> None:
    left_out = render_report(report).partition("Features left out")[2].partition("</details>")[0]
    assert "gene_code" in left_out
    assert "File: feature_manifest.csv" in left_out


def test_without_calibration_nothing_is_said_to_be_calibrated() -> None:
    result = trained()
    config = result.config.model_copy(update={"calibrate": False, "analyses": ("calibration",)})
    result = replace(result, config=config)
    context = context_of(result)
    with unrendered():
        run = run_analyses(context)
    outcome = next(o for o in run.outcomes if o.code == "calibration")
    table = pl.read_csv(context.writer.files["performance_plots/calibration.tsv"], separator="\t")
    assert sorted(set(table["scores"]) - set(context.scores.opponents)) == ["meta, not calibrated"]
    assert outcome.tables[0].caption == "Out of fold. Smaller is better."
    assert [note.text for note in outcome.findings] == ["The probabilities were not calibrated (calibrate is off)."]


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([0.97, 0.84, 0.9566, 0.0], ["0.9700", "0.8400", "0.9566", "0.0000"]),
        ([143470.0, 12.0, None], ["143,470", "12", "–"]),
        ([50.31, 1234.5, 0.9566], ["50.3", "1,234.5", "0.9566"]),
        ([0.00106, 0.000951], ["0.001060", "0.000951"]),
        ([0.9, 2e-5], ["0.9000", "2e-05"]),
    ],
)
def test_numbers_of_a_column_have_as_many_decimal_places(values: list[float], texts: list[str]) -> None:
    table = page_table(ReportTable("t", pl.DataFrame({"x": values})))
    assert [row[0].text for row in table.rows] == texts


def test_a_metric_has_its_own_decimal_places() -> None:
    frame = pl.DataFrame({"metric": ["ap", "loss", "ap", "loss"], "x": [0.97, 0.0011, 0.5, 0.0009847]})
    texts = [row[1].text for row in page_table(ReportTable("t", frame)).rows]
    assert texts == ["0.9700", "0.001100", "0.5000", "0.000985"]


def test_a_percent_sign_stays_with_its_number_and_interval(report: ReportInput) -> None:
    page = render_report(report)
    assert re.search("95\u00a0%\u00a0[+-]0", page)
    assert not re.search(r"\d %", page)
