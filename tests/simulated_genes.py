"""Small genes with sites that a motif and noisy base scores tell, for learners of genes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from meta_models.learners.seam import FitJob
from meta_models.learners.seam.genes import GeneTracks, LabelledGene, TrainingGenes

FLANK = 12
#: AGGTAA around a donor, TTCAGG around an acceptor: the site is the last of the first three, or the first after AG.
MOTIFS = {1: ((0, 2, 2, 3, 0, 0), 1), 2: ((3, 3, 1, 0, 2, 2), 5)}


@dataclass(frozen=True)
class Genes:
    """Genes made again whenever they are asked for."""

    number: int = 12
    mean_length: int = 150
    models: tuple[str, ...] = ("main", "other")
    evidence: tuple[str, ...] = ("conservation",)
    siteless: int = 0
    seed: int = 0

    def __iter__(self) -> Iterator[LabelledGene]:
        return (self.gene(number) for number in range(self.number))

    def length(self, number: int) -> int:
        return self.mean_length - 30 + number * 7 % 60

    def gene(self, number: int) -> LabelledGene:
        random = np.random.default_rng([self.seed, number])
        length = self.length(number)
        codes = random.integers(0, 4, length + 2 * FLANK).astype(np.uint8)
        labels = np.zeros(length, np.uint8)
        for place in range(10, length - 10, 25) if number >= self.siteless else ():
            kind = 1 + place // 25 % 2
            motif, shift = MOTIFS[kind]
            codes[FLANK + place - shift : FLANK + place - shift + len(motif)] = motif
            labels[place] = kind
        padded = np.pad(labels, FLANK)
        scores = {name: _scores(padded, random) for name in self.models}
        evidence = {name: random.normal(padded > 0, 1).astype(np.float32) for name in self.evidence}
        for track in evidence.values():
            track[:3] = np.nan
        return LabelledGene(GeneTracks(f"gene_{number}", FLANK, codes, scores, evidence), labels)

    def training(self, **changes: object) -> TrainingGenes:
        """With a row of the table for every second position, in an order of its own."""
        lengths = np.array([self.length(number) for number in range(self.number)])
        gene = np.repeat(np.arange(self.number), lengths)
        position = np.concatenate([np.arange(length) for length in lengths])
        rows = np.random.default_rng(5).permutation(len(gene))[::2]
        genes = TrainingGenes(
            self, lengths, FLANK, self.models, self.evidence, gene[rows], position[rows], self.seed
        )  # fmt: skip
        return replace(genes, **changes)

    def row_labels(self, genes: TrainingGenes) -> np.ndarray:
        labels = [self.gene(number).labels for number in range(self.number)]
        pairs = zip(genes.gene_of_row, genes.position_of_row, strict=True)
        return np.array([labels[gene][position] for gene, position in pairs])


def job(genes: TrainingGenes, stop: tuple[int, ...] = (), score: tuple[int, ...] = (0, 1)) -> FitJob:
    """A fit on all genes but those of `stop` and `score`."""
    stopped, scored = np.isin(genes.gene_of_row, stop), np.isin(genes.gene_of_row, score)
    return FitJob("fold 0", 0, (0, 1, 2), ~stopped & ~scored, stopped, scored)


def _scores(labels: np.ndarray, random: np.random.Generator) -> np.ndarray:
    odds = random.normal(-4, 1.5, (len(labels), 2))
    odds[:, 0] += 4 * (labels == 1)
    odds[:, 1] += 4 * (labels == 2)
    scores = 0.5 / (1 + np.exp(-odds))
    scores[: FLANK // 2] = np.nan
    return scores.astype(np.float32)
