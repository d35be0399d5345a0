"""The model of another run that fits go on from, as a learner is given it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias


@dataclass(frozen=True)
class Start:
    """The files of a predictor: data only, restored and checked by the learner that goes on from it.

    Attributes
    ----------
    run : str
        What the other run is called.
    learner : str
        Name of the learner that fitted it.
    files : mapping of str to bytes
        As `Predictor.files` gave them.
    n_inputs, n_targets : int
        Columns of the matrices that the predictor takes and gives.
    features : tuple of str (n_inputs,)
        Columns that it takes, of a learner of rows.
    renamed : mapping of str to str
        What inputs that the other run named otherwise are called here.
    """

    run: str
    learner: str
    files: Mapping[str, bytes]
    n_inputs: int
    n_targets: int
    features: tuple[str, ...] = ()
    renamed: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def sha256(self) -> str:
        """Hash of all that a fit depends on."""
        digest = hashlib.sha256(repr((self.learner, self.features, sorted(self.renamed.items()))).encode())
        for name, data in sorted(self.files.items()):
            digest.update(name.encode() + hashlib.sha256(data).digest())
        return digest.hexdigest()


#: What fits go on from, by their folds; under None that of all others.
Starts: TypeAlias = Mapping[int | None, Start]


def start_of(starts: Starts, fold: int) -> Start | None:
    """What a fit of `fold` goes on from; None where it begins anew."""
    return starts.get(fold, starts.get(None))


def more_rounds(rounds: int) -> str:
    """How boosters go on, as `Learner.going_on` says it."""
    return f", with at most {rounds} rounds more on its margins"
