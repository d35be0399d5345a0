"""Features of positions from base scores, sequence and evidence. Knows no labels, genes, files or sampling."""

from meta_models.features.compute import (
    FeatureBlock,
    column_names,
    features,
    grouped_names,
    packed_features,
    require_versions,
)
from meta_models.features.groups.registry import DEFAULT_GROUPS, GROUPS
from meta_models.features.inputs import BASES, CHANNELS, N_CODE, BaseTrack, EvidenceTrack, Piece, Span
from meta_models.features.motifs import MOTIF_COLUMNS, MOTIF_SCORES, MotifCounts, Motifs, fit_motifs
from meta_models.features.recipe import FORMAT, Recipe

__all__ = [
    "BASES",
    "CHANNELS",
    "DEFAULT_GROUPS",
    "FORMAT",
    "GROUPS",
    "MOTIF_COLUMNS",
    "MOTIF_SCORES",
    "N_CODE",
    "BaseTrack",
    "EvidenceTrack",
    "FeatureBlock",
    "MotifCounts",
    "Motifs",
    "Piece",
    "Recipe",
    "Span",
    "column_names",
    "features",
    "fit_motifs",
    "grouped_names",
    "packed_features",
    "require_versions",
]
