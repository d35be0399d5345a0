"""What a second pass needs, told before anything is trained, and what it costs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from meta_models.config import TrainingConfig
from meta_models.dataset.built import is_built
from meta_models.dataset.profile import DatasetProfile
from meta_models.errors import UsageError
from meta_models.training.strategies.base import TrainingStrategy
from meta_models.training.strategies.single_model import SingleModelStrategy

#: With fewer there are no genes outside two of them.
LEAST_FOLDS = 3


def require_second_pass(config: TrainingConfig, strategy: TrainingStrategy) -> SingleModelStrategy:
    """The strategy, where ``--second-pass`` is possible with it and with the other options.

    Raises
    ------
    UsageError
        With the first reason why it is not.
    """
    if not isinstance(strategy, SingleModelStrategy):
        found = f"The strategy {strategy.name} was chosen, which does not keep the models of the folds"
        raise UsageError(_EXPECTED, found, "Take --strategy single_model or external_memory")
    for found, action in _obstacles(config):
        raise UsageError(_EXPECTED, found, action)
    return strategy


_EXPECTED = "--second-pass needs one learner of rows and every position of its genes"


def _obstacles(config: TrainingConfig) -> Iterator[tuple[str, str]]:
    """What is in the way, and what to do about it."""
    if not is_built(Path(config.dataset)):
        yield f"{config.dataset} is no folder of meta-models build, and a table lacks positions", "Build it"
    for option, path in (("--oof-dataset", config.oof_dataset), ("--eval-dataset", config.eval_dataset)):
        if path is not None and (config.whole_genes == "off" or not is_built(Path(path))):
            yield f"{option} {path} would be scored as a table, which lacks positions", "Give a built folder"
    if config.learner.traits.inputs != "rows":
        yield f"{config.learner.name} reads whole genes already", "Leave it out"
    if len(config.learners) > 1:
        yield f"Found the learners {', '.join(config.learners)}", "Run it with each"
    if config.mine_negatives is not None:
        yield "Found --mine-negatives, whose rounds the first pass would need once more for each two folds", "Take one"
    if config.max_features is not None:
        yield "Found --max-features, which chooses features with genes of other folds", "Leave it out"
    if config.rounds == "cross-validation":
        yield "Found --rounds cross-validation, which compares folds", "Take fixed or early-stopping"
    if config.n_folds < LEAST_FOLDS:
        yield f"Found --n-folds {config.n_folds}, and genes outside two folds are trained on", "Take 3 or more"


def second_pass_cost(profile: DatasetProfile, config: TrainingConfig) -> dict[str, int]:
    """Fits of the whole run beside those of one pass, and positions times models that are scored between the two."""
    folds, classes = config.n_folds, 3 if config.learner.traits.targets == "each" else 1
    pairs = folds * (folds - 1) // 2
    return {
        "fits_of_one_pass": (folds + 1) * classes,
        "fits": (2 * (folds + 1) + pairs) * classes,
        "scored_between": profile.scored_rows * folds,
    }
