"""What a second pass needs, told before anything is trained, and what it costs."""

from __future__ import annotations

from collections.abc import Iterator

from meta_models.config import TrainingConfig
from meta_models.dataset.built import is_built
from meta_models.dataset.profile import DatasetProfile
from meta_models.errors import UsageError
from meta_models.places import table_path
from meta_models.training.fitting.pairs import pair_obstacles
from meta_models.training.strategies.base import TrainingStrategy
from meta_models.training.strategies.single_model import SingleModelStrategy


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
    if not is_built(table_path(config.dataset)):
        yield f"{config.dataset} is no folder of meta-models build, and a table lacks positions", "Build it"
    for option, path in (("--oof-dataset", config.oof_dataset), ("--eval-dataset", config.eval_dataset)):
        if path is not None and (config.whole_genes == "off" or not is_built(table_path(path))):
            yield f"{option} {path} would be scored as a table, which lacks positions", "Give a built folder"
    if config.learner.traits.inputs != "rows":
        yield f"{config.learner.name} reads whole genes already", "Leave it out"
    if len(config.learners) > 1:
        yield f"Found the learners {', '.join(config.learners)}", "Run it with each"
    yield from _other_ways(config)


def _other_ways(config: TrainingConfig) -> Iterator[tuple[str, str]]:
    """Other ways of training that look at genes of more than one fold."""
    odd = {
        "--mine-negatives": config.mine_negatives is not None,
        "--stages": config.stages is not None,
        "--variants": bool(config.variants),
        "--teacher": config.teacher is not None,
    }
    for option in (option for option, given in odd.items() if given):
        yield f"Found {option}, and its first pass is trained without any two folds", "Leave one of them out"
    yield from pair_obstacles(config)


def whole_fits(config: TrainingConfig) -> float:
    """How many fits of all rows the fits of a run come to: each leaves out the rows of a fold, or of two."""
    folds, pairs = config.n_folds, (config.n_folds - 1) * (config.n_folds - 2) / 2
    return 2 * folds + pairs if config.second_pass else folds


def second_pass_cost(profile: DatasetProfile, config: TrainingConfig) -> dict[str, int]:
    """Fits of the whole run beside those of one pass, and positions times models that are scored between the two."""
    folds, classes = config.n_folds, 3 if config.learner.traits.targets == "each" else 1
    pairs = folds * (folds - 1) // 2
    return {
        "fits_of_one_pass": (folds + 1) * classes,
        "fits": (2 * (folds + 1) + pairs) * classes,
        "scored_between": profile.scored_rows * folds,
    }
