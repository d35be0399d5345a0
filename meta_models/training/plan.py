"""The plan of a run: what each strategy would need, which one is chosen, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from meta_models.choice import BATCHES, Choice
from meta_models.config import TrainingConfig
from meta_models.dataset.positions import Positions
from meta_models.dataset.profile import DatasetProfile
from meta_models.errors import UsageError
from meta_models.learners.registry import AUTO
from meta_models.learners.seam import Resources
from meta_models.resources import CpuLimit, MemoryBudget
from meta_models.resources.needs import NO_ANALYSES, AnalysisNeeds
from meta_models.training.devices import CPU, CUDA, choose_device, present_gpu
from meta_models.training.memory import combining_bytes, first_pass_bytes, most_mined, shape_of
from meta_models.training.second_pass.requirements import require_second_pass, second_pass_cost, whole_fits
from meta_models.training.selection import choose_strategy, refit_reason
from meta_models.training.stages.requirements import stage_cost, stage_fits
from meta_models.training.strategies import STRATEGIES, PlannedUnit, TrainingStrategy

#: Bytes a row of three float32 scores in the units and of six probabilities, which no compression makes smaller.
DISK_ROW_BYTES = 36
#: CPU seconds that the process of a batch takes beside its fits: nearly all of it is that libraries are loaded.
UNIT_SECONDS = 2.5


@dataclass(frozen=True)
class Plan:
    """Made by `make_plan` before any feature is read.

    Attributes
    ----------
    device : Choice
        What is fitted on, and why.
    peaks : dict of str to int
        Predicted peak of each strategy, in bytes.
    units : tuple of PlannedUnit
        Batches of the strategy chosen; empty where it has none, or does not fit. Of several learners, of the first.
    learner_peaks : mapping of str to int
        Predicted peak of each learner alone with the strategy chosen, in bytes: they are trained one after another.
    not_possible : mapping of str to str
        Why the learners cannot be fitted with each strategy that `peaks` lacks.
    """

    profile: DatasetProfile
    config: TrainingConfig
    budget: MemoryBudget
    cpus: CpuLimit
    peaks: dict[str, int]
    device: Choice
    choice: Choice
    units: tuple[PlannedUnit, ...] = ()
    learner_peaks: Mapping[str, int] = field(default_factory=dict)
    not_possible: Mapping[str, str] = field(default_factory=dict)

    @property
    def strategy(self) -> TrainingStrategy:
        """The strategy chosen."""
        return STRATEGIES[self.choice.name]

    @property
    def predicted_peak(self) -> int:
        """Predicted peak of the strategy chosen, in bytes."""
        return self.peaks[self.choice.name]

    @property
    def fits(self) -> bool:
        """Whether the strategy chosen would be started."""
        return self.predicted_peak <= self.budget.bytes

    @property
    def disk_bytes(self) -> int:
        """Least number of bytes that training writes: the scores of the units and the out-of-fold table."""
        first_pass = first_pass_bytes(self.profile, self.config) * self.config.n_folds
        return DISK_ROW_BYTES * self.profile.rows + first_pass

    def selected(self) -> str:
        """The line that says what was selected."""
        return f"Selected: {self.strategy.describe(self.config)} ({self.choice.reason})"

    def device_line(self) -> str:
        """The line that says which device is used."""
        return f"Device: {self.device.name} ({self.device.reason})"

    def chosen_lines(self) -> tuple[str, ...]:
        """What was selected, the device, and how long it takes."""
        return self.selected(), self.device_line(), self.time_line()

    def peak_lines(self) -> tuple[str, ...]:
        """One line for each strategy: what it would need."""
        return tuple(
            f"{STRATEGIES[name].title}: predicted peak {peak / 1e9:.2f} GB, "
            f"{'fits' if peak <= self.budget.bytes else 'does not fit'} into {self.budget.bytes / 1e9:.1f} GB "
            f"({self.budget.source})"
            for name, peak in self.peaks.items()
        )

    def time_line(self) -> str:
        """The line that says about how long the fits take, of the learners of which this is known."""
        alone = {name: self._seconds(self.config.of_learner(name)) for name in self.config.learners}
        known = {name: seconds for name, seconds in alone.items() if seconds is not None}
        if not known:
            return "Fits: how long they take is not known before"
        each = ", ".join(f"{name} {seconds:,.0f}" for name, seconds in known.items())
        others = [name for name in alone if name not in known]
        more = f"; {', '.join(others)} not known before" if others else ""
        return f"Fits: about {sum(known.values()):,.0f} s of one core ({each}{more}); half of it, or twice, is possible"

    def shard_lines(self) -> tuple[str, ...]:
        """One line for each shard, of a strategy whose rows the workers of a cluster hold."""
        if not self.strategy.needs_cluster:
            return ()
        return tuple(
            f"{unit.name.replace('-', ' ').capitalize()}: {unit.rows:,} rows, predicted peak of its worker "
            f"{unit.predicted_peak_bytes / 1e9:.2f} GB"
            for unit in self.units
        )

    def _costs(self, name: str, peak: int) -> dict[str, float]:
        """What a learner takes, as far as it is known before."""
        own = self.config.of_learner(name)
        seconds = self._seconds(own)
        fits = {} if seconds is None else {"predicted_cpu_seconds": round(seconds, 1)}
        return {"predicted_peak_bytes": peak, **fits}

    def _seconds(self, own: TrainingConfig) -> float | None:
        """About what all fits of a learner take on one core: a share of the genes less in each fold, all in the last.

        Of two passes those of both, and of the models between them that leave two folds out. Of batches those of each,
        and what the start of its process takes.

        None where it is not known, as of fits on a GPU. Each variant is taken to have all features.
        """
        if self.device.name in own.learner.traits.devices and self.device.name != CPU:
            return None
        variants = len(self.config.variants_of(own.learners[0]))
        batches = self.units if self.choice.name == BATCHES else ()
        times = _fits_of_a_batch(own, len(batches)) if batches else whole_fits(own) + stage_fits(own)
        rows = [unit.rows for unit in batches] or [self.profile.rows]
        each = [own.learner.cpu_seconds(shape_of(self.profile, count, own), own.section) for count in rows]
        known = [seconds * times for seconds in each if seconds is not None]
        return (sum(known) + len(batches) * UNIT_SECONDS) * variants if known else None

    def _cache_bytes(self, strategy: TrainingStrategy) -> int:
        """Most bytes of a cache: learners are trained one after another."""
        alone = [self.config.of_learner(name) for name in self.config.learners]
        return max(strategy.cache_bytes(shape_of(self.profile, self.profile.rows, own), own) for own in alone)

    def to_dict(self) -> dict[str, Any]:
        """For ``--dry-run``."""
        return {
            "chosen": self.choice.name,
            "reason": self.choice.reason,
            "fits": self.fits,
            "strategies": {
                name: {
                    "title": STRATEGIES[name].describe(self.config),
                    "predicted_peak_bytes": peak,
                    "fits": peak <= self.budget.bytes,
                    "cache_bytes": self._cache_bytes(STRATEGIES[name]),
                }
                for name, peak in self.peaks.items()
            },
            "not_possible": dict(self.not_possible),
            "learners": {name: self._costs(name, peak) for name, peak in self.learner_peaks.items()},
            "units": [asdict(unit) for unit in self.units],
            "disk_bytes": self.disk_bytes,
            **({"second_pass": second_pass_cost(self.profile, self.config)} if self.config.second_pass else {}),
            **({} if self.config.stages is None else {"stages": stage_cost(self.config)}),
            "memory_budget": {"bytes": self.budget.bytes, "source": self.budget.source},
            "threads": {"count": self.cpus.count, "source": self.cpus.source},
            "device": {"name": self.device.name, "reason": self.device.reason},
            "dataset": self.profile.to_dict(),
            "config": self.config.model_dump(mode="json"),
        }


def make_plan(
    profile: DatasetProfile,
    config: TrainingConfig,
    budget: MemoryBudget,
    cpus: CpuLimit,
    positions: Positions | None = None,
    *,
    needs: AnalysisNeeds = NO_ANALYSES,
) -> Plan:
    """Choose the device, predict every strategy's peak, choose one and, where `positions` are given, lay out its units.

    Raises
    ------
    UsageError
        If the table calls for a strategy that does not exist, or the device asked for cannot be used.
    InputError, MemoryBudgetError
        If the table cannot be divided into the units of the strategy chosen, although that fits.
    """
    device = _device(profile, config)
    resources = Resources(cpus.count, device.name)
    alone = [config.of_learner(name) for name in config.learners]
    require_possible(config)
    obstacles = {name: _obstacle(strategy, alone) for name, strategy in STRATEGIES.items()}
    by_learner = {
        name: {
            own.learners[0]: strategy.predict_peak(profile, own, resources, needs=needs, budget=budget.bytes)
            for own in alone
        }
        for name, strategy in STRATEGIES.items()
        if not obstacles[name]
    }
    peaks = {name: max(found.values()) + combining_bytes(profile, config) for name, found in by_learner.items()}
    choice = choose_strategy(profile, config, peaks, budget.bytes)
    if config.max_features is not None and not STRATEGIES[choice.name].trains_folds:
        raise UsageError(
            "--max-features needs a strategy whose models are scored fold by fold",
            f"{choice.name} was chosen ({choice.reason})",
            "Take --strategy single_model, or leave --max-features out",
        )
    if config.second_pass:
        require_second_pass(config, STRATEGIES[choice.name])
    if config.stages is not None and not STRATEGIES[choice.name].trains_folds:
        raise UsageError(
            "--stages goes with one model, whose folds are trained together",
            f"{choice.name} was chosen ({choice.reason})",
            "Take --strategy single_model, or leave --stages out",
        )
    units: tuple[PlannedUnit, ...] = ()
    if positions is not None and peaks[choice.name] <= budget.bytes:
        units = STRATEGIES[choice.name].planned_units(positions, profile, config, resources, budget.bytes)
    not_possible = {name: why for name, why in obstacles.items() if why}
    return Plan(profile, config, budget, cpus, peaks, device, choice, units, by_learner[choice.name], not_possible)


def _obstacle(strategy: TrainingStrategy, alone: Sequence[TrainingConfig]) -> str:
    """Why one of the learners cannot be fitted in this way; empty where all can."""
    return next(filter(None, map(strategy.obstacle, alone)), "")


def _fits_of_a_batch(config: TrainingConfig, n_batches: int) -> float:
    """How many fits of all rows of a batch its member takes: one, and where it is refitted those of the folds."""
    return 1.0 if refit_reason(config, n_batches) is None else whole_fits(config)


def _device(profile: DatasetProfile, config: TrainingConfig) -> Choice:
    """That of the learner which needs the most of a GPU; where none uses one, of the first."""
    rows = profile.rows + most_mined(profile, config)
    alone = [config.of_learner(name) for name in config.learners]
    able = [(own, shape_of(profile, rows, own)) for own in alone if CUDA in own.learner.traits.devices]
    own, shape = max(
        able,
        key=lambda pair: pair[0].learner.device_bytes(pair[1], pair[0].section),
        default=(alone[0], shape_of(profile, rows, alone[0])),
    )
    return choose_device(shape, own, present_gpu(own.learner))


def require_possible(config: TrainingConfig) -> None:
    """Refuse a strategy that is named, where a learner of `config` cannot be fitted in this way.

    Raises
    ------
    UsageError
        With the reason.
    """
    named = STRATEGIES.get(BATCHES if config.train_all_genes else config.strategy)
    if named is not None and AUTO not in config.learners:
        for name in config.learners:
            named.require_possible(config.of_learner(name))
