"""One suite over all registered analyses: a new one is tested the moment it is listed."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import polars as pl
import pytest
from simulated_run import context_of, finished_run, reweighted, trained, unrendered

from meta_models.analysis.framework.base import AnalysisContext
from meta_models.analysis.framework.outcome import Status
from meta_models.analysis.registry import ANALYSES
from meta_models.analysis.runner import AnalysisRun, run_analyses

PNG = b"\x89PNG\r\n\x1a\n"
CORE = {
    "gene_cv_metrics.csv", "base_vs_meta_performance.tsv", "meta_evaluation_summary.json", "feature_manifest.csv",
    "roc_curves_meta.pdf", "pr_curves_meta.pdf", "fixed_sites.tsv", "broken_sites.tsv", "per_gene_performance.tsv",
    "analysis_outcomes.json",
}  # fmt: skip
FOLDERS = {
    "performance_plots",
    "shap_analysis",
    "feature_importance_analysis",
    "overfitting_analysis",
    "bins_and_targets",
}


@pytest.fixture(params=["sampling_weight", "none", "ensemble"])
def finished(request: pytest.FixtureRequest) -> tuple[AnalysisContext, AnalysisRun]:
    return finished_run(request.param)


def failures(run: AnalysisRun) -> str:
    return "\n".join(f"{o.code}: {o.reason}\n{o.traceback}" for o in run.failed)


def test_none_fails(finished: tuple[AnalysisContext, AnalysisRun]) -> None:
    context, run = finished
    assert not run.failed, failures(run)
    idle = {o.code for o in run.outcomes if o.status in (Status.NOT_APPLICABLE, Status.SKIPPED)}
    slow = {analysis.code for analysis in ANALYSES if analysis.slow}
    assert idle == {"targets", "mining", "leaderboard", "gene-inputs"} | slow | (
        {"ensemble"} if context.result.ensemble is None else set()
    )
    assert run.evaluation is not None


def test_artifacts_are_those_that_the_outcomes_name(finished: tuple[AnalysisContext, AnalysisRun]) -> None:
    context, run = finished
    named = [name for outcome in run.outcomes for name in outcome.artifacts]
    assert len(named) == len(set(named))
    assert set(named) | {"analysis_outcomes.json"} == set(context.writer.files)
    assert set(context.writer.files) >= CORE
    assert {name.split("/")[0] for name in named if "/" in name} == FOLDERS


def test_artifacts_can_be_read(finished: tuple[AnalysisContext, AnalysisRun]) -> None:
    for name, data in finished[0].writer.files.items():
        match name.rsplit(".", 1)[1]:
            case "png":
                assert data.startswith(PNG)
            case "pdf":
                assert data.startswith(b"%PDF")
                assert b"CreationDate" not in data
            case "csv" | "tsv" as kind:
                assert pl.read_csv(io.BytesIO(data), separator="\t" if kind == "tsv" else ",").width > 1
            case "parquet":
                assert pl.read_parquet(io.BytesIO(data)).height > 0
            case "json":
                json.loads(data)
            case other:
                pytest.fail(f"unknown kind of artifact: {other}")


def test_pictures_are_artifacts_with_captions(finished: tuple[AnalysisContext, AnalysisRun]) -> None:
    context, run = finished
    pictures = [p for outcome in run.outcomes for p in outcome.pictures]
    assert len(pictures) >= 15
    for picture in pictures:
        assert picture.caption
        assert context.writer.files[picture.file] == picture.png


def test_equal_runs_write_equal_bytes() -> None:
    first, _ = finished_run("none")
    second = context_of(reweighted(trained(), "none"))
    with unrendered():
        run_analyses(second)
    assert first.writer.files.keys() == second.writer.files.keys()
    differing = [name for name, data in first.writer.files.items() if data != second.writer.files[name]]
    assert not differing


def test_every_strategy_has_the_same_artifacts() -> None:
    single, ensemble = (set(finished_run(name)[0].writer.files) for name in ("sampling_weight", "ensemble"))
    assert ensemble - single == {
        "ensemble_batches.csv",
        "ensemble_cv_results.csv",
        "feature_importance_analysis/member_ranks.csv",
        "overfitting_analysis/batches_and_ensemble.csv",
        "shap_analysis/member_weights.tsv",
    }
    assert single <= ensemble


def test_a_class_without_rows_is_null_with_a_reason() -> None:
    result = reweighted(trained(), "true_prevalence")
    absent = pl.when(pl.col("label") == 2).then(0).otherwise(pl.col("label")).cast(pl.UInt8)
    context = context_of(replace(result, oof=result.oof.with_columns(absent.alias("label"))))
    with unrendered():
        run = run_analyses(context)
    assert not run.failed, failures(run)
    data = context.writer.files["base_vs_meta_performance.tsv"]
    table = pl.read_csv(io.BytesIO(data), separator="\t", infer_schema_length=None)
    rows = table.filter((pl.col("target") == "acceptor") & (pl.col("metric") == "average_precision"))
    assert rows["meta"].null_count() == rows.height > 0
    assert rows["meta_reason"].null_count() == 0


def test_what_a_table_may_lack_is_not_needed() -> None:
    """Without chromosome, position, gene type and a source of rows SHAP is not applicable and the rest runs."""
    result = trained()
    oof = result.oof.drop("chrom", "position", "gene_type")
    with unrendered():
        run = run_analyses(context_of(replace(result, oof=oof, base_train_chroms=None), rows=False))
    assert not run.failed, failures(run)
    by_code = {outcome.code: outcome for outcome in run.outcomes}
    assert by_code["shap"].status is Status.NOT_APPLICABLE
    assert "source of rows" in by_code["shap"].reason
    assert by_code["importance"].status is Status.PASSED
    for absent in ("chromosomes", "gene types", "GC content", "text column 'sequence'"):
        assert absent in by_code["base-vs-meta"].reason


def test_without_records_of_boosters_overfitting_is_not_applicable() -> None:
    overfitting = next(a for a in ANALYSES if a.code == "overfitting")
    assert overfitting.run(context_of(replace(trained(), fits=()))).status is Status.NOT_APPLICABLE


def test_no_figure_is_left_open_in_pyplot() -> None:
    finished_run("sampling_weight")
    import matplotlib.pyplot as plt

    assert plt.get_fignums() == []
