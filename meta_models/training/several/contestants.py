"""Who is trained side by side: each learner, on each set of features that was asked for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches

from meta_models.config import TrainingConfig
from meta_models.dataset.reading.reader import Dataset
from meta_models.errors import UsageError
from meta_models.features import grouped_names
from meta_models.training.devices import CPU
from meta_models.training.fitting.task import TrainingTask

#: The variant of all features.
ALL = "all"


@dataclass(frozen=True)
class Contestant:
    """One of those that are trained.

    Attributes
    ----------
    variant : str or None
        The set of features; None where all are taken without saying so.
    """

    learner: str
    variant: str | None
    name: str

    @property
    def unit(self) -> str:
        """What its units are kept under."""
        plain = None if self.variant is None else re.sub(r"[^A-Za-z0-9]+", "_", self.variant)
        return self.learner if plain is None else f"{self.learner}-{plain}"

    def task(self, task: TrainingTask) -> TrainingTask:
        """`task` for it alone, with units of its own, on the CPU where it can do nothing else.

        Raises
        ------
        UsageError
            If screening left none of its features.
        """
        config = task.config.of_learner(self.learner)
        device = task.device if task.device in config.learner.traits.devices else CPU
        own = replace(task, config=config, units=task.units.within(self.unit), device=device)
        return own if self.variant is None else _narrowed(own, self.variant)


def contestants(config: TrainingConfig) -> Iterator[Contestant]:
    """All of them, learner by learner; named by what they differ in. One of whole genes has one set of inputs."""
    for learner in config.learners:
        for variant in config.variants_of(learner):
            parts = [learner] if variant is None or len(config.learners) > 1 else []
            yield Contestant(learner, variant, " ".join([*parts, *([] if variant is None else [variant])]))


def feature_groups(dataset: Dataset) -> dict[str, frozenset[str]]:
    """The features of each group by its name.

    Of a table that was built, the groups of its recipe and each track of evidence; beside them, and of any table, the
    groups that names of columns tell (base, probability-derived, context, k-mer, genomic, evidence, other).
    """
    found: dict[str, set[str]] = {}
    for name in dataset.features:
        found.setdefault(dataset.group(name).value, set()).add(name)
    recipe = dataset.info.recipe
    if recipe is not None:
        evidence = dataset.info.evidence_features
        tracks = {t.name: {n for n in evidence if n.startswith(f"evidence_{t.name}_")} for t in recipe.evidence}
        found |= {**tracks, **{name: set(names) for name, names in grouped_names(recipe).items() if names}}
    present = {group: frozenset(names) & frozenset(dataset.features) for group, names in found.items()}
    return {group: names for group, names in present.items() if names}


def require_groups(variants: Sequence[str], known: Mapping[str, frozenset[str]], option: str = "--variants") -> None:
    """See that a table has every group of `variants`.

    Parameters
    ----------
    known : mapping of str to set of str
        As `feature_groups` returns it.
    option : str
        What names the variants, in messages.

    Raises
    ------
    UsageError
        With the groups that it has.
    """
    named = {group for variant in variants if variant != ALL for group in variant.split("+")}
    if unknown := sorted(named - known.keys()):
        listed = ", ".join(f"{group} ({len(names)})" for group, names in sorted(known.items()))
        near = get_close_matches(unknown[0], [*known, ALL], n=1)
        raise UsageError(
            f"{option} takes groups of features that the table has, joined by +: {listed}; or {ALL}",
            f"Found {', '.join(unknown)}",
            f"Perhaps {near[0]!r} was meant" if near else "Name one of those",
        )


def _narrowed(task: TrainingTask, variant: str) -> TrainingTask:
    """`task` with the features of the variant."""
    chosen = _features_of(feature_groups(task.dataset), variant)
    kept = task.features if chosen is None else tuple(name for name in task.features if name in chosen)
    if not kept:
        raise UsageError(f"The variant {variant} must have features", "Screening left none", "Name another group")
    left_out = dict.fromkeys(set(task.features) - set(kept), f"left out by the variant {variant}")
    return replace(task, features=kept, excluded=task.excluded | left_out)


def _features_of(groups: Mapping[str, frozenset[str]], variant: str) -> frozenset[str] | None:
    """The features of a variant; None for all."""
    return None if variant == ALL else frozenset[str]().union(*(groups[group] for group in variant.split("+")))
