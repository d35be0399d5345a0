"""``search.html``, ``search_summary.txt`` and the tables of a search."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import polars as pl
import yaml

from meta_models.analysis.comparison.table import shown
from meta_models.analysis.framework.outcome import Picture, ReportTable
from meta_models.analysis.report.html import data_uri, render_page
from meta_models.run_folder import RunFolder
from meta_models.search.chance import Chance
from meta_models.search.figures import colours_of, history_png, importance_png, values_png, without_a_place
from meta_models.search.kept_out import EVALUATION
from meta_models.search.outcome import SearchOutcome
from meta_models.search.proposals import LEAST_TOLD, importances
from meta_models.search.space import Value, space_text
from meta_models.search.trials import TrialState, trial_table
from meta_models.wording import counted

TRIALS, SPACE, CHOSEN, GENES = "trials.csv", "search_space.yaml", "chosen.yaml", "kept_out_genes.txt"
RECORD, COMPARISON, PAGE, SUMMARY = "search.json", "kept_out_comparison.tsv", "search.html", "search_summary.txt"
IMPORTANCE = "importance.csv"
_STATES = {True: "good", False: "bad", None: "unknown"}
_WIDTH = 118


@dataclass(frozen=True)
class Figure:
    """A large figure, and what it is."""

    value: str
    name: str


@dataclass(frozen=True)
class Card:
    """Figures that belong together."""

    title: str
    state: str
    verdict: str
    figures: tuple[Figure, ...]
    lines: tuple[str, ...]


def save_search(outcome: SearchOutcome, genes: tuple[str, ...], folder: RunFolder) -> None:
    """Write everything but the winner; the same search gives the same files, the page's seconds excepted.

    Parameters
    ----------
    genes : tuple of str
        Those kept out.
    """
    shares = _shares(outcome)
    folder.write_text(TRIALS, trial_table(outcome.trials, outcome.config.n_folds).write_csv())
    folder.write_text(SPACE, space_text(outcome.spaces))
    folder.write_text(CHOSEN, _chosen(outcome))
    folder.write_text(GENES, "".join(f"{gene}\n" for gene in genes))
    folder.write_text(COMPARISON, _comparison(outcome).write_csv(separator="\t"))
    folder.write_text(IMPORTANCE, _importance_frame(shares).write_csv())
    folder.write_json(RECORD, outcome.to_json())
    pictures = _pictures(outcome, shares)
    for picture in pictures:
        folder.write_bytes(picture.file, picture.png)
    folder.write_text(SUMMARY, _summary(outcome))
    folder.write_text(PAGE, _page(outcome, shares, pictures))


def _chosen(outcome: SearchOutcome) -> str:
    """Options that ``train --config`` takes."""
    learner = outcome.winner.learner
    return yaml.safe_dump({"learner": learner, learner: outcome.section.model_dump(mode="json")}, sort_keys=False)


def _comparison(outcome: SearchOutcome) -> pl.DataFrame:
    names = {"a": "start", "b": "winner", "a_lower": "start_lower", "a_upper": "start_upper",
             "b_lower": "winner_lower", "b_upper": "winner_upper"}  # fmt: skip
    rows = [asdict(difference) for difference in outcome.kept_out.differences]
    return pl.DataFrame(rows, infer_schema_length=None).rename(names).drop("adjusted_p_value")


def _shares(outcome: SearchOutcome) -> dict[str, dict[str, float]]:
    found = {name: importances(space, outcome.trials) for name, space in outcome.spaces.items()}
    return {name: shares for name, shares in found.items() if len(shares) > 1}  # of one, nothing can be told


def _importance_frame(shares: Mapping[str, Mapping[str, float]]) -> pl.DataFrame:
    rows = [(name, option, share) for name, found in shares.items() for option, share in found.items()]
    schema = {"learner": pl.String, "option": pl.String, "share": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _pictures(outcome: SearchOutcome, shares: Mapping[str, Mapping[str, float]]) -> list[Picture]:
    trials, winner = outcome.trials, outcome.winner
    history = (
        "Each trial's mean average precision of donor and acceptor over the folds that it got; those given up were "
        "below the median of the others. Trials far below may lie outside of the figure."
    )
    pictures = [Picture("Every trial", history, history_png(trials, winner), "search_history.png")]
    if shares:
        caption = (
            "What of the difference between the best tenth of the trials and the rest each option accounts for "
            "(PED-ANOVA), each learner's options summing to 1. An option that matters need not have a value that is "
            "better than the one that the search started from."
        )
        pictures.append(Picture("Which options matter", caption, importance_png(shares), "search_importance.png"))
    mine = [trial for trial in trials if trial.learner == winner.learner and trial.value is not None]
    if winner.values and len(mine) > 1:
        space = outcome.spaces[winner.learner]
        png = values_png(space, mine, winner, colours_of(trials)[winner.learner])
        caption = _values_caption(winner.learner, without_a_place(space, mine))
        pictures.append(Picture("Where good values lie", caption, png, "search_values.png"))
    return pictures


def _values_caption(learner: str, hidden: Mapping[str, Value]) -> str:
    caption = (
        f"Mean average precision of the trials of {learner} over the value of each option; a star is the one chosen."
    )
    apart = [f"{name} {value}" for name, value in hidden.items()]
    return f"{caption} Its axis has no place for the start with {', '.join(apart)}." if apart else caption


def _summary(outcome: SearchOutcome) -> str:
    lines = [f"meta_models: search on {outcome.config.dataset}", ""]
    for text in outcome.lines():
        lines += textwrap.wrap(text, _WIDTH, subsequent_indent="  ")
    lines += ["", "Chosen options", "--------------", *_chosen(outcome).splitlines(), ""]
    return "\n".join([*lines, f"The winner, trained on all genes: winner/. Every trial: {TRIALS}."]) + "\n"


def _page(outcome: SearchOutcome, shares: Mapping[str, Mapping[str, float]], pictures: list[Picture]) -> str:
    return render_page(
        "meta_models.search",
        "search.html.j2",
        {"data_uri": data_uri},
        title=outcome.config.dataset,
        cards=_cards(outcome),
        lines=outcome.lines()[1:],
        pictures=pictures,
        remarks=[_unweighed(outcome, name) for name in outcome.spaces if name not in shares],
        tables=(_chosen_table(outcome), _trials_table(outcome), _comparison_table(outcome)),
    )


def _unweighed(outcome: SearchOutcome, learner: str) -> str:
    """Why nothing is told of which options of a learner matter."""
    complete = sum(t.learner == learner and t.state is TrialState.COMPLETE for t in outcome.trials)
    searched = [parameter.name for parameter in outcome.spaces[learner].parameters]
    why = f"its {counted(complete, 'complete trial')} are all alike, or too few of them lie in the ranges"
    if len(searched) < 2:
        why = f"only {searched[0]} was searched" if searched else "no option was searched"
    elif complete < LEAST_TOLD:
        why = f"that takes {LEAST_TOLD} complete trials, and there {'is' if complete == 1 else 'are'} {complete}"
    return f"Which options of {learner} matter is not shown: {why}."


def _cards(outcome: SearchOutcome) -> tuple[Card, Card]:
    kept, main, start = outcome.kept_out, outcome.kept_out.headline, outcome.default
    interval = f"no interval: {main.reason}"
    if main.lower is not None and main.upper is not None:
        interval = f"95 % {shown(main.lower, '+')} to {shown(main.upper, '+')}, {main.families:,} families"
    state = "bad" if kept.above_chance is False else _STATES[outcome.helped]
    verdict = "NOT above chance. " if kept.above_chance is False else ""
    figures = (
        Figure(shown(main.b), "winner"),
        Figure(shown(main.a), f"{outcome.default.learner} it started from"),
        Figure(shown(main.difference, "+"), interval),
    )
    lines = (f"{kept.genes:,} genes, {kept.where}", _chance_line(kept.chance))
    own = Card(
        f"In the search, over {outcome.config.n_folds} folds: flattering, for it chose the winner",
        "unknown",
        f"Best of {counted(len(outcome.trials), 'trial')}",
        (Figure(shown(outcome.winner.value), "winner"), Figure(shown(start.value), f"start, trial {start.number}")),
        (f"{outcome.genes:,} genes", _chance_line(outcome.chance)),
    )  # fmt: skip
    title = "On the families kept out of the search: the figure to believe"
    return Card(title, state, f"{verdict}{outcome.verdict()}", figures, lines), own


def _chance_line(chance: Chance) -> str:
    return f"random rankings give {chance.mean:.4f}, up to {chance.upper:.4f}"


def _chosen_table(outcome: SearchOutcome) -> ReportTable:
    section, start = outcome.section, outcome.spaces[outcome.winner.learner].base
    rows = [
        (name, str(value), str(getattr(start, name)), name in outcome.winner.values)
        for name, value in section.model_dump(mode="json").items()
    ]
    schema = {"option": pl.String, "chosen": pl.String, "without a search": pl.String, "searched": pl.Boolean}
    caption = f"Of {outcome.winner.learner}; without a search: as given, and the default where it was not given."
    return ReportTable("Chosen options", pl.DataFrame(rows, schema=schema, orient="row"), caption, CHOSEN)


def _trials_table(outcome: SearchOutcome) -> ReportTable:
    table = trial_table(outcome.trials, outcome.config.n_folds)
    seconds = pl.Series("seconds", [round(trial.seconds, 1) for trial in outcome.trials])
    used = [name for name in table.columns if table[name].null_count() < table.height]
    caption = "Seconds are of the fits. They are not in the file, which is the same whenever the search is."
    return ReportTable("Every trial", table.select(used).with_columns(seconds), caption, TRIALS)


def _comparison_table(outcome: SearchOutcome) -> ReportTable:
    chosen = _comparison(outcome).select(
        "population", "metric", "target", "start", "winner", "difference", "lower", "upper", "families", "reason"
    )
    caption = (
        "Winner and start (the best learner with the options given, the defaults of all others), trained on the genes "
        "of the search. "
        f"Against base models: {EVALUATION}.tsv."
    )
    return ReportTable("On the families kept out", chosen, caption, COMPARISON)
