"""``meta-models compare``: finished runs against one of them, on the rows that all of them scored."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

from meta_models.analysis.comparison.strata import narrow_strata
from meta_models.dataset.outputs import Output, require_apart, require_free
from meta_models.errors import ExitCode, UsageError
from meta_models.experiments.comparison.costs import run_cost
from meta_models.experiments.comparison.differences import (
    ALL,
    AP,
    MEAN,
    Comparison,
    Difference,
    differences_to,
    fold_test,
    populations_of,
)
from meta_models.experiments.comparison.genes import changed_counts, gene_changes
from meta_models.experiments.comparison.outcome import (
    FIGURES,
    GENES,
    PAGE,
    RECORD,
    AcrossTables,
    RunComparison,
    TableComparison,
)
from meta_models.experiments.comparison.rows import SharedRows, shared_rows
from meta_models.experiments.comparison.significance import SIGNIFICANT, RankTest, friedman_test
from meta_models.experiments.options import CompareConfig
from meta_models.experiments.runs import read_runs
from meta_models.finished_run import FinishedRun
from meta_models.local_paths import exists
from meta_models.result import SCREENED
from meta_models.run_folder import MANIFEST_NAME, atomic_write, json_bytes, make_folder
from meta_models.schema import GENE
from meta_models.wording import counted

logger = logging.getLogger(__name__)


def compare_runs(given: Sequence[str], options: CompareConfig) -> ExitCode:
    """Compare the runs in the folders `given` and write page, tables and record into ``options.out``.

    The same runs give the same files.

    Raises
    ------
    UsageError
        If a folder holds no finished run, or ``--control`` or ``--out`` is wrong.
    InputError
        If the runs have no rows in common, or other labels there, or a file is not as its run wrote it.
    WriteError
        If the folder cannot be written to.
    """
    runs = read_runs(given)
    require_apart([Output("--out", options.out)], {}, {f"the run {run.name}": run.path for run in runs})
    for name in (PAGE, FIGURES, RECORD, GENES):
        require_free(options.out / name, "--out", overwrite=options.overwrite)
    tables, across = compared(runs, options)
    make_folder(options.out)
    for name, data in comparison_files(tables, across, options).items():
        atomic_write(options.out / name, data)
    for line in lines_of(tables):
        logger.info("%s", line)
    logger.info("Comparison: %s", options.out / PAGE)
    return ExitCode.DONE


def comparison_files(
    tables: Sequence[TableComparison], across: AcrossTables | None, options: CompareConfig
) -> dict[str, bytes]:
    """Page, tables and record of a comparison, by the names of their files."""
    from meta_models.experiments.comparison.page import render_comparison

    frame = pl.concat([table.frame() for table in tables])
    changes = pl.concat([table.changes.select(pl.lit(table.table).alias("table"), pl.all()) for table in tables])
    return {
        FIGURES: frame.write_csv(separator="\t").encode(),
        GENES: changes.write_csv(separator="\t").encode(),
        RECORD: json_bytes(record(tables, across, options)),
        PAGE: render_comparison(tables, across, options).encode(),
    }


def lines_of(tables: Sequence[TableComparison]) -> list[str]:
    """What a comparison says, for the terminal."""
    return [line for table in tables for line in (*table.notes, *table.verdicts())]


def compared(
    runs: Sequence[FinishedRun], options: CompareConfig
) -> tuple[tuple[TableComparison, ...], AcrossTables | None]:
    """The comparison of `runs` by table, and of their names over the tables; what can be wrong is found first."""
    if len(runs) < 2:
        raise UsageError("compare needs two runs at least", f"Found {len(runs)}", "Name the run folders")
    if exists(options.out / MANIFEST_NAME):
        raise UsageError("--out must not be a run folder", f"Found a run in {options.out}", "Choose another --out")
    if not options.across_tables:
        return (compare_table(runs, options, _control(runs, options.control)),), None
    groups = _by_table(runs)
    names = _same_names(groups)
    control = options.control or names[0]
    tables = tuple(
        compare_table(group, options, _control(group, _named(group, control)), table)
        for table, group in zip(_table_names(groups), groups, strict=True)
    )
    return tables, _across(names, groups, tables)


def compare_table(
    runs: Sequence[FinishedRun], options: CompareConfig, control: int, table: str = ""
) -> TableComparison:
    """Compare runs of one table with run number `control`."""
    names = [run.name for run in runs]
    rows = shared_rows([run.oof for run in runs], names)
    found = _all_differences(rows, runs[control], control, options)
    return TableComparison(
        table=table or _table_name(runs[0]),
        control=names[control],
        population=next(iter(populations_of(rows))),
        notes=(*rows.notes, *_notes_on_runs(runs), *_note_on_samples(len(found), options.bootstrap_samples)),
        runs=tuple(
            RunComparison(names[k], tuple(d), fold_test(rows, control, k), len(found)) for k, d in found.items()
        ),
        changes=gene_changes(rows, names, control),
        costs=tuple(run_cost(run) for run in runs),
    )


def record(tables: Sequence[TableComparison], across: AcrossTables | None, options: CompareConfig) -> dict[str, object]:
    """The content of ``comparison.json``."""
    return {
        "format_version": 1,
        "bootstrap": {"samples": options.bootstrap_samples, "seed": options.seed, "unit": "family", "level": 0.95},
        "tables": [
            {
                "table": table.table,
                "control": table.control,
                "population": table.population,
                "notes": table.notes,
                "verdicts": table.verdicts(),
                "runs": [asdict(run) for run in table.runs],
                "genes": changed_counts(table.changes).to_dicts(),
                "costs": [asdict(cost) for cost in table.costs],
            }
            for table in tables
        ],
        "across_tables": None if across is None else {"runs": across.names, **asdict(across.ranks)},
    }


def _all_differences(
    rows: SharedRows, run: FinishedRun, control: int, options: CompareConfig
) -> dict[int, list[Difference]]:
    """Of all rows, then mean average precision in every stratum that does not hold all or none of them."""
    samples, seed = options.bootstrap_samples, options.seed
    found = differences_to(rows, control, Comparison(samples, seed))
    for name, mask in _masks(rows, run).items():
        if 0 < np.count_nonzero(mask) < len(mask):
            there = differences_to(rows, control, Comparison(samples, seed, name, mask, losses=False))
            for other, differences in there.items():
                found[other] += [d for d in differences if (d.metric, d.target) == (AP, MEAN)]
    return found


def _masks(rows: SharedRows, run: FinishedRun) -> dict[str, NDArray[np.bool_]]:
    """Which rows each stratum of `run` holds; which genes its screening saw is no matter between runs."""
    frame = rows.frame.drop(SCREENED, strict=False)
    strata = narrow_strata(frame, run.stored.bases[0], run.stored.base_train_chroms)
    masks = frame.select(mask.fill_null(value=False).alias(name) for name, mask in strata.items() if name != ALL)
    return {name: masks[name].to_numpy() for name in masks.columns}


def _control(runs: Sequence[FinishedRun], name: str | None) -> int:
    names = [run.name for run in runs]
    if name is not None and name not in names:
        raise UsageError("--control must name one of the runs", f"Found {name}", f"Take one of {', '.join(names)}")
    return 0 if name is None else names.index(name)


def _notes_on_runs(runs: Sequence[FinishedRun]) -> list[str]:
    """What differs between the runs beside what was meant to."""
    versions: dict[str, set[str]] = {}
    for run in runs:
        for library, version in run.manifest.versions.items():
            versions.setdefault(library, set()).add(version)
    other = [f"{library} {', '.join(sorted(found))}" for library, found in sorted(versions.items()) if len(found) > 1]
    told = [f"The runs were made with other versions: {'; '.join(other)}."] if other else []
    chosen = [run.name for run in runs if run.config.get("chosen_by")]
    return [
        *told,
        *(f"{name} has options that a search chose on genes of this table: its figures flatter it." for name in chosen),
    ]


def _note_on_samples(compared: int, samples: int) -> list[str]:
    """What to say where no p-value can be small enough, once it is adjusted for so many runs.

    Of one run, less than one resample lies beyond each end of the interval then.
    """
    enough = round(2 * compared / SIGNIFICANT)  # the smallest p-value is 2 / (samples + 1)
    if samples >= enough:
        return []
    shown = "for a 95 % interval" if compared < 2 else f"to show that one of {compared} runs differs (Holm)"
    few = f"{counted(samples, 'resample', 'resamples')} {'is' if samples == 1 else 'are'} too few {shown}"
    return [f"{few}: give --bootstrap-samples {enough} or more."]


def _table_name(run: FinishedRun) -> str:
    return str(run.config.get("dataset", "")).rstrip("/").rpartition("/")[2] or "table"


def _table_names(groups: Sequence[Sequence[FinishedRun]]) -> list[str]:
    names = [_table_name(group[0]) for group in groups]
    return names if len(set(names)) == len(names) else [f"{name} {k}" for k, name in enumerate(names, 1)]


def _by_table(runs: Sequence[FinishedRun]) -> list[list[FinishedRun]]:
    """Runs that share genes, directly or through others, in the order given."""
    genes = [set(run.oof[GENE].cast(pl.String)) for run in runs]
    shared = np.array([[bool(one & two) for two in genes] for one in genes])
    codes = sparse.csgraph.connected_components(shared, directed=False)[1]
    return [[run for run, code in zip(runs, codes, strict=True) if code == mine] for mine in dict.fromkeys(codes)]


def _short(run: FinishedRun) -> str:
    return run.name.rpartition("/")[2]


def _named(group: Sequence[FinishedRun], short: str) -> str:
    """The whole name of the run of that name among those of one table; the name itself where there is none."""
    return next((run.name for run in group if _short(run) == short), short)


def _same_names(groups: Sequence[Sequence[FinishedRun]]) -> tuple[str, ...]:
    """Names of the runs, which must be the same in every table."""
    names = [[_short(run) for run in group] for group in groups]
    if len(groups) < 2:
        raise UsageError("--across-tables needs runs of two tables at least", "All share genes", "Leave it out")
    first = names[0]
    for group, found in zip(groups, names, strict=True):
        if sorted(found) != sorted(first) or len(set(found)) < len(found):
            raise UsageError(
                "--across-tables needs a run of each name in every table",
                f"Found {', '.join(first)} in {_table_name(groups[0][0])} and {', '.join(found)} in "
                f"{_table_name(group[0])}",
                "Name the folders alike, or give NAME=PATH",
            )
    return tuple(first)


def _across(
    names: tuple[str, ...], groups: Sequence[Sequence[FinishedRun]], tables: Sequence[TableComparison]
) -> AcrossTables:
    figures = [
        [table.figures()[_named(group, name)] for name in names] for group, table in zip(groups, tables, strict=True)
    ]
    known = [row for row in figures if None not in row]
    if not known:
        return AcrossTables(names, RankTest((), None, None, None, 0, "no table has a figure of every run"))
    return AcrossTables(names, friedman_test(np.array(known, np.float64)))
