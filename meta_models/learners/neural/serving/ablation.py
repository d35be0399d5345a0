"""What each group of inputs adds to the scores of a gene: with it, less without. For any `GenePredictor`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from meta_models.learners.seam import CLIP
from meta_models.learners.seam.genes import N_CODE, GenePredictor, GeneTracks

SEQUENCE_GROUP = "sequence"


def input_groups(predictor: GenePredictor) -> tuple[str, ...]:
    """The sequence, each base model and each evidence track, as ``sequence``, ``scores:KEY`` and ``evidence:NAME``."""
    models = [f"scores:{key}" for key in predictor.base_models]
    return (SEQUENCE_GROUP, *models, *(f"evidence:{name}" for name in predictor.evidence))


def without(gene: GeneTracks, group: str) -> GeneTracks:
    """`gene` with unknown bases, or with a base model or a track that is missing everywhere.

    Raises
    ------
    ValueError
        If there is no such group.
    """
    if group == SEQUENCE_GROUP:
        return replace(gene, codes=np.full_like(gene.codes, N_CODE))
    kind, _, name = group.partition(":")
    if kind == "scores" and name in gene.scores:
        return replace(gene, scores={**gene.scores, name: np.full_like(gene.scores[name], np.nan)})
    if kind == "evidence" and name in gene.evidence:
        return replace(gene, evidence={**gene.evidence, name: np.full_like(gene.evidence[name], np.nan)})
    raise ValueError(f"gene {gene.gene_id} has no inputs {group!r}")


def ablation(predictor: GenePredictor, gene: GeneTracks) -> dict[str, NDArray[np.float32]]:
    """By group, what its presence adds to the log-odds of each class, (length, n_targets).

    What is taken away stands at its average over the training genes. Groups that tell the same add little each.
    """
    whole = _log_odds(predictor.gene_scores(gene))
    return {group: whole - _log_odds(predictor.gene_scores(without(gene, group))) for group in input_groups(predictor)}


def _log_odds(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    within = np.clip(scores, CLIP, 1 - CLIP)
    return np.asarray(np.log(within) - np.log1p(-within), np.float32)
