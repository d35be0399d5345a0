"""Why learners of whole genes score as they do: groups of inputs taken away, and single positions explained."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meta_models.dataset.genes.columns import Gene
from meta_models.dataset.genes.folder import GeneFolder
from meta_models.learners.gene_bridge import tracks_of
from meta_models.learners.neural.serving.ablation import input_groups, without
from meta_models.learners.seam.genes import Attributions, GenePredictor
from meta_models.metrics import average_precision
from meta_models.schema import CLASS_NAMES, SITE_CLASSES, SpliceClass

#: Bases on either side of a position that are mutated.
REACH = 20
Predictors = Mapping[int, GenePredictor]


@dataclass(frozen=True)
class Site:
    """A position that is explained, and why it was chosen.

    Attributes
    ----------
    kind : str
        ``fixed`` or ``broken``: what the meta-model made of the base model's call.
    row : int
        Of the out-of-fold table.
    """

    gene_id: str
    fold: int
    position: int
    target: SpliceClass
    kind: str
    row: int = 0


@dataclass(frozen=True)
class Ablation:
    """Average precision of a class at all positions of some genes, with all inputs and without a group of them."""

    group: str
    target: SpliceClass
    whole: float | None
    without: float | None

    @property
    def loss(self) -> float | None:
        """What the group is worth."""
        return None if self.whole is None or self.without is None else self.whole - self.without


@dataclass(frozen=True)
class Explained:
    """A site with what its inputs add, and with what mutations around it change, where either can be told.

    Attributes
    ----------
    mutations : ndarray of float32 (2 REACH + 1, 4), or None
    codes : ndarray of uint8 (2 REACH + 1,)
        The bases there; N beyond what is known.
    measured : str
        What the tracks beside the base models are called.
    """

    site: Site
    attributions: Attributions | None
    mutations: NDArray[np.float32] | None
    codes: NDArray[np.uint8]
    measured: str = "evidence"

    def by_group(self) -> dict[str, float]:
        """What each group of inputs adds to the log-odds."""
        found = self.attributions
        if found is None:
            return {}
        parts = {"sequence": found.bases, **{f"scores:{key}": values for key, values in found.scores.items()}}
        parts |= {f"{self.measured}:{name}": values for name, values in found.evidence.items()}
        return {name: float(values.sum(dtype=np.float64)) for name, values in parts.items()}


def sampled_genes(genes: GeneFolder, folds: Mapping[str, int], positions: int, seed: int) -> list[str]:
    """Genes among those of `folds`, drawn by the seed until they have so many positions; one at least."""
    known = sorted((entry.gene_id, entry.length) for entry in genes.entries if entry.gene_id in folds)
    drawn = [known[k] for k in np.random.default_rng(seed).permutation(len(known))]
    ends = np.cumsum([length for _, length in drawn])
    return [gene for (gene, _), end in zip(drawn, ends, strict=True) if end <= positions] or [drawn[0][0]]


def ablations(
    predictors: Predictors, genes: GeneFolder, ids: Sequence[str], folds: Mapping[str, int]
) -> list[Ablation]:
    """What each group of inputs is worth at every position of the genes `ids`, each scored by its fold's predictor."""
    groups = ("", *input_groups(next(iter(predictors.values()))))
    labels, scores = list[NDArray[np.uint8]](), {group: list[NDArray[np.float32]]() for group in groups}
    for gene in genes.genes(ids):
        predictor, tracks, counted = predictors[folds[gene.gene_id]], tracks_of(gene, genes.recipe), gene.counted
        labels.append(gene.labels[counted])
        for group, found in scores.items():
            given = without(tracks, group) if group else tracks
            found.append(predictor.gene_scores(given)[counted])
    truth, joined = np.concatenate(labels), {group: np.concatenate(found) for group, found in scores.items()}
    return [
        Ablation(group, target, precision(truth, joined[""], target), precision(truth, joined[group], target))
        for group in groups[1:]
        for target in SITE_CLASSES
    ]


def explained_sites(predictors: Predictors, genes: GeneFolder, sites: Sequence[Site]) -> Iterator[Explained]:
    """Explain `sites`, each by its fold's predictor, gene by gene."""
    of_gene: dict[str, list[Site]] = {}
    for site in sites:
        of_gene.setdefault(site.gene_id, []).append(site)
    for gene in genes.genes(of_gene):
        tracks = tracks_of(gene, genes.recipe)
        for site in of_gene[gene.gene_id]:
            predictor = predictors[site.fold]
            yield Explained(
                site,
                predictor.attributions(tracks, site.position, int(site.target)),
                predictor.mutations(tracks, site.position, int(site.target), REACH),
                _around(gene, site.position),
            )


def base_importance(explained: Sequence[Explained], target: SpliceClass, reach: int) -> NDArray[np.float64] | None:
    """Mean absolute attribution (2 reach + 1,) of the base at each distance from sites of a class; None without any."""
    rows = []
    for each in explained:
        found = each.attributions
        if found is None or each.site.target is not target:
            continue
        row, at = np.zeros(2 * reach + 1), each.site.position - found.first
        low, high = max(at - reach, 0), min(at + reach + 1, len(found.bases))
        row[low - at + reach : high - at + reach] = np.abs(found.bases[low:high]).sum(axis=1)
        rows.append(row)
    return np.mean(rows, axis=0) if rows else None


def named(target: SpliceClass) -> str:
    """The name of a class."""
    return CLASS_NAMES[target]


def _around(gene: Gene, position: int) -> NDArray[np.uint8]:
    padded = np.pad(gene.sequence, REACH, constant_values=4)
    begin = position + gene.flank
    return padded[begin : begin + 2 * REACH + 1]


def precision(labels: NDArray[np.uint8], scores: NDArray[np.float32], target: SpliceClass) -> float | None:
    """Average precision of a class; None where it cannot be computed."""
    return average_precision(labels == target, scores[:, target].astype(np.float64)).value
