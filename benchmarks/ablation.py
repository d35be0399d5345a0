"""What helps on all positions: groups of features, and what is trained on. Prints one table in Markdown.

Usage:
    python benchmarks/ablation.py --table TABLE --all-positions EVERY_POSITION [--out-dir DIR] [--thin 0.1] [--full]

Each line is a run of the product on TABLE with its defaults but for what the line says; the figures are those of
``--oof-dataset EVERY_POSITION``: average precision on every position of the training genes, each gene scored by models
that never saw it, and the paired 95 % interval of meta minus best base over gene families. Features: the scores of the
main base model; all base models; features derived from the main one's scores and their neighbours (context); k-mer
counts; genomic features. Trained on: the table unweighted, weighted by ``sampling_weight``, by class (balanced, by
effective number), without the constraints on base scores, calibrated without them, with several trees a round, with
mined negatives, every position thinned, and with ``--full`` every position. Runs go to folders in ``--out-dir``; those
finished there are not repeated.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from meta_models.config import TrainingConfig
from meta_models.dataset.reading.open import open_dataset
from meta_models.dataset.reading.reader import Dataset
from meta_models.pipeline.run import run_training
from meta_models.run_folder import MANIFEST_NAME
from meta_models.schema import MAIN_BASE, FeatureGroup

RESULT = "oof_dataset_evaluation.json"


@dataclass(frozen=True)
class Line:
    """A line of the table: its name, the folder of its run, and what is not a default."""

    name: str
    folder: str
    options: dict[str, Any] = field(default_factory=dict)


def feature_lines(dataset: Dataset) -> Iterator[Line]:
    """Groups of features, each added to those before it."""
    steps = (
        ("main base scores only", "main", None),
        ("+ other base models", "bases", FeatureGroup.BASE),
        ("+ derived from the main scores", "derived", FeatureGroup.DERIVED),
        ("+ context (neighbours' scores)", "context", FeatureGroup.CONTEXT),
        ("+ k-mers", "kmers", FeatureGroup.KMER),
        ("+ genomic: all features", "table-sampling", FeatureGroup.GENOMIC),
    )
    kept = set(MAIN_BASE.columns)
    for name, folder, group in steps:
        kept |= {feature for feature in dataset.features if dataset.group(feature) is group}
        left_out = () if folder == "table-sampling" else tuple(f for f in dataset.features if f not in kept)
        yield Line(name, folder, {"exclude_features": left_out})


def training_lines(every_position: str, thin: float, *, full: bool) -> Iterator[Line]:
    """What is trained on, with all features."""
    for kind in ("none", "balanced", "effective", "sampling"):
        name = "table, unweighted" if kind == "none" else f"table, weights: {kind}"
        yield Line(name, f"table-{kind}", {"training_weights": kind})
    yield Line("table, sampling, boosters not monotone", "free", {"monotone": False})
    yield Line("table, sampling, calibrated without base scores", "platt", {"calib_method": "platt"})
    yield Line("table, sampling, 4 trees a round", "trees-4", {"trees_per_round": 4})
    yield Line("table, sampling + mined negatives", "mined", {"mine_negatives": every_position})
    thinned = {"dataset": every_position, "thin_negatives": thin}
    yield Line(f"every position, {thin:.0%} of easy negatives", f"thinned-{thin:g}", thinned)
    if full:
        yield Line("every position", "every", {"dataset": every_position})


def run(line: Line, args: argparse.Namespace, out_dir: Path) -> dict[str, Any]:
    """The evaluation of the line's run, which is made where it is not there yet."""
    folder = out_dir / line.folder
    if not (folder / RESULT).is_file():
        options = {
            "dataset": str(args.table), "oof_dataset": str(args.all_positions), "out_dir": folder,
            "analyses": ("targets",), "bootstrap_samples": args.bootstrap_samples, "threads": args.threads,
            "seed": args.seed, "resume": (folder / MANIFEST_NAME).is_file(), **line.options,
        }  # fmt: skip
        run_training(TrainingConfig.from_mapping(options))
    found: dict[str, Any] = json.loads((folder / RESULT).read_text(encoding="utf-8"))
    return found


def cells(evaluation: dict[str, Any]) -> list[str]:
    """Donor, acceptor and mean AP, the mean's interval, meta minus best base with its interval, and top-k."""
    rows = {
        (row["metric"], row["target"]): row
        for row in evaluation["rows"]
        if (row["population"], row["stratum"], row["base_model"]) == ("table", "all", "best base")
    }
    figures = [f"{rows['average_precision', target]['meta']:.4f}" for target in ("donor", "acceptor", "mean")]
    mean = rows["average_precision", "mean"]
    return [
        *figures,
        f"{mean['meta_lower']:.3f} to {mean['meta_upper']:.3f}",
        f"{mean['difference']:+.4f} ({mean['lower']:+.4f} to {mean['upper']:+.4f})",
        f"{rows['top_k_accuracy', 'mean']['meta']:.4f}",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", type=Path, required=True)
    parser.add_argument("--all-positions", type=Path, required=True)
    parser.add_argument("--out-dir", type=Path, help="folder of the runs (default: a temporary one)")
    parser.add_argument("--thin", type=float, default=0.1)
    parser.add_argument("--full", action="store_true", help="train on every position, too")
    parser.add_argument("--bootstrap-samples", type=int, default=1000)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        out_dir = args.out_dir or Path(scratch) / "runs"
        dataset = open_dataset(args.table, work_dir=Path(scratch) / "text")
        lines = [*feature_lines(dataset), *training_lines(str(args.all_positions), args.thin, full=args.full)]
        columns = ("", "donor AP", "acceptor AP", "mean AP", "95 %", "meta - best base (95 %)", "top-k")
        print("|", " | ".join(columns), "|")
        print("|", " | ".join("---" for _ in columns), "|")
        for line in lines:
            print("|", " | ".join([line.name, *cells(run(line, args, out_dir))]), "|", flush=True)


if __name__ == "__main__":
    main()
