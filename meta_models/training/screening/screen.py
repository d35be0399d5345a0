"""Global leakage screening: look at every column of a tenth of the genes, then decide which ones may not be trained on.

The rules of the decision are those of ``decision``. Every row of the table counts once, whatever the learner's weights:
those of a down-sampled table would hide a leak among the negatives that are not sampled.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from meta_models.config import TrainingConfig
from meta_models.errors import UsageError
from meta_models.schema import PROTECTED_GROUPS, FeatureGroup
from meta_models.training.screening.addition import BaseReference
from meta_models.training.screening.column import Rows, TieGroups, quantile_bins
from meta_models.training.screening.decision import Case, ColumnValues, decide, worst
from meta_models.training.screening.evidence import Evidence, Level, constant_evidence, label_evidence
from meta_models.training.screening.identifiers import identifier_evidence, row_order_evidence, table_evidence
from meta_models.training.screening.report import AS_EVIDENCE, TABLE, ScreeningFinding, ScreeningReport, Verdict
from meta_models.training.screening.sample import ScreeningSample, quarters

_BLOCK = 16
#: Of the bootstrap that decides on removal: no option, so that how an evaluation is shown changes no model.
RESAMPLES = 1000


@dataclass(frozen=True)
class _Column:
    """All evidence about one column, and a digest of its values."""

    evidence: tuple[Evidence, ...]
    digest: bytes


def screen(sample: ScreeningSample, config: TrainingConfig) -> ScreeningReport:
    """Screen the features of `sample`.

    Working memory is a block of columns, and the protected columns once for the judgement.

    Raises
    ------
    UsageError
        If ``protect_features`` names no feature of the table.
    """
    _check_protected(sample, config)
    quarter = quarters(sample, config.seed)
    rows = Rows.of(sample, quarter // 2)
    columns = _look(sample, rows, config.leakage_threshold)
    shields = _shields(sample, columns, config)
    judge = None
    if any(not shields[j] and worst(c.evidence) in (Level.SUSPICIOUS, Level.ALONE) for j, c in enumerate(columns)):
        base = np.flatnonzero([group in PROTECTED_GROUPS for group in sample.groups])
        judge = BaseReference(
            sample, base, quarter,
            resamples=RESAMPLES, seed=config.seed, threads=config.threads or 1,
        )  # fmt: skip
    findings = _findings(TABLE, Case(tuple(table_evidence(rows))), keep=config.keep_leaky)
    excluded: dict[str, str] = {}
    for j, name in enumerate(sample.feature_names):
        case = decide(columns[j].evidence, shields[j], judge, partial(_values, rows, j))
        findings += _findings(name, case, keep=config.keep_leaky)
        if case.removed and not config.keep_leaky:
            excluded[name] = case.why
    return ScreeningReport(tuple(findings), excluded, np.unique(sample.genes).astype(np.int64))


def _check_protected(sample: ScreeningSample, config: TrainingConfig) -> None:
    if unknown := sorted(set(config.protect_features) - set(sample.feature_names)):
        raise UsageError("protect_features needs names of features", f"Found {', '.join(unknown)}", "Correct the names")


def _look(sample: ScreeningSample, rows: Rows, threshold: float) -> list[_Column]:
    """Run every cheap test on every column, a block of columns at a time."""
    columns = []
    for start in range(0, len(sample.feature_names), _BLOCK):
        stop = min(start + _BLOCK, len(sample.feature_names))
        block = np.ascontiguousarray(sample.columns(range(start, stop)).T) + np.float32(0)  # -0 becomes 0
        for j, values in enumerate(block, start):
            known = sample.groups[j] is not FeatureGroup.OTHER
            ties = TieGroups.of(values, rows)
            evidence = (
                *label_evidence(ties, rows, threshold),
                constant_evidence(ties),
                identifier_evidence(sample.feature_names[j], values, ties, rows, known=known),
                row_order_evidence(ties, rows, known=known),
            )
            columns.append(_Column(evidence, hashlib.blake2b(values.tobytes(), digest_size=16).digest()))
    return _with_duplicates(columns, sample.feature_names)


def _values(rows: Rows, j: int) -> ColumnValues:
    """The values of column `j` and the quantile bins of its rows."""
    values = np.ascontiguousarray(rows.sample.columns([j])[:, 0])
    ties = TieGroups.of(values, rows)
    return values, quantile_bins(ties)[ties.group]


def _with_duplicates(columns: Sequence[_Column], names: Sequence[str]) -> list[_Column]:
    first: dict[bytes, int] = {}
    result = []
    for j, column in enumerate(columns):
        twin = first.setdefault(column.digest, j)
        level, text = (Level.CLEAN, "no equal column before it")
        if twin != j:
            level, text = Level.NOTE, f"equals {names[twin]} in every screened row"
        result.append(_Column((*column.evidence, Evidence("duplicate", None, level, text)), column.digest))
    return result


def _shields(sample: ScreeningSample, columns: Sequence[_Column], config: TrainingConfig) -> list[str]:
    """Why each column may not be removed; empty where it may."""
    protected = [j for j, group in enumerate(sample.groups) if group in PROTECTED_GROUPS]
    twins = {columns[j].digest: sample.feature_names[j] for j in reversed(protected)}
    shields = []
    for name, group, column in zip(sample.feature_names, sample.groups, columns, strict=True):
        if group in PROTECTED_GROUPS:
            shields.append(f"protected: {group.value} features come from base scores")
        elif group is FeatureGroup.EVIDENCE:
            shields.append(AS_EVIDENCE)
        elif name in config.protect_features:
            shields.append("protected by protect_features")
        else:
            twin = twins.get(column.digest)
            shields.append(f"protected: repeats {twin}" if twin else "")
    return shields


def _findings(name: str, case: Case, *, keep: bool) -> list[ScreeningFinding]:
    """One finding for each piece of evidence; grounds for removal share the column's fate."""
    fate = Verdict.REPORTED
    if case.removed:
        fate = Verdict.KEPT if keep else Verdict.REMOVED
    findings = []
    for e in case.evidence:
        verdict, reason = Verdict.CLEAN, e.reason
        if e.level is Level.NOTE:
            verdict = Verdict.REPORTED
        elif e.level is not Level.CLEAN:
            verdict, reason = fate, e.reason if case.why in e.reason else f"{e.reason}; {case.why}"
        findings.append(ScreeningFinding(name, e.test, e.statistic, verdict, reason, e.target))
    return findings
