"""``meta-models suggest-genes``: a model and genes go in, a table of those that would teach most comes out."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import polars as pl

from meta_models.dataset.built import is_built
from meta_models.dataset.genes.genome import UNKNOWN, Genome
from meta_models.dataset.outputs import Output, require_apart
from meta_models.dataset.reading.chunks import rows_of_chunk
from meta_models.dataset.reading.read_ahead import shares, side_by_side
from meta_models.errors import ExitCode, InputError, UsageError
from meta_models.inference.checks.overlap import TrainedOn
from meta_models.inference.ensemble_model_loader import load_model_with_ensemble_support, resolve
from meta_models.inference.genome.rows import open_built_rows
from meta_models.inference.served import ServedTable, open_served
from meta_models.inference.suggestion.candidates import MEASURES, Assessor, Candidate, collected
from meta_models.inference.suggestion.choice import Suggestion, choose, scores_of, unknown_ones
from meta_models.inference.suggestion.config import SuggestConfig
from meta_models.local_paths import exists, is_folder
from meta_models.model import FittedModel
from meta_models.model.inputs import resolve_columns
from meta_models.places import TablePath, table_path
from meta_models.progress import Progress
from meta_models.resources import cpu_limit
from meta_models.run_folder import atomic_path, install_signal_handlers, scratch_folder
from meta_models.schema import CHROM, FAMILY, GENE
from meta_models.wording import counted

logger = logging.getLogger(__name__)
#: Why a measure is missing.
_WITHOUT = {
    "disagreement": "the model has no members that could disagree",
    "distance": "the model file holds no sketches of its features",
}


def run_suggestion(config: SuggestConfig) -> ExitCode:
    """Do what ``meta-models suggest-genes`` is asked to.

    Raises
    ------
    MetaModelsError
        As its subclasses say. Nothing stands at ``--out`` that is not whole.
    """
    model_file = resolve(config.model)
    require_apart([Output("--out", config.out)], {"--dataset": table_path(config.dataset)}, {"--model": model_file})
    if is_folder(config.out) or (exists(config.out) and not config.overwrite):
        raise UsageError(f"{config.out} must not exist", "Found it", "Give --overwrite, or another --out")
    model = load_model_with_ensemble_support(model_file, verbose=config.verbose)
    with install_signal_handlers(), ExitStack() as stack:
        scratch = stack.enter_context(scratch_folder(config.out.parent, "genes"))
        table = _open(table_path(config.dataset), model, scratch)
        candidates = assess(model, table, cpu_limit(config.threads).count)
        suggested = suggest(candidates, model, config.by, config.n, genome=table.dataset.info.genome)
        with atomic_path(config.out) as temporary:
            _frame(suggested).write_csv(temporary, separator="\t", float_precision=6)
    logger.info("Saved %s (%s by %s)", config.out, counted(len(suggested), "gene"), config.by)
    return ExitCode.DONE


def assess(model: FittedModel, table: ServedTable, threads: int) -> list[Candidate]:
    """Every gene of a table with what it could teach, by gene id; the table is streamed.

    Raises
    ------
    InputError
        If the table names no genes, or its values are not such as the model takes.
    """
    if GENE not in table.passed_on:
        raise InputError(f"{table.dataset.source!r} must name the gene of each row", f"It has no {GENE}")
    workers, for_each = shares(threads)
    model.set_threads(for_each)
    assessor = Assessor(model, table)
    rows = rows_of_chunk(len(model.feature_names))  # whatever the threads: sums are rounded chunk by chunk
    frames = table.dataset.iter_frames(assessor.expressions(), rows)
    chunks = Progress("Looking at genes").track(frames, table.n_rows)
    return collected(side_by_side(chunks, assessor, workers))


def suggest(
    candidates: Sequence[Candidate], model: FittedModel, by: str, n: int, *, genome: Genome = UNKNOWN
) -> list[Suggestion]:
    """The `n` genes that would teach `model` most, or as many as there are.

    Parameters
    ----------
    by : str
        A measure, its words joined by ``-``, or ``all``.
    genome : Genome, optional
        What the places of the candidates are positions of.

    Raises
    ------
    UsageError
        If the model cannot tell the measure.
    InputError
        If there is no gene that it was not trained on.
    """
    measure = by.replace("-", "_")
    for name in MEASURES:
        if candidates[0].value(name) is None:
            if name == measure:
                raise UsageError(f"--by {by} cannot be told", _WITHOUT[name], "Take another --by")
            logger.info("No %s: %s", name, _WITHOUT[name])
    new, left_out = unknown_ones(candidates, TrainedOn.of_model(model.info), genome)
    if left_out:
        logger.info("Left out of %d genes: %s", len(candidates), left_out)
    remaining = [candidate for candidate, is_new in zip(candidates, new, strict=True) if is_new]
    if not remaining:
        raise InputError("There must be genes that the model was not trained on", left_out, "Give other genes")
    suggested = choose(remaining, *scores_of(remaining, measure), n)
    if len(suggested) < n:
        logger.warning("%d genes are suggested, not %d: all others are related to one of them", len(suggested), n)
    return suggested


def _open(path: TablePath, model: FittedModel, scratch: Path) -> ServedTable:
    """The genes of a built folder at every position, or a table of rows."""
    if model.window or not (is_built(path) or model.gene_columns):
        return open_served(path, model, work_dir=scratch)
    table = open_built_rows(path, model)
    resolve_columns(table.dataset.columns, model.feature_names)
    return table


def _frame(suggested: Sequence[Suggestion]) -> pl.DataFrame:
    """The rows of the output."""
    genes = [suggestion.candidate for suggestion in suggested]
    return pl.DataFrame({
        "rank": range(1, len(genes) + 1),
        GENE: [gene.gene_id for gene in genes], FAMILY: [gene.family for gene in genes],
        CHROM: pl.Series([gene.places[0][0] for gene in genes], dtype=pl.String),
        "positions": [round(gene.positions) for gene in genes],
        **{name: pl.Series([gene.value(name) for gene in genes], dtype=pl.Float64) for name in MEASURES},
        "score": [suggestion.score for suggestion in suggested],
        "reasons": [suggestion.reasons for suggestion in suggested],
    })  # fmt: skip
