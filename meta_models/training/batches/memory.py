"""What batches of a table may take."""

from __future__ import annotations

from dataclasses import dataclass

from meta_models.config import UNFITTED, TrainingConfig
from meta_models.dataset.profile import DatasetProfile
from meta_models.dataset.reading.chunks import reading_bytes
from meta_models.learners.seam import Resources
from meta_models.resources.needs import AnalysisNeeds
from meta_models.schema import CLASSES
from meta_models.training.combination.composition import ROW_BYTES as COMPOSITION_ROW_BYTES
from meta_models.training.memory import (
    BATCH_IMBALANCE,
    BUDGET_SHARE,
    POOL_ROW_BYTES,
    PROCESS,
    READ_ROW_BYTES,
    SCORE_BYTES,
    STACKING_BYTES,
    after_training,
    fitting_peak,
    most_mined,
    shape_of,
)
from meta_models.training.selection import refit_reason

#: Pages of libraries that the process of a unit has in common with the one that looks after it. `--sample-genes 100
#: --train-all-genes --max-genes-per-batch 40 --n-folds 2 --whole-genes off --threads 1` of 900 worm genes takes 589 MB
#: with XGBoost, of which 586 are predicted.
SHARED = 160_000_000


@dataclass(frozen=True)
class BatchMemory:
    """What batches of a table may take; a pure function of its shape, the configuration and the budget.

    Attributes
    ----------
    profile : DatasetProfile
        Of the whole table.
    budget : int
        Memory budget of the run in bytes.
    """

    profile: DatasetProfile
    config: TrainingConfig
    resources: Resources
    budget: int

    @property
    def parent(self) -> int:
        """Bytes of the process that looks after the units."""
        return PROCESS + READ_ROW_BYTES * self.profile.rows + POOL_ROW_BYTES * self.profile.pool_rows

    @property
    def unit_cap(self) -> int:
        """Most bytes that the processes of one unit may take: ``max_batch_gb``, and what the budget leaves."""
        return min(int(self.config.max_batch_gb * 1e9), int(BUDGET_SHARE * self.budget) - self.parent)

    @property
    def row_cap(self) -> int:
        """Most rows of a batch; 0 where not even one row would fit."""
        low, high = 0, self.profile.rows
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if self.unit(middle) <= self.unit_cap else (low, middle - 1)
        return low

    def unit(self, rows: int) -> int:
        """Predicted peak in bytes of the unit of a batch with `rows`, by itself."""
        share = rows / self.profile.rows
        mined, pool = share * most_mined(self.profile, self.config), POOL_ROW_BYTES * share * self.profile.pool_rows
        return fitting_peak(shape_of(self.profile, int(rows + mined), self.config), self.config, self.resources) + int(
            pool
        )

    def parallel(self, unit_peak: int, batches: int) -> int:
        """How many units of `unit_peak` bytes run at a time: as asked for, as far as memory and threads allow."""
        default = 1 if self.resources.device == "cuda" else max(1, self.resources.threads // len(CLASSES))
        asked = self.config.parallel_batches or default
        room = (int(BUDGET_SHARE * self.budget) - self.parent) // (unit_peak - SHARED)
        return max(1, min(asked, room, self.resources.threads, batches))

    def scoring(self, members: int) -> int:
        """Predicted peak in bytes of scoring the table with `members` members and of combining them."""
        stacking = STACKING_BYTES if self.config.ensemble_method not in UNFITTED else 0
        refit = refit_reason(self.config, members) is not None
        models = members * self._predictor() * (self.config.n_folds if refit else 1)
        composition = COMPOSITION_ROW_BYTES * (self.config.ensemble_method == "routed")
        grouped = SCORE_BYTES * (self.config.batch_groups != "none")
        scores = (members * (SCORE_BYTES + grouped + stacking) + composition) * self.profile.rows
        return self.parent + scores + models + int(reading_bytes(self.profile.rows, self.profile.features))

    def _predictor(self) -> int:
        """Bytes of the predictor of a member, loaded."""
        shape = shape_of(self.profile, self.profile.rows, self.config)
        return self.config.learner.footprint(shape, self.config.section, self.resources).predictor

    def peak(self, needs: AnalysisNeeds) -> int:
        """Predicted peak in bytes of the whole strategy, before batches are packed.

        Where the budget has room for no batch at all it is that of batches which it does not bound.
        """
        rows, genes = self.profile.rows, self.profile.genes
        cap = self.row_cap or rows
        batches = max(-(-genes // self.config.max_genes_per_batch), -(-rows // cap))
        unit = self.unit(min(rows, cap, int(BATCH_IMBALANCE * rows / batches) + 1))
        training = self.parent + self.parallel(unit, batches) * (unit - SHARED)
        after = after_training(self.profile, self.config, self.resources.threads, needs)
        return max(training, self.scoring(batches), after)
