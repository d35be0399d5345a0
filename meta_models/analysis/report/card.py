"""``model_card.md``: what somebody who is handed the model must know before using it.

References
----------
Mitchell et al., Model cards for model reporting, FAT* 2019.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from meta_models.analysis.comparison.table import ALL_ROWS, BEST_BASE, EvaluationRow, EvaluationTable, shown
from meta_models.analysis.report.input import ReportInput, learner_titles
from meta_models.metrics import METRICS
from meta_models.schema import CLASS_NAMES, GENE

_UNKNOWN = "not recorded in `dataset_info.json`"


def render_model_card(report: ReportInput) -> str:
    """The card in Markdown: no date, duration or path, so that equal runs give equal cards."""
    sections = (
        ("", _summary(report)),
        ("What it is", _model(report)),
        ("Data it was trained on", _data(report)),
        ("Scores on genes it never saw", _scores(report)),
        ("Limits", _limits(report)),
        ("Licences of the data and base models", _licences(report)),
        ("How to use it", _use(report)),
    )
    lines = [f"# Model card: {_name(report)}"]
    for title, content in sections:
        lines += ["", f"## {title}", ""] if title else [""]
        lines += content
    return "\n".join(lines) + "\n"


def _facts(report: ReportInput) -> Mapping[str, object]:
    """What ``dataset_info.json`` said, as kept in the model."""
    found = report.result.model.info.provenance.get("dataset")
    return found if isinstance(found, Mapping) else {}


def _name(report: ReportInput) -> str:
    return str(_facts(report).get("name") or report.result.config.dataset.rstrip("/").rpartition("/")[2])


def _bullets(items: Iterable[str]) -> list[str]:
    return [f"- {item}" for item in items]


def _summary(report: ReportInput) -> list[str]:
    return [f"> {line}" for line in report.verdict()]


def _model(report: ReportInput) -> list[str]:
    result, info = report.result, report.result.model.info
    members = result.model.n_members
    kind = "one model" if members == 1 else f"an ensemble of {members} models"
    calibrators = result.model.calibrators
    calibration = "not calibrated" if calibrators is None else f"calibrated ({', '.join(c.kind for c in calibrators)})"
    versions = ", ".join(f"{name} {version}" for name, version in sorted(info.versions.items()))
    bases = ", ".join(info.base_models) or "a base model"
    fitted = f"{kind} of the classes neither, donor and acceptor, fitted with {learner_titles(result)}, {calibration}"
    return _bullets(
        (
            f"A meta-model over the splice-site scores of {bases}: {fitted}.",
            f"Strategy: {result.strategy}.",
            f"Features: {result.model.n_features_in_:,}; their training distributions are kept in the file.",
            f"File: `{report.model_file}`, format {info.format_version}; trained with {versions or 'unknown'}.",
        )
    )


def _data(report: ReportInput) -> list[str]:
    oof, info, facts = report.trained_on, report.result.model.info, _facts(report)
    counts = np.bincount(oof["label"].to_numpy(), minlength=len(CLASS_NAMES))
    classes = ", ".join(f"{count:,} {name}" for name, count in zip(CLASS_NAMES, counts, strict=True))
    genes = f"{oof[GENE].n_unique():,} genes in {oof['family'].n_unique():,} families"
    return _bullets(
        (
            f"Table: {_name(report)}; {oof.height:,} positions ({classes}) of {genes}.",
            *_mined(report),
            f"Base model: {facts.get('base_model') or _UNKNOWN}.",
            f"Chromosomes that the base model was trained on: {report.base_train_chroms}.",
            f"Weights of the rows: {info.weighting}.",
            f"Probabilities are right for the class shares {_shares(info.prevalence)}.",
        )
    )


def _mined(report: ReportInput) -> list[str]:
    """What the final model was trained on besides the table."""
    final = [record for record in report.result.mining if record.fold < 0 and record.chosen]
    mined = sum(record.mined for record in final)
    return [f"Mined from all positions of these genes and trained on besides: {mined:,} negatives."] if final else []


def _shares(shares: Sequence[float] | None) -> str:
    if shares is None:
        return "of an unknown population"
    return ", ".join(f"{name} {share:.6g}" for name, share in zip(CLASS_NAMES, shares, strict=True))


def _scores(report: ReportInput) -> list[str]:
    lines = []
    tables = (
        (f"{report.whole_genes_title}, out of fold", report.whole_genes, "every position"),
        ("On the external table", report.external, report.external_rows),
        ("On the training table, out of fold", report.run.evaluation, "rows of the table"),
    )
    for title, table, rows in tables:
        if table is not None:
            lines += [f"{title}, {table.headline.where(rows)}, against the best base model:", "", *_figures(table), ""]
    return lines[:-1] if lines else ["Base and meta-model were not compared in this run."]


def _figures(table: EvaluationTable) -> list[str]:
    rows = table.select(population=table.headline.population, stratum=ALL_ROWS, base_model=BEST_BASE)
    header = ["| metric | class | base | meta | difference | 95 % interval |", "| --- | --- | --- | --- | --- | --- |"]
    return [*header, *(_line(row) for row in rows)]


def _line(row: EvaluationRow) -> str:
    title = METRICS[row.metric].title if row.metric in METRICS else row.metric
    bounds = "–" if row.lower is None or row.upper is None else f"{shown(row.lower, '+')} to {shown(row.upper, '+')}"
    cells = (title, row.target, shown(row.base), shown(row.meta), shown(row.difference, "+"), bounds)
    return f"| {' | '.join(cells)} |"


def _limits(report: ReportInput) -> list[str]:
    info = report.result.model.info
    standing = (
        "Scores hold for genes like those of the training table, not for other species, annotations or base models.",
        "Prediction compares the features of a table with those of training: read what it reports.",
        f"Predictions on the {len(info.genes):,} genes of training (`seen_in_training`) are no evidence of anything.",
        "Labels are those of the annotation used: sites of isoforms that it leaves out count as errors.",
        "Where the class shares differ from those above, use `--prevalence`.",
        "Not validated for clinical decisions.",
    )
    return _bullets((*report.warnings(), *standing))


def _licences(report: ReportInput) -> list[str]:
    found = _facts(report).get("licences")
    licences = [str(item) for item in found] if isinstance(found, list | tuple) else []
    if not licences:
        return [f"Licences are {_UNKNOWN}: check those of the base model before passing the model or its scores on."]
    return [*_bullets(licences), "", "Terms of the base model's scores can bind what is derived from them."]


def _use(report: ReportInput) -> list[str]:
    command = f"meta-models predict --model RUN_DIR/{report.model_file} --dataset TABLE --out scores.parquet"
    return ["```python", *report.load_lines(), "```", "", "```", command, "```"]
