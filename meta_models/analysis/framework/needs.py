"""Predicted memory of the analyses of a run: what all share, and what each declares for itself.

The constants were read off the peaks of phases of runs (``python benchmarks/memory.py``, and as said beside them).
"""

from __future__ import annotations

from collections.abc import Sequence

from meta_models.analysis.framework.base import Analysis, Draws
from meta_models.config import TrainingConfig
from meta_models.dataset.profile import DatasetProfile
from meta_models.model.first_pass import FIRST_PASS_WIDTH
from meta_models.resources.needs import AnalysisNeeds

COMPARISON = 80_000_000  # for each thread: a process that compares in one stratum, with its resamples
KEPT, KEPT_ROW_BYTES = 80_000_000, 160  # what libraries keep of what was read and fitted: at most, and of a row
# Peaks of the phase "analysis", --n-estimators 2 --n-folds 2 --bootstrap-samples 20 --analyses base-vs-meta, in bytes a
# row: with three base models on one thread 443 from 1,013,472 to 1,500,000 rows; on two 522 and 470 from there to
# 3,610,190 (2,334 MB with 16 features, 2,324 with 1,142).
COMPARED_ROW_BYTES = 160  # out-of-fold table, and what one comparison sorts and sums by family
BASE_ROW_BYTES = 100  # scores of a base model for a row that is compared, and what sorts them
BESIDE_ROW_BYTES = 100  # rows of a stratum that another process compares at the same time
# Peaks of the phase "whole genes" of the same commands on built folders, one thread: 834 MB for 2,697,119 positions
# with one base model and 1,172 with three, 664 for 536,196 with three.
WHOLE_ROW_BYTES = 70  # a position of whole genes, or of a second table, while it is compared
WHOLE_BASE_BYTES = 65  # scores of a base model for it
WHOLE_HELD_BYTES = 80  # such a position, while the rows of the table are compared
HELD_ROW_BYTES = 180  # scores and out-of-fold table of a row, while other analyses look and draw
PICTURES = 210_000_000  # plotting library, figures, blocks of resamples of analyses that draw; what training leaves
PICTURE = 80_000_000  # the plotting library and the one figure of the comparison with the base models
DRAWING = 90_000_000  # for each of several threads: a process that draws while the next analysis computes


def needs_of(
    analyses: Sequence[Analysis], profile: DatasetProfile, config: TrainingConfig, threads: int
) -> AnalysisNeeds:
    """What `analyses` need: first to compare with the base models, then to look at feature values and to draw.

    Values that several look at are read once, and counted once.
    """
    rows = max(profile.rows, profile.scored_rows)
    features = profile.features + (FIRST_PASS_WIDTH if config.second_pass else 0)
    values = max((analysis.value_bytes(rows, features, config) for analysis in analyses), default=0)
    draws = max((analysis.draws for analysis in analyses), default=Draws.NOTHING)
    pictured = _drawing_bytes(min(draws, Draws.ONE), threads)
    comparing = COMPARISON * threads + _compared_bytes(profile, threads) + pictured
    looking = _held_bytes(profile) + _drawing_bytes(draws, threads) + values
    kept = min(KEPT, KEPT_ROW_BYTES * (profile.rows + profile.scored_rows))
    return AnalysisNeeds(kept + max(comparing, looking), any(analysis.slow for analysis in analyses))


def _compared_bytes(profile: DatasetProfile, threads: int) -> int:
    """Bytes of the rows of the table and of the positions of whole genes: either are compared, the others held."""
    bases = len(profile.base_models)
    row = COMPARED_ROW_BYTES + BASE_ROW_BYTES * bases + (BESIDE_ROW_BYTES if threads > 1 else 0)
    table = row * profile.rows + WHOLE_HELD_BYTES * profile.scored_rows
    whole = (WHOLE_ROW_BYTES + WHOLE_BASE_BYTES * bases) * profile.scored_rows + HELD_ROW_BYTES * profile.rows
    return max(table, whole)


def _held_bytes(profile: DatasetProfile) -> int:
    return HELD_ROW_BYTES * profile.rows + WHOLE_HELD_BYTES * profile.scored_rows


def _drawing_bytes(draws: Draws, threads: int) -> int:
    if draws is Draws.SEVERAL:
        return PICTURES + (DRAWING * threads if threads > 1 else 0)
    return PICTURE if draws is Draws.ONE else 0
