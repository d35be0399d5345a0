"""Predicted memory of the analyses of a run: what all share, and what each declares for itself.

The constants were read off the peaks of the phase "analysis" of runs (``python benchmarks/memory.py``).
"""

from __future__ import annotations

from collections.abc import Sequence

from meta_models.analysis.framework.base import Analysis, Draws
from meta_models.config import TrainingConfig
from meta_models.dataset.profile import DatasetProfile
from meta_models.model.first_pass import FIRST_PASS_WIDTH
from meta_models.resources.needs import AnalysisNeeds

COMPARISON = 80_000_000  # for each thread: a process that compares in one stratum, with its resamples
# Peak without process, comparison and picture, --n-estimators 2 --n-folds 2 --analyses base-vs-meta: 250 a row at
# 2,000,000 x 16 with one base model, 610 at 1,013,472 x 9 with three. All analyses by default, three base models: 787
# more for each row from 536,196 to 1,072,392 x 1,142. Of few rows importance, while pictures are drawn, takes most.
COMPARED_ROW_BYTES = 180  # out-of-fold table, and what one comparison sorts and sums by family
BASE_ROW_BYTES = 200  # scores of a base model for a row that is compared, and what sorts them
HELD_ROW_BYTES = 180  # scores and out-of-fold table, while other analyses look and draw
SCORED_ROW_BYTES = 220  # scores and out-of-fold table of a row of a second table
PICTURES = 180_000_000  # the plotting library, figures, blocks of resamples of the analyses that draw
PICTURE = 80_000_000  # the plotting library and the one figure of the comparison with the base models
DRAWING = 90_000_000  # for each of several threads: a process that draws while the next analysis computes


def needs_of(
    analyses: Sequence[Analysis], profile: DatasetProfile, config: TrainingConfig, threads: int
) -> AnalysisNeeds:
    """What `analyses` need: first to compare with the base models, then to look at feature values and to draw.

    Values that several look at are read once, and counted once.
    """
    rows = max(profile.rows, profile.scored_rows)
    row = COMPARED_ROW_BYTES + BASE_ROW_BYTES * len(profile.base_models)
    other = SCORED_ROW_BYTES * min(profile.rows, profile.scored_rows)
    features = profile.features + (FIRST_PASS_WIDTH if config.second_pass else 0)
    values = max((analysis.value_bytes(rows, features, config) for analysis in analyses), default=0)
    draws = max((analysis.draws for analysis in analyses), default=Draws.NOTHING)
    comparing = COMPARISON * threads + row * rows + _drawing_bytes(min(draws, Draws.ONE), threads)
    looking = HELD_ROW_BYTES * rows + _drawing_bytes(draws, threads) + values
    return AnalysisNeeds(max(comparing, looking) + other, any(analysis.slow for analysis in analyses))


def _drawing_bytes(draws: Draws, threads: int) -> int:
    if draws is Draws.SEVERAL:
        return PICTURES + (DRAWING * threads if threads > 1 else 0)
    return PICTURE if draws is Draws.ONE else 0
