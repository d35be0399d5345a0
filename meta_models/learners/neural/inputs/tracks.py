"""What a net reads of a gene, in two bytes a value: log-odds of the base scores, and evidence on a scale that fits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from meta_models.errors import InputError
from meta_models.learners.seam.genes import N_CODE, NOT_LABELLED, GeneTracks, LabelledGene
from meta_models.schema import CLASSES

Numbers = NDArray[np.float16]

#: Log-odds are cut here, at a score of 1.1e-7: below that base models differ by rounding.
LIMIT = 16.0

#: Positions that are brought to log-odds at a time: bounds memory.
_BLOCK = 65_536


def log_odds(scores: NDArray[np.float32]) -> NDArray[np.float16]:
    """Scores in [0, 1] as log-odds within +-`LIMIT`, NaN where they are NaN."""
    least = 1 / (1 + np.exp(LIMIT))
    found = np.empty(scores.shape, np.float16)
    for begin in range(0, len(scores), _BLOCK):
        within = np.clip(scores[begin : begin + _BLOCK].astype(np.float64), least, 1 - least)
        found[begin : begin + _BLOCK] = np.log(within) - np.log1p(-within)
    return found


def numbers_of(gene: GeneTracks, base_models: Sequence[str], evidence: Sequence[str]) -> Numbers:
    """The tracks of numbers, (length + 2 flank, n_numbers): log-odds of each base model, then arsinh of the evidence.

    Served and trained on alike: what is rounded in training is rounded in serving.

    Raises
    ------
    InputError
        If a track is absent, has another length, or holds what is no score.
    """
    numbers = np.empty((len(gene.codes), 2 * len(base_models) + len(evidence)), np.float16)
    for number, key in enumerate(base_models):
        numbers[:, 2 * number : 2 * number + 2] = log_odds(_scores(gene, key))
    for number, name in enumerate(evidence, 2 * len(base_models)):
        numbers[:, number] = np.arcsinh(_evidence(gene, name))
    return numbers


def codes_of(gene: GeneTracks) -> NDArray[np.uint8]:
    """The bases of `gene`.

    Raises
    ------
    InputError
        If there is a code that no base has, or the gene has no position.
    """
    if gene.length < 1 or gene.codes.max() > N_CODE:
        raise _wrong(
            gene,
            "one code from 0 to 4 a position",
            f"{gene.length} positions, codes up to {max(gene.codes, default=0)}",
        )
    return gene.codes.astype(np.uint8, copy=False)


def labels_of(gene: LabelledGene) -> NDArray[np.uint8]:
    """The labels of `gene`.

    Raises
    ------
    InputError
        If there is one that is no class, or not one a position.
    """
    labels = gene.labels
    if labels.shape != (gene.tracks.length,):
        raise _wrong(gene.tracks, f"{gene.tracks.length} labels", f"{labels.shape}")
    unknown = labels[(labels >= len(CLASSES)) & (labels != NOT_LABELLED)]
    if len(unknown):
        raise _wrong(gene.tracks, f"labels from 0 to {len(CLASSES) - 1} or {NOT_LABELLED}", f"{unknown[0]}")
    return labels.astype(np.uint8, copy=False)


def _scores(gene: GeneTracks, key: str) -> NDArray[np.float32]:
    found = gene.scores.get(key)
    if found is None:
        raise _wrong(gene, f"scores of base model {key!r}", f"those of {', '.join(gene.scores) or 'none'}")
    if found.shape != (len(gene.codes), 2):
        raise _wrong(gene, f"{key} scores of shape {(len(gene.codes), 2)}", f"{found.shape}")
    if ((found < 0) | (found > 1)).any():
        raise _wrong(gene, f"{key} scores from 0 to 1", f"{np.nanmin(found):g} to {np.nanmax(found):g}")
    return found


def _evidence(gene: GeneTracks, name: str) -> NDArray[np.float32]:
    found = gene.evidence.get(name)
    if found is None:
        raise _wrong(gene, f"evidence {name!r}", f"that of {', '.join(gene.evidence) or 'none'}")
    if found.shape != (len(gene.codes),):
        raise _wrong(gene, f"evidence {name} of shape {(len(gene.codes),)}", f"{found.shape}")
    if np.isinf(found).any():
        raise _wrong(gene, f"evidence {name} that is finite, or NaN where nothing was measured", "inf")
    return found


def _wrong(gene: GeneTracks, expected: str, found: str) -> InputError:
    return InputError(f"Gene {gene.gene_id} must have {expected}", f"Found {found}", "Build the genes again")
