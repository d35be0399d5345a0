"""What a base model's scores may do to the probabilities: point the way that they are meant to."""

from __future__ import annotations

from collections.abc import Sequence

from meta_models.schema import CLASSES, BaseModel, SpliceClass


def score_constraints(features: Sequence[str], bases: Sequence[BaseModel]) -> tuple[tuple[int, ...], ...]:
    """For each class and feature 1, -1 or 0, as in ``BoosterJob.constraints``, (3, n_features).

    A base model's score of a class may only raise the probability of that class. Its score of *neither* may only lower
    that of a site, and its scores of sites that of *neither*; the score of one site says nothing for certain of the
    other. Of a few hundred sites a booster without these learns steps that are noise: ``benchmarks/ablation.py`` has a
    line without them. `bases` must have all their scores: a missing value is lower than all others for a booster, which
    would have to take it for the worst score.
    """
    meant = {name: k for base in bases for k, name in zip(CLASSES, base.columns, strict=True)}
    return tuple(tuple(_sign(target, meant.get(name)) for name in features) for target in CLASSES)


def _sign(target: SpliceClass, meant: SpliceClass | None) -> int:
    if meant is None:
        return 0
    if meant is target:
        return 1
    return -1 if SpliceClass.NEITHER in (meant, target) else 0
