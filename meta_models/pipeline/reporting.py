"""The report of a run folder, and what its analyses end the command with; shared by training and later analyses."""

from __future__ import annotations

import io
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from meta_models.analysis.comparison.table import EvaluationTable
from meta_models.analysis.performance.leaderboard import leaderboard_lines
from meta_models.analysis.report.card import render_model_card
from meta_models.analysis.report.html import render_report
from meta_models.analysis.report.input import WHOLE_GENES as TITLE
from meta_models.analysis.report.input import ArtifactCheck, ReportInput
from meta_models.analysis.report.summary import render_summary
from meta_models.analysis.runner import AnalysisRun
from meta_models.errors import ExitCode, TargetMissed, UnitsFailed
from meta_models.places import CONTENT
from meta_models.result import TrainingResult
from meta_models.run_folder import MANIFEST_NAME, InputRecord, RunFolder, RunManifest

logger = logging.getLogger(__name__)
SUMMARY, PAGE, CARD = "training_summary.txt", "report.html", "model_card.md"
SCREENING, SCREENING_EXCLUDED = "leakage_screening.csv", "global_excluded_features.txt"
SCREENED_GENES = "screened_genes.txt"
#: Files of the table whose hashes stand in the report; the manifest has all of them.
_SHOWN_INPUTS = 50
#: Evaluations on other tables: names of their files without suffix.
WHOLE_GENES, EXTERNAL = "oof_dataset_evaluation", "external_evaluation"


@dataclass(frozen=True)
class ReportSources:
    """What a report is made of beside the run folder.

    Attributes
    ----------
    screening : str
        Content of ``leakage_screening.csv``.
    whole_genes, external : EvaluationTable or None
        Evaluation of ``--oof-dataset`` and of ``--eval-dataset``.
    """

    result: TrainingResult
    analyses: AnalysisRun
    model_file: str
    screening: str
    whole_genes: EvaluationTable | None = None
    external: EvaluationTable | None = None


def save_report(sources: ReportSources, folder: RunFolder) -> None:
    """Verify all artifacts, write ``training_summary.txt``, ``report.html`` and ``model_card.md``, and log the verdict.

    Raises
    ------
    WriteError
        If an artifact is not as it was written, or the report cannot be.
    """
    report = _report_input(sources, folder)
    folder.write_text(SUMMARY, render_summary(report))
    folder.write_text(PAGE, render_report(report))
    folder.write_text(CARD, render_model_card(report))
    for line in (*report.verdict(), *leaderboard_lines(sources.result)):
        logger.info("%s", line)
    logger.info("Report: %s", folder.path / PAGE)


def require_analyses(analyses: AnalysisRun) -> None:
    """Call it where all else is written: a run without one of its analyses is not complete.

    Raises
    ------
    UnitsFailed
        If an analysis failed.
    """
    if analyses.failed:
        failed = ", ".join(f"{outcome.code} ({outcome.reason})" for outcome in analyses.failed)
        raise UnitsFailed("Every analysis must finish", f"Failed: {failed}", "The model and all else were saved")


def require_learners(result: TrainingResult) -> None:
    """Call it where all else is written: a run without one of its learners is not complete.

    Raises
    ------
    UnitsFailed
        If a learner could not be fitted.
    """
    failed = {} if result.leaderboard is None else result.leaderboard.failed
    if failed:
        why = "; ".join(f"{name} ({reason})" for name, reason in failed.items())
        raise UnitsFailed("Every learner must be fitted", f"Failed: {why}", "The others and all else were saved")


def require_targets(analyses: AnalysisRun) -> ExitCode:
    """``ExitCode.DONE``. Call it where the run is complete, which it is also where the model is not good enough.

    Raises
    ------
    TargetMissed
        If a target was missed.
    """
    if analyses.missed_targets:
        missed = [note.text for o in analyses.outcomes if o.missed_targets for note in o.findings]
        raise TargetMissed("Every target must be met", " ".join(missed), "See the report")
    return ExitCode.DONE


def _report_input(sources: ReportSources, folder: RunFolder) -> ReportInput:
    earlier = {SUMMARY, PAGE, CARD}
    records = {name: record for name, record in folder.manifest.artifacts.items() if name not in earlier}
    for name in records:
        folder.verify(name)
    config, lines = sources.result.config, folder.manifest.lines
    return ReportInput(
        title=f"{folder.path.resolve().name}: {config.dataset}",
        result=sources.result,
        run=sources.analyses,
        model_file=sources.model_file,
        profile=lines.get("profile", ()),
        screening=lines.get("screening", ()),
        screening_table=pl.read_csv(io.StringIO(sources.screening), infer_schema_length=None),
        plan=lines.get("plan", ()),
        whole_genes=sources.whole_genes,
        whole_genes_title=lines.get(WHOLE_GENES, (TITLE,))[0],
        external=sources.external,
        external_rows=lines.get(EXTERNAL, ("its rows",))[0],
        external_lines=(f"External table: {config.eval_dataset}",) if sources.external is not None else (),
        artifacts=tuple(
            ArtifactCheck(name, record.bytes or 0, record.sha256 or "", verified=True)
            for name, record in records.items()
        ),
        provenance=provenance(folder.manifest),
    )


def provenance(manifest: RunManifest) -> dict[str, str]:
    """Where and by what a run was made, for people."""
    later = "; ".join(manifest.analysed)
    return {
        "command": " ".join(manifest.argv),
        "started": manifest.started,
        **({"analysed again": later} if later else {}),
        "host": manifest.host,
        **{f"version of {name}": version for name, version in manifest.versions.items()},
        **_hashes(manifest.inputs),
    }


def _of(record: InputRecord) -> str:
    """What of a file is hashed, where it is not its content."""
    return "" if record.of == CONTENT else f"{record.of} of "


def _hashes(inputs: Sequence[InputRecord]) -> dict[str, str]:
    """The first files of the table, named as they lie in it, and how many more there are."""
    paths = [Path(record.path) for record in inputs]
    top = Path(os.path.commonpath([path.parent for path in paths])) if paths else Path()
    shown = zip(paths[:_SHOWN_INPUTS], inputs, strict=False)
    found = {f"sha256 of {_of(record)}{path.relative_to(top).as_posix()}": record.sha256 for path, record in shown}
    if len(paths) > _SHOWN_INPUTS:
        found[f"sha256 of {len(paths) - _SHOWN_INPUTS:,} more files"] = f"in {MANIFEST_NAME}"
    return found
