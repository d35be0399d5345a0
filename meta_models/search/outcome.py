"""What a search found, in words: two figures, and which of them may be believed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass

from meta_models.analysis.comparison.table import shown
from meta_models.experiments.comparison.differences import better
from meta_models.learners.seam import LearnerConfig
from meta_models.metrics.bootstrap import FEW_FAMILIES
from meta_models.search.chance import Chance
from meta_models.search.kept_out import KeptOut
from meta_models.search.options import TuneConfig
from meta_models.search.space import LearnerSpace
from meta_models.search.trials import Trial, counts, start_of
from meta_models.wording import counted

_SCALES = (
    "Trials are compared by scores that are not calibrated; the figures on the families kept out are of calibrated "
    "ones, as those of any run: the two need not be near one another."
)


@dataclass(frozen=True)
class SearchOutcome:
    """Everything that the report of a search says.

    Attributes
    ----------
    winner : Trial
        The complete trial of the highest mean over the folds.
    genes, families : int
        That the search saw.
    chance : Chance
        On the rows and folds of the search.
    """

    config: TuneConfig
    spaces: Mapping[str, LearnerSpace]
    trials: tuple[Trial, ...]
    winner: Trial
    genes: int
    families: int
    chance: Chance
    kept_out: KeptOut

    @property
    def default(self) -> Trial:
        """What the search started from: the best of its learners with the options given and else the defaults."""
        return start_of(self.trials, len(self.spaces))

    @property
    def section(self) -> LearnerConfig:
        """All options of the winner's learner."""
        return self.spaces[self.winner.learner].section(self.winner.values)

    @property
    def helped(self) -> bool | None:
        """Whether the winner is better, or worse, than the default on the families kept out; None where neither."""
        return better(self.kept_out.headline)

    def lines(self) -> tuple[str, ...]:
        """What the search found, the most important first."""
        return (
            self.verdict(), self._kept_out(), *self._few(), *self._chance(), self._base(), self._own(), _SCALES,
            self._counts(),
        )  # fmt: skip

    def verdict(self) -> str:
        """One sentence."""
        main = self.kept_out.headline
        if self.winner == self.default:
            return f"The search found nothing better than the options of {self.winner.learner} that it started from."
        if main.difference is None or main.lower is None:
            return f"Whether the search helped cannot be told: {main.reason}."
        if self.helped is None:
            return "The search is not shown to have helped: on the families kept out of it the interval includes 0."
        if self.helped:
            return "The search helped: its winner beats the options it started from on the families kept out of it."
        return (
            "The search did harm: its winner is WORSE than the options it started from on the families kept out of it."
        )

    def note(self) -> str:
        """What the report of the winner, trained on all genes, must say of its own figures."""
        trials = counted(len(self.trials), "trial")
        return (
            f"These options were chosen among {trials} on genes of this table, so that figures out of fold flatter the "
            f"model. {self._kept_out()}"
        )

    def to_json(self) -> dict[str, object]:
        """Plain values for ``search.json``."""
        return {
            "format_version": 1,
            "verdict": self.verdict(),
            "lines": self.lines(),
            "trials": len(self.trials),
            "winner": {"trial": self.winner.number, "learner": self.winner.learner, "values": dict(self.winner.values)},
            "options": self.section.model_dump(mode="json"),
            "search": {
                "value": self.winner.value, "default": self.default.value, "genes": self.genes,
                "families": self.families, "folds": self.config.n_folds, "chance": asdict(self.chance),
            },
            "kept_out": {
                "where": self.kept_out.where, "genes": self.kept_out.genes, "families": self.kept_out.families,
                "chance": asdict(self.kept_out.chance), "above_chance": self.kept_out.above_chance,
                "differences": [asdict(difference) for difference in self.kept_out.differences],
            },
        }  # fmt: skip

    def _kept_out(self) -> str:
        kept, main = self.kept_out, self.kept_out.headline
        start = f"On {kept.genes:,} genes of {kept.families:,} families kept out of the search ({kept.where})"
        if main.b is None or main.a is None:
            return f"{start} there is no figure: {main.reason}."
        bounds = "" if main.b_lower is None else f" (95 % {main.b_lower:.4f} to {main.b_upper:.4f})"
        if self.winner == self.default:
            return f"{start}: mean average precision {main.b:.4f}{bounds}."
        between = str(main.reason)
        if main.lower is not None and main.upper is not None:
            between = f"95 % {shown(main.lower, '+')} to {shown(main.upper, '+')}"
        return (
            f"{start}: mean average precision {main.b:.4f}{bounds}, the {self.default.learner} it started from "
            f"{main.a:.4f}, difference {shown(main.difference, '+')} ({between})."
        )

    def _few(self) -> Iterator[str]:
        families = self.kept_out.families
        if families < FEW_FAMILIES:
            yield f"Only {counted(families, 'family', 'families')} kept out: the intervals are likely to be too narrow."

    def _chance(self) -> Iterator[str]:
        kept = self.kept_out
        if kept.above_chance is False:
            yield (
                f"On the families kept out the winner is NOT above chance: random rankings give "
                f"{kept.chance.mean:.4f}, up to {kept.chance.upper:.4f}. Its figure in the search, "
                f"{shown(self.winner.value)} where chance gives {self.chance.mean:.4f}, is that of the luckiest of "
                f"{counted(len(self.trials), 'trial')}."
            )

    def _base(self) -> str:
        row = self.kept_out.evaluation.headline.row
        if row.difference is None:
            return f"There the best base model cannot be compared with: {row.reason or row.note}."
        bounds = row.reason or "no interval"
        if row.lower is not None and row.upper is not None:
            bounds = f"95 % {shown(row.lower, '+')} to {shown(row.upper, '+')}"
        difference = f"winner minus base {shown(row.difference, '+')} ({bounds})"
        return f"There the best base model has {shown(row.base)}: {difference}."

    def _own(self) -> str:
        return (
            f"Chosen: trial {self.winner.number}, {self.winner.learner}, mean average precision "
            f"{shown(self.winner.value)} over {self.config.n_folds} folds of the {self.genes:,} genes of the search "
            f"({self.families:,} families), where the {self.default.learner} it started from has "
            f"{shown(self.default.value)}. That figure chose it, and flatters it."
        )

    def _counts(self) -> str:
        return f"{counts(self.trials)}, seed {self.config.seed}."
