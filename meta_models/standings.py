"""The leaderboard of a run: what was trained beside the base models, and by what it is ranked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from meta_models.metrics import Gain
from meta_models.model import FittedModel
from meta_models.model.combinations import Combination


@dataclass(frozen=True)
class Standing:
    """A row of the leaderboard: figures out of fold of a member, of their combination, or of a base model.

    Attributes
    ----------
    role : str
        ``"member"``, ``"combination"``, ``"teacher"`` or ``"base"``.
    table_donor, table_acceptor, table_mean : float or None
        Average precision, rows unweighted.
    weighted_donor, weighted_acceptor, weighted_mean : float or None
        The same with the weights of the rows; None where the table has none, too.
    log_loss : float or None
        With the weights of the rows, where there are any.
    weight : float or None
        What a member counts, mean of the classes.
    size_bytes : int or None
        Of the model file; of a combination, of the members that count.
    seconds, rows_per_second : float or None
        Of training, and of prediction; None where they were not measured.
    every_donor, every_acceptor, every_mean, every_log_loss : float or None
        On every position of whole genes; None where these were not scored.
    """

    name: str
    role: str
    table_donor: float | None
    table_acceptor: float | None
    table_mean: float | None
    weighted_donor: float | None
    weighted_acceptor: float | None
    weighted_mean: float | None
    log_loss: float | None
    weight: float | None = None
    size_bytes: int | None = None
    seconds: float | None = None
    rows_per_second: float | None = None
    every_donor: float | None = None
    every_acceptor: float | None = None
    every_mean: float | None = None
    every_log_loss: float | None = None


#: What standings may be ranked by, the best known first: prefixes of their figures.
POPULATIONS = ("every", "weighted", "table")


@dataclass(frozen=True)
class Difference:
    """Average precision of one standing minus that of another, with its 95 % interval over families, if there is any.

    Attributes
    ----------
    reason : str or None
        Why there is no interval.
    """

    value: float | None
    lower: float | None
    upper: float | None
    reason: str | None = None

    @classmethod
    def of(cls, gain: Gain) -> Difference:
        """What a bootstrap found."""
        return cls(gain.difference, gain.interval.lower, gain.interval.upper, gain.interval.reason)


@dataclass(frozen=True)
class Pair:
    """One member minus another: on the table's rows with their weights, and on every position where it was scored."""

    one: str
    other: str
    difference: Difference
    every: Difference | None = None


@dataclass(frozen=True)
class LeaderboardRecord:
    """How what was trained did, and what was made of it; made by ``training.several``.

    Attributes
    ----------
    method : str
        How members were combined; ``""`` where there is one.
    saved : str
        What was saved: the combination, or the best member.
    standings : tuple of Standing
        The best first, by `population`.
    difference, lower, upper : float or None
        Average precision of the combination minus that of the best member, with its 95 % interval over families,
        on the rows of the table with their weights.
    weights_by_fold : mapping of fold to mapping of name to float
        What each member counts, as the other folds say.
    failed : mapping of str to str
        Members that could not be fitted, and why.
    opponent : str
        The member that is best on all rows; ``""`` where there is one.
    every : Difference or None
        As `difference`, on every position; None where these were not scored.
    pairs : tuple of Pair
        Each member minus each that was named before it, and the combination minus each.
    """

    method: str
    saved: str
    standings: tuple[Standing, ...]
    difference: float | None
    lower: float | None
    upper: float | None
    weights_by_fold: Mapping[int, Mapping[str, float]]
    failed: Mapping[str, str]
    opponent: str = ""
    every: Difference | None = None
    pairs: tuple[Pair, ...] = ()

    @property
    def population(self) -> str:
        """What the standings are ranked by: every position where it was scored, else weighted, else the table."""
        rows = [row for row in self.standings if row.role != "base"]
        known = [name for name in POPULATIONS if any(getattr(row, f"{name}_mean") is not None for row in rows)]
        return known[0] if known else POPULATIONS[-1]

    @property
    def ranked(self) -> tuple[Standing, ...]:
        """The standings, the best first by `population`; those without that figure last."""
        name = f"{self.population}_mean"
        return tuple(sorted(self.standings, key=lambda row: -(getattr(row, name) or 0.0)))

    @property
    def combined(self) -> Standing | None:
        """The combination, where there is one."""
        return next((row for row in self.standings if row.role == "combination"), None)


@dataclass(frozen=True)
class Contenders:
    """The models of the folds of all that a leaderboard compares: with them positions outside the table are scored.

    Attributes
    ----------
    members : mapping of name to mapping of fold to FittedModel
    combined : mapping of name to mapping of fold to Combination
        Of all members in their order, where each has a model of that fold.
    features : tuple of str
        The features that combinations number.
    """

    members: Mapping[str, Mapping[int, FittedModel]] = field(default_factory=dict)
    combined: Mapping[str, Mapping[int, Combination]] = field(default_factory=dict)
    features: tuple[str, ...] = ()
