"""Scores of base models at every position, whatever their files: bigWig, bedGraph, OpenSpliceAI, tables, arrays."""

from meta_models.build.scores.base import GenePlace, ScoreSource
from meta_models.build.scores.opening import KINDS, open_scores
from meta_models.build.scores.spec import ScoreSpec, parse_score_spec

__all__ = ["KINDS", "GenePlace", "ScoreSource", "ScoreSpec", "open_scores", "parse_score_spec"]
