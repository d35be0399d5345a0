"""The figures that quality gates look at, each read from the files of a finished run."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from meta_models.analysis.comparison.table import EvaluationTable, shown
from meta_models.analysis.fit_quality.overfitting import MOST_RISEN, gap_table, risen_loss
from meta_models.finished_run import FinishedRun
from meta_models.pipeline.reporting import SCREENED_GENES, SCREENING, WHOLE_GENES
from meta_models.result import CALIBRATED, probability_columns
from meta_models.schema import SITE_CLASSES
from meta_models.wording import counted

#: What the analysis base-vs-meta writes.
_SUMMARY = "meta_evaluation_summary.json"


@dataclass(frozen=True)
class Measured:
    """A figure of a run.

    Attributes
    ----------
    value : float or None
        What a gate compares; None where it cannot be computed: a gate on it fails.
    text : str
        What it is made of, or why there is none.
    applicable : bool
        False where such a run has no such figure.
    """

    value: float | None
    text: str
    applicable: bool = True


@dataclass(frozen=True)
class Measure:
    """How a figure is measured, and the limits that it must keep by default.

    Attributes
    ----------
    figure : str
        What the value that is compared is called.
    limits : mapping of str to float
        ``above``, ``at_least`` and ``at_most``, as far as there are any.
    signed : bool
        Whether the value is a difference, which is shown with its sign.
    """

    figure: str
    measure: Callable[[FinishedRun], Measured]
    limits: Mapping[str, float]
    signed: bool = False


def data_checked(run: FinishedRun) -> Measured:
    """Files of the table that were hashed, where every feature was screened for leaks, too."""
    if not run.has(SCREENING):
        return Measured(None, "features were not screened for leaks")
    tested = pl.read_csv(run.read(SCREENING), infer_schema_length=None).height
    genes = run.read(SCREENED_GENES).decode().count("\n")
    files = len(run.manifest.inputs)
    return Measured(float(files), f"{counted(tested, 'test')} for leaks on {counted(genes, 'gene')}")


def seeds_set(run: FinishedRun) -> Measured:
    """Seeds that stand in the manifest and in the configuration."""
    seeds, seed = dict(run.manifest.seeds), run.config.get("seed")
    if not seeds or seed is None:
        return Measured(0.0, "the run has no seed on record")
    return Measured(float(len(seeds)), ", ".join(f"{name} {value}" for name, value in seeds.items()))


def baseline_beaten(run: FinishedRun) -> Measured:
    """Lower end of the 95 % interval of the difference to the best base model, where every position counts if known."""
    name = next((name for name in (f"{WHOLE_GENES}.json", _SUMMARY) if run.has(name)), None)
    if name is None:
        return Measured(None, "the run was not compared with base models (--analyses base-vs-meta)", applicable=False)
    headline = EvaluationTable.from_json(json.loads(run.read(name))).headline
    row = headline.row
    if row.lower is None or row.upper is None or row.difference is None:
        return Measured(None, f"there is no interval: {row.reason or row.note or 'unknown'}")
    where = "every position of whole genes" if name.startswith(WHOLE_GENES) else headline.where()
    difference, lower, upper = (shown(value, "+") for value in (row.difference, row.lower, row.upper))
    figures = f"{difference}, 95 % {lower} to {upper}, {row.families:,} families"
    return Measured(row.lower, f"mean average precision minus {headline.best_base_text} {figures}, {where}")


def folds_complete(run: FinishedRun) -> Measured:
    """Share of the folds whose rows are scored and have donors and acceptors."""
    expected = len(run.stored.folds)
    scored = run.oof.filter(_scored()).group_by("fold").agg(pl.col("label").unique().alias("labels"))
    sites = [int(target) for target in SITE_CLASSES]
    whole = sum(set(sites) <= set(labels) for labels in scored["labels"].to_list())
    if not expected:
        return Measured(None, "the run has no folds on record")
    return Measured(whole / expected, f"{whole} of {expected} folds scored, with donors and acceptors")


def overfitting(run: FinishedRun) -> Measured:
    """Log-loss on rows not trained on after the last round over the lowest after any, over the models of the folds.

    The report warns of the same figure at the same limit.
    """
    fits = run.stored.fits
    gaps = gap_table(fits).filter(pl.col("fold") != "final").drop_nulls(["train_loss", "held_out_loss"])
    risen = risen_loss(fits)
    if not gaps.height or risen is None:
        return Measured(None, "the learner keeps no losses of its folds", applicable=False)
    train, held_out = (float(gaps[name].to_numpy().sum()) for name in ("train_loss", "held_out_loss"))
    beside = f", {held_out / train:.2f} times the loss of training" if train else ""
    return Measured(risen, f"{counted(gaps.height, 'model')}{beside}")


def calibration(run: FinishedRun) -> Measured:
    """Expected over observed sites, or the inverse where that is larger, of the class where they differ most.

    References
    ----------
    Van Calster et al., Calibration: the Achilles heel of predictive analytics, BMC Medicine 17, 2019 (mean calibration)
    """
    oof = run.oof.filter(_scored())
    weight = oof["weight"].to_numpy().astype(np.float64)
    found = {}
    for target in SITE_CLASSES:
        expected = float(weight @ oof[probability_columns(CALIBRATED)[target]].to_numpy().astype(np.float64))
        observed = float(weight[oof["label"].to_numpy() == target].sum())
        if not observed or not expected:
            return Measured(None, f"there are no {target.label}s, or none is expected")
        found[target.label] = expected / observed
    text = ", ".join(f"{ratio:.3f} {label}s expected for each observed" for label, ratio in found.items())
    return Measured(max(max(ratio, 1 / ratio) for ratio in found.values()), text)


def positions_scored(run: FinishedRun) -> Measured:
    """Share of the rows of the table that have a probability by a model that never saw their gene."""
    total, scored = run.oof.height, run.oof.filter(_scored()).height
    missing = run.stored.ensemble.missing_genes if run.stored.ensemble is not None else ()
    text = f"{scored:,} of {total:,} rows of the table scored out of fold"
    if missing:
        were = "was" if len(missing) == 1 else "were"
        return Measured(None, f"{text}, but {counted(len(missing), 'gene')} {were} left out of training")
    return Measured(scored / total if total else None, text)


def _scored() -> pl.Expr:
    columns = probability_columns(CALIBRATED)
    return pl.all_horizontal(pl.col(name).is_not_null() & pl.col(name).is_finite() for name in columns)


#: Every gate by name, in the order of tables.
MEASURES: dict[str, Measure] = {
    "data_checked": Measure("files of the table hashed", data_checked, {"at_least": 1}),
    "seeds_set": Measure("seeds on record", seeds_set, {"at_least": 1}),
    "baseline_beaten": Measure("lower bound", baseline_beaten, {"above": 0}, signed=True),
    "folds_complete": Measure("share of folds that are complete", folds_complete, {"at_least": 1}),
    "overfitting": Measure("held-out loss at the end over its lowest", overfitting, {"at_most": MOST_RISEN}),
    "calibration": Measure("largest factor between expected and observed sites", calibration, {"at_most": 1.25}),
    "positions_scored": Measure("share of rows scored", positions_scored, {"at_least": 1}),
}
