"""What the learners of a configuration call for, seen to before anything is read."""

from __future__ import annotations

from collections.abc import Iterator

from meta_models.config import TrainingConfig
from meta_models.dataset.built import is_built
from meta_models.dataset.opening import is_built_in
from meta_models.dataset.windows import needs_genes
from meta_models.errors import UsageError
from meta_models.learners.registry import LEARNERS
from meta_models.learners.seam import Learner
from meta_models.places import table_path

#: Weights of rows that follow from how the table was sampled: a learner without weights may see all positions instead.
_OF_TABLE = ("none", "sampling")


def require_learnable(config: TrainingConfig) -> None:
    """See that each learner can be fitted to what `config` names, in the way that it asks for.

    Raises
    ------
    UsageError
        If a library is absent, a table is not such as a learner needs, or an option is not for it.
    """
    for name in config.learners:
        learner = LEARNERS[name]
        learner.require_library()
        for option in () if learner.traits.weights or reads_windows(config, learner) else _weighted(config):
            raise UsageError(
                f"{option} needs a learner whose rows can be weighted",
                f"{name} cannot weight them", "Leave it out, or take another learner",
            )  # fmt: skip
        if learner.traits.inputs == "genes":
            _require_genes(config, learner)


def _weighted(config: TrainingConfig) -> Iterator[str]:
    """Options that say what rows count, beyond what follows from how the table was sampled."""
    if config.training_weights not in _OF_TABLE:
        yield f"--training-weights {config.training_weights}"
    if config.class_weights is not None:
        yield "--class-weights"


def reads_windows(config: TrainingConfig, learner: Learner) -> bool:
    """Whether `learner` reads windows around the rows of a table, if that has them; genes otherwise, or plain rows."""
    return learner.traits.windows and not is_built_in(config.dataset) and not is_built(table_path(config.dataset))


def _require_genes(config: TrainingConfig, learner: Learner) -> None:
    windows = reads_windows(config, learner)
    if not windows and (is_built_in(config.dataset) or not is_built(table_path(config.dataset))):
        raise needs_genes(learner.name, config.dataset)
    reads = "a window around each row" if windows else "whole genes"
    for option, why in _odd_for_windows(config, learner) if windows else _odd(config):
        raise UsageError(f"{option} is not for {learner.name}, which reads {reads}", why, "Leave it out")


def _odd_for_windows(config: TrainingConfig, learner: Learner) -> Iterator[tuple[str, str]]:
    """Options that learners of windows around rows can do nothing with, and why."""
    if config.mine_negatives is not None:
        yield "--mine-negatives", "Mined rows come as numbers, without the bases around them"
    if config.max_features is not None:
        yield "--max-features", "It is given all columns that screening keeps"
    if config.variants:
        yield "--variants", "It is given all columns that screening keeps"
    for option, named in (("--init-from", config.init_from), ("--pretrain", config.pretrain)):
        if named:
            yield option, "Nets go on from those of other built folders"
    if config.stages is not None:
        yield "--stages", "It always begins anew"
    if option := learner.not_of_windows(config.sections[learner.name]):
        yield option, "A window does not know the ends of its gene"
    for option, table in (("--eval-dataset", config.eval_dataset), ("--oof-dataset", config.oof_dataset)):
        if table is not None and is_built(table_path(table)):
            yield option, f"{table!r} is a built folder; give a table with a column 'sequence'"


def _odd(config: TrainingConfig) -> Iterator[tuple[str, str]]:
    """Options that learners of whole genes can do nothing with, and why."""
    if config.mine_negatives is not None:
        yield "--mine-negatives", "It is trained on every position of its genes: there is nothing to mine"
    if config.max_features is not None:
        yield "--max-features", "It is given the tracks of its genes, not features that could be chosen among"
    if config.second_pass:
        yield "--second-pass", "It sees what lies around each position already"
    if config.variants:
        yield "--variants", "It is given the tracks of its genes, not groups of features"
    for option, named in (("--eval-dataset", config.eval_dataset), ("--oof-dataset", config.oof_dataset)):
        if named is not None and (config.whole_genes == "off" or not is_built(table_path(named))):
            yield option, f"{named!r} is read as a table of rows; give a folder that 'meta-models build' made"
