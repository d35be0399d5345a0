"""What a comparison of runs found: against the control, of one table, across tables."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import polars as pl

from meta_models.analysis.comparison.table import shown
from meta_models.experiments.comparison.costs import RunCost
from meta_models.experiments.comparison.differences import Difference, better
from meta_models.experiments.comparison.significance import SIGNIFICANT, FoldTest, RankTest

PAGE, FIGURES, RECORD, GENES = "comparison.html", "comparison.tsv", "comparison.json", "gene_changes.tsv"
_COLUMNS = {
    "a": "control_value", "b": "run_value", "a_lower": "control_lower", "a_upper": "control_upper",
    "b_lower": "run_lower", "b_upper": "run_upper",
}  # fmt: skip


@dataclass(frozen=True)
class RunComparison:
    """One run against the control.

    Attributes
    ----------
    differences : tuple of Difference
        Control first, this run second; mean average precision of the headline's population stands first.
    folds : FoldTest
        Of that figure.
    compared : int
        Runs that are compared with the control, this one among them: what Holm's p-value is adjusted for.
    """

    run: str
    differences: tuple[Difference, ...]
    folds: FoldTest
    compared: int = 1

    @property
    def headline(self) -> Difference:
        """The difference that decides."""
        return self.differences[0]

    @property
    def better(self) -> bool | None:
        """Whether this run is better, or worse; None where neither is shown, once all runs compared are counted."""
        return None if self._by_chance else better(self.headline)

    @property
    def _by_chance(self) -> bool:
        """Whether a difference as large may well be found, by its interval, among so many runs."""
        p = self.headline.adjusted_p_value
        return self.compared > 1 and better(self.headline) is not None and p is not None and p >= SIGNIFICANT

    def found(self, control: str) -> str:
        """What is shown, in a few words."""
        if self._by_chance:
            among = f"once it is counted that {self.compared} runs are compared"
            return f"{self.run} and {control} are not shown to differ, {among}"
        words = {True: f"is better than {control}", False: f"is worse than {control}"}
        found = self.better
        return f"{self.run} and {control} are not shown to differ" if found is None else f"{self.run} {words[found]}"

    def verdict(self, control: str) -> str:
        """One sentence."""
        main = self.headline
        if main.lower is None or main.upper is None or main.difference is None:
            return f"Whether {self.run} is better than {control} cannot be told: {main.reason}."
        figures = (
            f"mean average precision {main.b:.4f} against {main.a:.4f}, difference {shown(main.difference, '+')} (95 % "
            f"{shown(main.lower, '+')} to {shown(main.upper, '+')}, {main.families} families{self._holm})"
        )
        includes = "; the interval includes 0" if better(main) is None else ""
        return f"{self.found(control)}: {figures}{includes}. {self.doubt}".rstrip()

    @property
    def _holm(self) -> str:
        p = self.headline.adjusted_p_value
        return "" if self.compared < 2 or p is None else f"; p {p:.2g}, adjusted for {self.compared} runs (Holm)"

    @property
    def doubt(self) -> str:
        """What to say where the interval over families shows a difference, and the test over folds does not; or empty.

        The bootstrap draws genes for two models that are given. How far they would differ had they been trained on
        other genes, it cannot know.
        """
        if self.better is None or self.folds.p_value is None or self.folds.p_value < SIGNIFICANT:
            return ""
        return (
            f"The corrected t-test over {self.folds.folds} folds does not show it (p {self.folds.p_value:.2g}): these "
            "two models differ on these genes, which need not hold after another training."
        )


@dataclass(frozen=True)
class TableComparison:
    """All runs of one table; made by :func:`compare_table`.

    Attributes
    ----------
    table : str
        Name of the table.
    notes : tuple of str
        What a reader must know of the rows.
    changes : polars.DataFrame
        As :func:`meta_models.experiments.comparison.genes.gene_changes` returns it.
    """

    table: str
    control: str
    population: str
    notes: tuple[str, ...]
    runs: tuple[RunComparison, ...]
    changes: pl.DataFrame
    costs: tuple[RunCost, ...]

    def figures(self) -> dict[str, float | None]:
        """Mean average precision of every run, the control's first."""
        found = {self.control: self.runs[0].headline.a}
        return found | {run.run: run.headline.b for run in self.runs}

    def verdicts(self) -> list[str]:
        """One sentence for each run."""
        return [run.verdict(self.control) for run in self.runs]

    def frame(self) -> pl.DataFrame:
        """One row per run and figure."""
        rows = [
            {"table": self.table, "control": self.control, "run": run.run, **asdict(difference)}
            for run in self.runs
            for difference in run.differences
        ]
        return pl.DataFrame(rows, infer_schema_length=None).rename(_COLUMNS)


@dataclass(frozen=True)
class AcrossTables:
    """Runs of one name over several tables.

    Attributes
    ----------
    names : tuple of str
        Of the runs, as in ``ranks.mean_ranks``.
    """

    names: tuple[str, ...]
    ranks: RankTest
