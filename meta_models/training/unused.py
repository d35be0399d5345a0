"""Options that were given and that nothing in a run looks at, which its report says."""

from __future__ import annotations

from collections.abc import Iterator

from meta_models.choice import BATCHES
from meta_models.config import TrainingConfig
from meta_models.learners.registry import LEARNERS

_OF_SEVERAL = ("combine", "keep_combination")
_OF_BATCHES = ("ensemble_method", "batch_groups", "ensemble_cv", "calibrate_members")
_OF_WEIGHTS = ("optimiser", "ensemble_weights_per_class")
_WEIGHTED = ("weighted", "per-bin")


def unused_options(config: TrainingConfig, strategy: str) -> Iterator[str]:
    """A sentence for each option that is not its default and has no effect where `strategy` was chosen."""
    if config.members == 1:
        why = "it is of several learners or sets of features, and one learner is fitted to one set of features"
        yield from _each(config, _OF_SEVERAL, why)
    if strategy != BATCHES:
        yield from _each(config, _OF_BATCHES, f"it is of several batches, and {strategy} makes none")
    if not _seeks_weights(config, strategy):
        yield from _each(config, _OF_WEIGHTS, "it is of weights, and nothing is combined by weighted or per-bin")
    if not any(_chooses_rounds(name, config.rounds) for name in config.learners):
        yield from _each(config, ("rounds",), f"no rounds are chosen for {' and '.join(config.learners)}")
    if config.rounds != "early-stopping":
        yield from _each(config, ("early_stopping_share",), "it is of --rounds early-stopping")
    if not config.calibrate:
        yield from _each(config, ("calib_method", "calibrate_per_class"), "nothing is calibrated")


def _seeks_weights(config: TrainingConfig, strategy: str) -> bool:
    several = config.members > 1 and config.combine in _WEIGHTED
    return several or (strategy == BATCHES and config.ensemble_method in _WEIGHTED)


def _chooses_rounds(learner: str, rounds: str) -> bool:
    traits = LEARNERS[learner].traits
    return traits.stages if rounds == "cross-validation" else traits.stopping


def _each(config: TrainingConfig, names: tuple[str, ...], why: str) -> Iterator[str]:
    for name in names:
        value = getattr(config, name)
        if value != type(config).model_fields[name].default:
            option = f"--{name.replace('_', '-')}" + ("" if value is True else f" {value}")
            yield f"{option} has no effect: {why}."
