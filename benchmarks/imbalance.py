"""What the ways of meeting rare classes do: every position out of fold, with calibration on the rows as they are.

    python benchmarks/imbalance.py --built BUILT [--forms sampling balanced] [--tsv RESULTS.tsv] [--runs DIR]
        [-- OPTIONS OF TRAIN]
    python benchmarks/imbalance.py --summary RESULTS.tsv [RESULTS.tsv ...]

BUILT is a folder of ``meta-models build``. Each form is a run of ``meta-models train`` with the same folds, seed and
rounds. Printed, mean of donor and acceptor: average precision on every position with the 95 % interval of its
difference from the best base model, F1 of the most probable class, expected calibration error, and the log-loss of all
three classes. On the rows of the table, weighted to all positions: log-loss before calibration (raw) and after, and F1
with the threshold that is best on the other folds. Each form has the same calibration: on held-out rows with their
sampling weights, whatever the training weighed.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import polars as pl

from meta_models.metrics import log_loss
from meta_models.result import CALIBRATED, RAW, probability_columns

#: Stands for the folder among the options of a form.
BUILT = "BUILT"
#: Options by form; what stands behind ``--stages`` is written into a file.
FORMS = {
    "sampling": [],
    "none": ["--training-weights", "none"],
    "balanced": ["--training-weights", "balanced"],
    "effective": ["--training-weights", "effective"],
    "balanced-draws": ["--training-weights", "balanced-draws"],
    "oversampling": ["--training-weights", "oversampling"],
    "class-weights 1 3 3": ["--class-weights", "1", "3", "3"],
    "class-weights 1 30 30": ["--class-weights", "1", "30", "30"],
    "thin-negatives .3": ["--thin-negatives", ".3"],
    "mined negatives": ["--mine-negatives", BUILT],
    "stage: hardest .2": ["--stages", "- hardest: 0.2"],
    "stage: hardest .2, others .25": ["--stages", "- {hardest: 0.2, others: 0.25}"],
    "stage: score .01 to .99": ["--stages", "- score: {at_least: 0.01, at_most: 0.99}"],
    "stage: all rows again": ["--stages", "- hardest: 1.0"],
    "focal loss": ["--loss", "focal"],
    "lightgbm": ["--learners", "lightgbm"],
    "lightgbm, focal loss": ["--learners", "lightgbm", "--lightgbm.loss", "focal"],
}
ALWAYS = [
    "--analyses", "base-vs-meta", "decisions", "--whole-genes", "all", "--bootstrap-samples", "200",
]  # fmt: skip
COLUMNS = ("form", "ap", "lower", "upper", "f1", "ece", "log_loss", "raw_loss", "table_loss", "f1_threshold")
ALL = {"population": "table", "stratum": "all", "base_model": "best base"}


def options_of(built: Path, form: str, folder: Path) -> list[str]:
    """The options of a form, whose file of stages is written into `folder`."""
    options = [str(built) if option == BUILT else option for option in FORMS[form]]
    if "--stages" in options:
        (folder / "stages.yaml").write_text(f"{options[-1]}\n", encoding="utf-8")
        options[-1] = str(folder / "stages.yaml")
    return options


def measure(built: Path, form: str, folder: Path, more: list[str]) -> dict[str, object]:
    """Train in one form, into a folder inside `folder`; its figures."""
    run, options = folder / re.sub(r"\W+", "_", form), options_of(built, form, folder)
    command = [sys.executable, "-m", "meta_models", "train", "--dataset", str(built), "--out-dir", str(run)]
    subprocess.run([*command, *ALWAYS, *options, *more], check=True, stdout=subprocess.DEVNULL)
    whole = pl.read_csv(run / "oof_dataset_evaluation.tsv", separator="\t").filter(**ALL)
    precision = whole.filter(metric="average_precision", target="mean").row(0, named=True)
    of_sites = whole.filter(pl.col("target").is_in(["donor", "acceptor"]))
    means = {name: of_sites.filter(metric=name)["meta"].mean() for name in ("class_f1", "expected_calibration_error")}
    raw, calibrated = table_losses(pl.read_parquet(run / "oof_predictions.parquet"))
    values = (
        form, precision["meta"], precision["lower"], precision["upper"], means["class_f1"],
        means["expected_calibration_error"], whole.filter(metric="log_loss")["meta"].item(), raw, calibrated,
        threshold_f1(run),
    )  # fmt: skip
    return dict(zip(COLUMNS, values, strict=True))


def table_losses(oof: pl.DataFrame) -> tuple[float, float]:
    """Weighted log-loss of the rows of the table before and after calibration."""
    labels, weights = oof["label"].to_numpy(), oof["weight"].to_numpy()
    scores = [oof.select(probability_columns(prefix)).to_numpy().astype(np.float64) for prefix in (RAW, CALIBRATED)]
    raw, calibrated = (log_loss(labels, values / values.sum(axis=1, keepdims=True), weights).value for values in scores)
    return float(raw or np.nan), float(calibrated or np.nan)


def threshold_f1(run: Path) -> float:
    """F1 of the meta-model with thresholds of the other folds, weighted, mean of donor and acceptor."""
    table = pl.read_csv(run / "performance_plots" / "operating_points.tsv", separator="\t", infer_schema_length=None)
    chosen = table.filter(pl.col("scorer").str.starts_with("meta"), population="genomic", stratum="all")
    return float(chosen["f1"].cast(pl.Float64).mean())


def lines(results: pl.DataFrame) -> Iterator[str]:
    """A table in Markdown."""
    yield "| form | AP | minus best base | F1 | F1 at thresholds | ECE | log-loss | raw -> calibrated |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- |"
    for row in results.iter_rows(named=True):
        yield (
            f"| {row['form']} | {row['ap']:.4f} | {row['lower']:+.4f} to {row['upper']:+.4f} | {row['f1']:.4f} "
            f"| {row['f1_threshold']:.4f} | {row['ece']:.5f} | {row['log_loss']:.5f} "
            f"| {row['raw_loss']:.5f} -> {row['table_loss']:.5f} |"
        )


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--built", type=Path)
    parser.add_argument("--forms", nargs="+", choices=FORMS, default=list(FORMS))
    parser.add_argument("--tsv", type=Path)
    parser.add_argument("--runs", type=Path, help="folder in which the runs are kept, for meta-models compare")
    parser.add_argument("--summary", type=Path, nargs="+")
    parser.add_argument("train", nargs="*", help="options of train, after --")
    given = parser.parse_args()
    if given.summary:
        results = pl.concat([pl.read_csv(path, separator="\t") for path in given.summary])
    else:
        rows = []
        for form in given.forms:
            with tempfile.TemporaryDirectory() if given.runs is None else nullcontext(given.runs) as folder:
                rows.append(measure(given.built, form, Path(folder), given.train))
            results = pl.DataFrame(rows)
            if given.tsv:
                results.write_csv(given.tsv, separator="\t")
    sys.stdout.write("\n".join(lines(results)) + "\n")


if __name__ == "__main__":
    main()
