"""What the bound on leaves does to rare classes, at few and at many rounds.

    python benchmarks/rare_classes.py TABLE [--folds 5] [--rounds 6 50 200]

Trains the table with the bound that the configuration chooses, with a bound of 1 and with none, and prints the mean
average precision of donor and acceptor out of fold, weighted to all positions where the table knows its weights.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import polars as pl

from meta_models.cli import main as command
from meta_models.metrics import average_precision


def precision(out: Path) -> float:
    oof = pl.read_parquet(out / "oof_predictions.parquet")
    labels, weights = oof["label"].to_numpy(), oof["weight"].to_numpy()
    figures = [
        average_precision(labels == k, oof[f"raw_{name}"].to_numpy(), weights).value
        for k, name in ((1, "donor"), (2, "acceptor"))
    ]
    return float(np.mean([figure for figure in figures if figure is not None]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--rounds", type=int, nargs="+", default=[6, 50, 200])
    arguments = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for rounds in arguments.rounds:
            for name, bound in (("chosen", []), ("1", ["--max-delta-step", "1"]), ("none", ["--max-delta-step", "0"])):
                out = Path(folder) / f"{rounds}-{name}"
                options = [
                    "--n-estimators",
                    str(rounds),
                    "--n-folds",
                    str(arguments.folds),
                    "--analyses",
                    "features",
                    *bound,
                ]
                code = command(["train", "--dataset", arguments.table, "--out-dir", str(out), *options])
                if code:
                    raise SystemExit(code)
                rows.append(f"rounds {rounds:4}  bound {name:7} mean AP {precision(out):.4f}")
    print("\n".join(rows))


if __name__ == "__main__":
    main()
