"""The learners that ``--learner auto`` stands for, on this machine and with this table."""

from __future__ import annotations

from meta_models.choice import BATCHES
from meta_models.config import TrainingConfig
from meta_models.errors import UsageError
from meta_models.learners.registry import AUTO, LEARNERS, TRIED
from meta_models.schema import SEQUENCE
from meta_models.training.requirements import reads_windows, require_learnable
from meta_models.training.strategies import STRATEGIES


def resolved(config: TrainingConfig) -> tuple[TrainingConfig, str]:
    """`config` with the learners that are meant, and one line on what was chosen and why; empty where they are named.

    The first of `TRIED` is always taken, each other one where it can be fitted to what `config` names.
    """
    if AUTO not in config.learners:
        return config, ""
    left = {name: why for name in TRIED[1:] if (why := _obstacle(config.of_learner(name)))}
    kept = tuple(name for name in TRIED if name not in left)
    sections = {name: config.sections[name] for name in kept}
    line = f"Learners: {' and '.join(kept)} (--learner {AUTO})"
    line += "".join(f"; {LEARNERS[name].title.lower()} ({name}) was not tried: {why}" for name, why in left.items())
    return config.model_copy(update={"learners": kept, "sections": sections}), line


def _obstacle(config: TrainingConfig) -> str:
    """Why the learner of `config` cannot be fitted; empty where it can."""
    if reads_windows(config, config.learner):
        return f"{config.dataset!r} is a table of rows (where it has a column {SEQUENCE!r}, name the learners)"
    named = STRATEGIES.get(BATCHES if config.train_all_genes else config.strategy)
    try:
        require_learnable(config)
        if named is not None:
            named.require_possible(config)
    except UsageError as error:
        return (error.found or error.expected).rstrip(".")
    return ""
