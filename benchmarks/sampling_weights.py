"""What metrics weighted by ``sampling_weight`` are worth: bias and coverage over redraws of the negatives.

Usage:
    python benchmarks/sampling_weights.py --dataset EVERY_POSITION [--scores SCORES.npy] [--redraws 200]

EVERY_POSITION is a table of all positions of its genes. Each redraw keeps all sites and all negatives whose main base
score is at least ``--hard-threshold``, and draws as many of the other negatives of each gene as a table with
``--negatives-per-site`` has, without replacement; drawn rows weigh their gene's easy negatives over those drawn. Genes,
sites and scores stay the same: what varies is the sample alone. Scored are all base models, and with ``--scores`` a
float array (rows, 3) in the order neither, donor, acceptor (a meta-model's out-of-fold probabilities, say).

Printed for each scorer: bias (mean of the weighted figure minus the exact one on all positions, with its standard
error) and standard deviation of every weighted metric; for average precision also the share of redraws whose nominal
95 % design interval holds the exact figure, linearised (normal) and skew-aware (gamma), its mean width, and how often
it is null because a few heavy rows decide. The effective number of rows is Kish's, of the negatives.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from meta_models.dataset.positions import Positions, read_positions
from meta_models.dataset.reading.open import open_dataset
from meta_models.metrics import METRICS, design_interval, effective_sample_size, heavy_row_share
from meta_models.schema import GENE, SITE_CLASSES, SpliceClass

NORMAL = 1.959964


@dataclass(frozen=True)
class Design:
    """How negatives are drawn: rows that are always there, and easy negatives of each gene with how many are drawn."""

    certain: NDArray[np.int64]
    easy: tuple[tuple[NDArray[np.int64], int], ...]

    @classmethod
    def of(cls, positions: Positions, hard_threshold: float, per_site: int) -> Design:
        main = positions.frame.select(positions.bases[0].columns[1:]).to_numpy().max(axis=1)
        site = positions.labels != SpliceClass.NEITHER
        easy = ~site & (main < hard_threshold)
        genes, drawn = positions.codes(GENE), []
        order = np.argsort(genes, kind="stable")
        for rows in np.split(order, np.flatnonzero(np.diff(genes[order])) + 1):
            sites, hard = int(site[rows].sum()), int((~site & ~easy)[rows].sum())
            wanted = max(per_site * sites - hard, sites)
            drawn.append((rows[easy[rows]], min(wanted, int(easy[rows].sum()))))
        return cls(np.flatnonzero(~easy), tuple((rows, n) for rows, n in drawn if n))

    def draw(self, rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        rows, weights = [self.certain], [np.ones(len(self.certain))]
        for easy, n in self.easy:
            rows.append(rng.choice(easy, n, replace=False))
            weights.append(np.full(n, len(easy) / n))
        return np.concatenate(rows), np.concatenate(weights)


def intervals(
    positive: NDArray, score: NDArray, weight: NDArray, figure: float
) -> dict[str, tuple[float, float] | None]:
    heavy = heavy_row_share(positive, score, weight)
    found = design_interval(figure, heavy.loss, heavy.design_error, heavy.unseen, heavy.effective_rows)
    margin = NORMAL * heavy.design_error
    skewed = None if found.lower is None or found.upper is None else (found.lower, found.upper)
    return {"normal": (figure - margin, figure + margin), "gamma": skewed}


def report(name: str, values: NDArray, exact: float) -> str:
    error = values.std(ddof=1) / np.sqrt(len(values))
    return (
        f"{name:<52} exact {exact:10.5f}  bias {values.mean() - exact:+.5f} +- {error:.5f}  sd {values.std(ddof=1):.5f}"
    )


def measured(scorer: str, labels: NDArray, scores: NDArray, samples: list[tuple[NDArray, NDArray]]) -> Iterator[str]:
    for spec in METRICS.values():
        for target in SITE_CLASSES if spec.per_class else (SpliceClass.NEITHER,):
            exact = spec.function(labels, scores, None, target).value
            drawn = [spec.function(labels[rows], scores[rows], weight, target).value for rows, weight in samples]
            name = f"{scorer} {spec.name} {target.label if spec.per_class else ''}".rstrip()
            if exact is None or None in drawn:
                yield f"{name:<52} null in {drawn.count(None)} of {len(drawn)} redraws"
                continue
            yield report(name, np.array(drawn), exact)
            if spec.name == "average_precision":
                yield coverage(labels == target, scores[:, target], samples, drawn, exact)


def coverage(
    positive: NDArray, score: NDArray, samples: list[tuple[NDArray, NDArray]], figures: list[float], exact: float
) -> str:
    text = []
    found = [
        intervals(positive[rows], score[rows], weight, figure)
        for (rows, weight), figure in zip(samples, figures, strict=True)
    ]
    for kind in ("normal", "gamma"):
        known = [each[kind] for each in found if each[kind] is not None]
        holds = sum(lower <= exact <= upper for lower, upper in known)
        width = float(np.mean([upper - lower for lower, upper in known])) if known else float("nan")
        share = f"{holds / len(known):.3f}" if known else "none"
        text.append(f"{kind} {share} (width {width:.4f}, null {len(found) - len(known)})")
    return f"{'':<8}coverage of nominal 95 %: {', '.join(text)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--scores", type=Path)
    parser.add_argument("--redraws", type=int, default=200)
    parser.add_argument("--hard-threshold", type=float, default=0.005)
    parser.add_argument("--negatives-per-site", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as work_dir:
        positions = read_positions(open_dataset(args.dataset, work_dir=Path(work_dir)))
    design = Design.of(positions, args.hard_threshold, args.negatives_per_site)
    rng = np.random.default_rng(args.seed)
    samples = [design.draw(rng) for _ in range(args.redraws)]
    rows, weight = samples[0]
    negative = positions.labels[rows] == SpliceClass.NEITHER
    print(
        f"{len(positions.labels):,} positions; {len(rows):,} rows a redraw, {args.redraws} redraws; largest weight "
        f"{weight.max():,.0f}; {negative.sum():,} negatives, effective {effective_sample_size(weight, negative):,.0f}"
    )
    scorers = {base.name: positions.frame.select(base.columns).to_numpy() for base in positions.bases}
    if args.scores is not None:
        scorers["meta"] = np.load(args.scores, allow_pickle=False)
    for name, scores in scorers.items():
        for line in measured(name, positions.labels, scores, samples):
            print(line, flush=True)


if __name__ == "__main__":
    main()
