"""Genes of a built folder, or of a genome that is served, as learners of genes are given them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np

from meta_models.dataset.genes.columns import Gene
from meta_models.dataset.genes.folder import GeneFolder
from meta_models.features import EvidenceTrack, Recipe
from meta_models.learners.seam.genes import NOT_LABELLED, GeneTracks, LabelledGene


@dataclass(frozen=True)
class GenesOfFolder:
    """Some genes of a built folder in the order of its files, read anew whenever they are asked for."""

    folder: GeneFolder
    ids: Collection[str]

    def __iter__(self) -> Iterator[LabelledGene]:
        return (labelled(gene, self.folder.recipe) for gene in self.folder.genes(self.ids))


def tracks_of(gene: Gene, recipe: Recipe, *, offset: int = 0, whole: int | None = None) -> GeneTracks:
    """What is known of a gene beside its labels; of a part of one, with its place in it as in `GeneTracks`."""
    evidence = {
        _name(track, channel): gene.evidence[track.name][:, number]
        for track in recipe.evidence
        for number, channel in enumerate(track.channels)
    }
    return GeneTracks(gene.gene_id, gene.flank, gene.sequence, gene.scores, evidence, offset, whole)


def labelled(gene: Gene, recipe: Recipe) -> LabelledGene:
    """A gene to learn from: of its positions those that count for it."""
    return LabelledGene(tracks_of(gene, recipe), np.where(gene.counted, gene.labels, NOT_LABELLED).astype(np.uint8))


def model_keys(recipe: Recipe) -> tuple[str, ...]:
    """Keys of the base models of a recipe."""
    return tuple(track.key for track in recipe.models)


def evidence_names(recipe: Recipe) -> tuple[str, ...]:
    """Names of the evidence tracks of a recipe, as :func:`tracks_of` calls them: one a channel."""
    return tuple(_name(track, channel) for track in recipe.evidence for channel in track.channels)


def _name(track: EvidenceTrack, channel: str) -> str:
    return f"{track.name}_{channel}"
