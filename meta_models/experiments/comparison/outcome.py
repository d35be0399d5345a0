"""What a comparison of runs found: against the control, of one table, across tables."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import polars as pl

from meta_models.experiments.comparison.costs import RunCost
from meta_models.experiments.comparison.differences import Difference, better
from meta_models.experiments.comparison.significance import FoldTest, RankTest

#: Below this p-value a test shows a difference.
_SIGNIFICANT = 0.05
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
    """

    run: str
    differences: tuple[Difference, ...]
    folds: FoldTest

    @property
    def headline(self) -> Difference:
        """The difference that decides."""
        return self.differences[0]

    def verdict(self, control: str) -> str:
        """One sentence."""
        main = self.headline
        if main.lower is None or main.upper is None or main.difference is None:
            return f"Whether {self.run} is better than {control} cannot be told: {main.reason}."
        figures = (
            f"mean average precision {main.b:.4f} against {main.a:.4f}, difference {main.difference:+.4f} (95 % "
            f"{main.lower:+.4f} to {main.upper:+.4f}, {main.families} families)"
        )
        found = better(main)
        if found is None:
            return f"{self.run} and {control} are not shown to differ: {figures}; the interval includes 0."
        return f"{self.run} is {'better' if found else 'worse'} than {control}: {figures}. {self.doubt}".rstrip()

    @property
    def doubt(self) -> str:
        """What to say where the interval over families shows a difference, and the test over folds does not; or empty.

        The bootstrap draws genes for two models that are given. How far they would differ had they been trained on
        other genes, it cannot know.
        """
        if better(self.headline) is None or self.folds.p_value is None or self.folds.p_value < _SIGNIFICANT:
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
