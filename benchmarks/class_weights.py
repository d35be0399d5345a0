"""What weights of rows and classes do to average precision: quick, on every position of genes that were held out.

    python benchmarks/class_weights.py BUILT [--seeds 0 1 2] [--test .33] [--rounds 100] [--tsv RESULTS.tsv]

BUILT is a folder of ``meta-models build``. For each seed whole families are dealt out, ``--test`` of them are held out.
Each form of weights is fitted to the table's rows of the other genes and scored, uncalibrated, on every position of the
held-out genes. Printed, the mean over the seeds: average precision (mean of donor and acceptor), its difference from
the default with the least and the largest of the seeds, F1 where a site is called from .5 on, best F1 over all
thresholds (chosen on the same positions: an upper bound), and log-loss. ``benchmarks/imbalance.py`` runs the whole
trainer, with calibration.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
from sklearn.metrics import precision_recall_curve

from meta_models.dataset.built import BuiltFolder
from meta_models.estimators import MetaModelClassifier
from meta_models.features import column_names
from meta_models.inference.stretches import Stretch, features_of, matrix_of, packs
from meta_models.metrics import log_loss, mean_site_ap
from meta_models.schema import GENE, LABEL, LABEL_VALUES, SITE_CLASSES, WEIGHT
from meta_models.training.fitting.row_weights import row_weights

#: Kind of weights of rows, and what those of the classes are multiplied by.
FORMS = {
    "sampling": ("sampling", None),
    "none": ("none", None),
    "balanced": ("balanced", None),
    "effective": ("effective", None),
    "balanced-draws": ("balanced-draws", None),
    "oversampling": ("oversampling", None),
    "sampling, class-weights 1 3 3": ("sampling", (1, 3, 3)),
    "sampling, class-weights 1 30 30": ("sampling", (1, 30, 30)),
    "sampling, class-weights 3 1 1": ("sampling", (3, 1, 1)),
}
FIGURES = ("ap", "f1", "best_f1", "log_loss")


def figures(labels: np.ndarray, probabilities: np.ndarray) -> tuple[float, ...]:
    """AP, F1 at .5, best F1 (means of donor and acceptor), log-loss."""
    halves, best = [], []
    for k in SITE_CLASSES:
        truth, called = labels == k, probabilities[:, k] >= 0.5
        halves.append(2 * (truth & called).sum() / max(truth.sum() + called.sum(), 1))
        precision, recall, _ = precision_recall_curve(truth, probabilities[:, k])
        best.append((2 * precision * recall / np.maximum(precision + recall, 1e-12)).max())
    ap = mean_site_ap(labels, probabilities, np.ones(len(labels), np.float32))
    return ap or 0.0, float(np.mean(halves)), float(np.mean(best)), float(log_loss(labels, probabilities).value or 0)


def positions_of(folder: BuiltFolder, genes: set[str]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Features and labels of every position of some genes, pack by pack."""
    names = column_names(folder.recipe)
    for pack in packs(Stretch(gene, np.flatnonzero(gene.counted)) for gene in folder.genes.genes(genes)):
        labels = np.concatenate([stretch.gene.labels[stretch.rows] for stretch in pack])
        yield matrix_of(features_of(pack, folder.recipe), names), labels


def compare(path: Path, seed: int, test: float, rounds: int) -> Iterator[tuple[object, ...]]:
    """Seed, form and figures of each form."""
    folder = BuiltFolder.open(path)
    families = {entry.gene_id: entry.family for entry in folder.genes.entries}
    order = np.random.default_rng(seed).permutation(sorted(set(families.values())))
    held = set(order[: round(test * len(order))])
    genes = {gene for gene, family in families.items() if family in held}
    rows = pl.read_parquet(folder.master / "*.parquet").filter(~pl.col(GENE).is_in(list(genes)))
    X = rows.select(pl.col(column_names(folder.recipe)).cast(pl.Float32)).to_numpy(order="c")
    labels = rows[LABEL].fill_null("").replace_strict(LABEL_VALUES, return_dtype=pl.Int64).to_numpy()
    models = {}
    for form, (kind, of_classes) in FORMS.items():
        weights = row_weights(kind, labels, rows[WEIGHT].cast(pl.Float32).to_numpy(), of_classes=of_classes, seed=seed)
        given = np.ones(len(labels)) if weights is None else weights / weights.mean()
        model = MetaModelClassifier(n_jobs=1, calibrate=False, learner_params={"n_estimators": rounds})
        models[form] = model.fit(X, labels, groups=rows[GENE].to_numpy(), sample_weight=given).model_
    found: dict[str, list[np.ndarray]] = {form: [] for form in FORMS}
    truth = []
    for matrix, of_rows in positions_of(folder, genes):
        truth.append(of_rows)
        for form, model in models.items():
            found[form].append(model.predict_proba(matrix))
    for form, parts in found.items():
        yield seed, form, *figures(np.concatenate(truth), np.concatenate(parts))


def lines(results: pl.DataFrame) -> Iterator[str]:
    """A table in Markdown."""
    yield "| weights | AP | minus default (least, largest seed) | F1 at .5 | best F1 | log-loss, uncalibrated |"
    yield "| --- | --- | --- | --- | --- | --- |"
    default = results.filter(form="sampling").sort("seed")["ap"].to_numpy()
    for form in FORMS:
        rows = results.filter(form=form).sort("seed")
        apart, mean = rows["ap"].to_numpy() - default, {name: rows[name].mean() for name in FIGURES}
        difference = "" if form == "sampling" else f"{apart.mean():+.4f} ({apart.min():+.4f}, {apart.max():+.4f})"
        yield (
            f"| {form} | {mean['ap']:.4f} | {difference} | {mean['f1']:.4f} | {mean['best_f1']:.4f} "
            f"| {mean['log_loss']:.5f} |"
        )


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("built", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--test", type=float, default=0.33)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--tsv", type=Path)
    given = parser.parse_args()
    rows = []
    for seed in given.seeds:
        rows += compare(given.built, seed, given.test, given.rounds)
        results = pl.DataFrame(rows, ["seed", "form", *FIGURES], orient="row")
        if given.tsv:
            results.write_csv(given.tsv, separator="\t")
    sys.stdout.write("\n".join(lines(results)) + "\n")


if __name__ == "__main__":
    main()
