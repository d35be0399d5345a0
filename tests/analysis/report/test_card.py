from dataclasses import replace

import pytest
from simulated_run import finished_run, trained

from meta_models.analysis.report import ReportInput, render_model_card
from meta_models.learners.continued import ContinuedPredictor
from meta_models.model import SingleModel
from meta_models.result import MiningRecord


@pytest.fixture(scope="module")
def report():
    context, run = finished_run("sampling_weight")
    return ReportInput(title="t", result=context.result, run=run, model_file="model_multiclass.pkl")


def with_facts(report, **facts):
    info = replace(report.result.model.info, provenance={"dataset": facts}, prevalence=(0.998, 0.001, 0.001))
    model = report.result.model.with_info(info)
    return replace(report, result=replace(report.result, model=model))


def test_the_verdict_comes_first_and_every_section_is_there(report):
    card = render_model_card(report)
    assert card.splitlines()[2] == f"> {report.verdict()[0]}"
    headings = [line for line in card.splitlines() if line.startswith("## ")]
    assert headings == [
        "## What it is", "## Data it was trained on", "## Scores on genes it never saw", "## Limits",
        "## Licences of the data and base models", "## How to use it",
    ]  # fmt: skip


def test_figures_are_those_of_the_evaluation(report):
    row = report.run.evaluation.headline.row
    card = render_model_card(report)
    assert f"| {row.base:.4f} | {row.meta:.4f} | {row.difference:+.4f} | {row.lower:+.4f} to {row.upper:+.4f} |" in card


def test_licences_and_shares_are_told(report):
    card = render_model_card(with_facts(report, name="my table", base_model="SomeAI", licences=["scores: GPLv3"]))
    assert card.startswith("# Model card: my table\n")
    assert "- scores: GPLv3" in card
    assert "Base model: SomeAI." in card
    assert "neither 0.998, donor 0.001, acceptor 0.001" in card


def test_mined_negatives_are_told(report):
    rounds = [MiningRecord(1, fold, 70 + fold, 5, 0.01, 0.9, 0.8, chosen=fold < 1) for fold in (-1, 0, 1)]
    card = render_model_card(replace(report, result=replace(report.result, mining=tuple(rounds))))
    assert "trained on besides: 69 negatives." in card
    assert "negatives." not in render_model_card(report)


def test_what_is_not_known_is_said(report):
    card = render_model_card(report)
    assert "check those of the base model" in card
    assert "of an unknown population" in card


def test_warnings_stand_among_the_limits(report):
    limits = render_model_card(report).partition("## Limits")[2].partition("## Licences")[0]
    assert report.warnings()
    assert all(text in limits for text in report.warnings())


def test_no_evaluation_is_no_figure(report):
    bare = replace(report, run=replace(report.run, evaluation=None))
    assert "were not compared in this run" in render_model_card(bare)


def test_every_position_stands_before_the_table(report):
    other = finished_run("none")[1].evaluation
    assert other is not None
    card = render_model_card(replace(report, whole_genes=other))
    scores = card.partition("## Scores on genes")[2].partition("## Limits")[0]
    titles = [line for line in scores.splitlines() if line.endswith("against the best base model:")]
    assert titles == [
        "On every position of the training genes, out of fold, every position, against the best base model:",
        "On the training table, out of fold, all positions, weighted, against the best base model:",
    ]
    first = scores.partition(titles[1])[0]
    assert f"| {other.headline.row.base:.4f} | {other.headline.row.meta:.4f} |" in first


def test_genes_of_batches_that_failed_are_not_counted(report):
    result = trained(ensemble=True)
    genes = result.oof["gene_id"].unique().sort()
    missing = replace(result, ensemble=replace(result.ensemble, missing_genes=tuple(genes[:7])))
    card = render_model_card(replace(report, result=missing))
    assert f" of {len(genes) - 7:,} genes in " in card
    assert f"; {result.oof.filter(~result.oof['gene_id'].is_in(genes[:7].implode())).height:,} positions" in card


def test_rounds_that_were_added_to_earlier_trees_say_so(report):
    info, single = report.result.model.info, report.result.model.singles[0]
    earlier, targets = single.predictor, range(single.predictor.n_targets)
    whole = ContinuedPredictor(earlier, range(earlier.n_inputs), targets, earlier)
    added = SingleModel(whole, single.feature_names, info=info)
    rounds = "\n".join(replace(report, result=replace(report.result, model=added)).training_lines())
    assert added.trees == 2 * single.trees
    assert f"added to {single.trees} earlier trees\n" in rounds
    assert "earlier trees" not in "\n".join(report.training_lines())
