"""Options that were given and that nothing in a run looks at, which its report says."""

from __future__ import annotations

from collections.abc import Iterator

from meta_models.choice import BATCHES
from meta_models.config import TrainingConfig

_OF_SEVERAL = ("combine", "keep_combination")
_OF_BATCHES = ("ensemble_method", "batch_groups", "ensemble_cv", "calibrate_members")


def unused_options(config: TrainingConfig, strategy: str) -> Iterator[str]:
    """A sentence for each option that is not its default and has no effect where `strategy` was chosen."""
    several = () if config.members > 1 else _OF_SEVERAL
    batches = () if strategy == BATCHES else _OF_BATCHES
    for names, why in ((several, "one learner is fitted to one set of features"), (batches, f"{strategy} makes none")):
        of = "learners or sets of features" if names is several else "batches"
        for name in names:
            value = getattr(config, name)
            if value != type(config).model_fields[name].default:
                option = f"--{name.replace('_', '-')}" + ("" if value is True else f" {value}")
                yield f"{option} has no effect: it is of several {of}, and {why}."
