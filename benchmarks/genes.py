"""Learners of genes: positions a second of training and of prediction, and the measured peak beside the predicted one.

Usage:
    python benchmarks/genes.py [--learners tcn gru lstm transformer] [--genes 20] [--length 20000] [--threads 1]

Genes are random bases and random scores of three base models: what is learned from them does not matter here. One epoch
is trained on all genes but the first, which is scored twice; prediction is the faster of the two, in CPU seconds and in
wall time (which differ with more threads). A learner is measured in a process of its own, for its memory.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from meta_models.learners.registry import LEARNERS
from meta_models.learners.seam import FitJob, Resources, Shape
from meta_models.learners.seam.genes import GenePredictor, GeneTracks, LabelledGene, TrainingGenes
from meta_models.resources import PeakSampler, tree_pss

MODELS = ("one", "two", "three")
FLANK = 125


@dataclass(frozen=True)
class RandomGenes:
    """`number` genes of `length` positions with two sites in every 1,000."""

    number: int
    length: int

    def __iter__(self) -> Iterator[LabelledGene]:
        return (self.gene(number) for number in range(self.number))

    def gene(self, number: int) -> LabelledGene:
        random = np.random.default_rng(number)
        span = self.length + 2 * FLANK
        scores = {name: (random.random((span, 2)) ** 8 / 2).astype(np.float32) for name in MODELS}
        labels = np.zeros(self.length, np.uint8)
        labels[100::1000], labels[600::1000] = 1, 2
        return LabelledGene(GeneTracks(f"g{number}", FLANK, random.integers(0, 4, span, np.uint8), scores), labels)


def measure(name: str, genes: RandomGenes, threads: int) -> dict[str, float | str]:
    """Figures of one learner."""
    learner = LEARNERS[name]
    config = learner.Config(epochs=1, siteless_share=1.0)
    lengths = np.full(genes.number, genes.length)
    rows = np.arange(genes.number)  # one row a gene is enough to say what it is for
    training = TrainingGenes(genes, lengths, FLANK, MODELS, (), rows, np.zeros_like(rows))
    job = FitJob(name, 0, (0, 1, 2), rows > 0, np.zeros_like(rows, np.bool_), rows == 0)
    with tempfile.TemporaryDirectory() as folder, PeakSampler() as sampler:
        resources = Resources(threads, cache=Path(folder))
        before = tree_pss()
        with learner.prepare(training, config, resources) as prepared:
            begin = time.process_time()
            predictor = prepared.fit(job, np.zeros_like(rows), None, threads=threads).predictor
            trained = time.process_time() - begin
    shape = Shape(len(rows), 2 * len(MODELS), positions=int((lengths + 2 * FLANK).sum()))
    footprint = learner.footprint(shape, config, resources)
    return {
        "learner": name,
        "training_positions_per_cpu_second": round((genes.number - 1) * genes.length / trained),
        **prediction(predictor, genes, threads),
        "peak_mb": round((sampler.peak_bytes - before) / 1e6),
        "predicted_mb": round(max(footprint.building, footprint.held + footprint.job) / 1e6),
    }


def prediction(predictor: GenePredictor, genes: RandomGenes, threads: int) -> dict[str, float]:
    """The faster of two scorings of the first gene."""
    predictor.set_threads(threads)
    gene, cpu, wall = genes.gene(0).tracks, [], []
    for _ in range(2):
        begin = time.process_time(), time.perf_counter()
        predictor.gene_scores(gene)
        cpu.append(time.process_time() - begin[0])
        wall.append(time.perf_counter() - begin[1])
    return {
        "positions_per_cpu_second": round(genes.length / min(cpu)),
        "positions_per_second": round(genes.length / min(wall)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--learners", nargs="+", default=["tcn", "gru", "lstm", "transformer"])
    parser.add_argument("--genes", type=int, default=20)
    parser.add_argument("--length", type=int, default=20_000)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    if len(args.learners) == 1:
        print(json.dumps(measure(args.learners[0], RandomGenes(args.genes, args.length), args.threads)))
        return
    sizes = ["--genes", str(args.genes), "--length", str(args.length), "--threads", str(args.threads)]
    for name in args.learners:
        subprocess.run([sys.executable, __file__, "--learners", name, *sizes], check=True)


if __name__ == "__main__":
    main()
