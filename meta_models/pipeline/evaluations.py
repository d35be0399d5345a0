"""What is evaluated after training beside the table's rows: whole genes, and tables of genes not trained on."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

import polars as pl

from meta_models.analysis.comparison.evaluate import best_base_overall, choose_best_base, evaluate, standard_strata
from meta_models.analysis.comparison.gene_ranking import gene_ranking
from meta_models.analysis.comparison.table import TABLE, EvaluationTable
from meta_models.dataset.opening import Tables
from meta_models.dataset.positions import Positions, read_again
from meta_models.dataset.reading.reader import Dataset
from meta_models.errors import UsageError
from meta_models.inference.contenders import FoldScorer
from meta_models.inference.gene_scoring import score_genes, score_genes_out_of_fold
from meta_models.inference.scoring import score_out_of_fold, score_table
from meta_models.pipeline.every_position import with_every_position
from meta_models.pipeline.reporting import EXTERNAL, WHOLE_GENES
from meta_models.result import TrainingResult
from meta_models.run_folder import RunFolder
from meta_models.schema import BaseModel

logger = logging.getLogger(__name__)


def evaluate_training_genes(
    result: TrainingResult, tables: Tables, folder: RunFolder, threads: int
) -> tuple[EvaluationTable | None, TrainingResult]:
    """Evaluate on all positions of the training genes, where known, each by the model that never saw its gene.

    Returns
    -------
    EvaluationTable or None
    TrainingResult
        `result` with these figures on its leaderboard.
    """
    scorer = FoldScorer(result.fold_models, result.contenders)
    if tables.genes is not None and result.fold_models:
        chromosome = result.config.split == "chromosome"
        frame = score_genes_out_of_fold(
            scorer, result.oof, tables.genes, result.bases, threads, by_chromosome=chromosome
        )
        folder.update(lines={**folder.manifest.lines, WHOLE_GENES: (tables.genes.title,)})
        best = {int(fold): name for fold, name in result.best_base_by_fold.items()}
        shared, weighting = list(result.bases), "none"
    elif tables.whole_genes is not None:
        frame, shared, weighting, best = _score_whole_genes(result, scorer, tables.whole_genes, threads)
    else:
        return None, result
    table = save_evaluation(result, frame, shared, weighting, best, WHOLE_GENES, folder)
    return table, with_every_position(result, frame, scorer, shared, weighting=weighting)


def _score_whole_genes(
    result: TrainingResult, scorer: FoldScorer, table: Dataset, threads: int
) -> tuple[pl.DataFrame, list[BaseModel], str, dict[int, str]]:
    """``--oof-dataset``: its scored positions, its base models, where their weights are from, the best base by fold."""
    if not result.fold_models:
        raise UsageError(
            f"--oof-dataset needs the models of the folds, which the strategy {result.strategy} does not keep",
            action="Take --strategy single_model or --eval-dataset",
        )
    positions = read_again(table)
    frame = score_out_of_fold(scorer, result.oof, table, positions, threads)
    best = {int(fold): name for fold, name in result.best_base_by_fold.items()}
    shared = _shared_bases(result, positions)
    if lacking := set(best.values()) - {base.name for base in shared}:
        best = choose_best_base(result.oof, shared, weighting=result.weighting)
        logger.warning(
            "%s cannot be compared with in --oof-dataset; the best of the other base models stands for it. %s",
            " and ".join(sorted(lacking)), " ".join(positions.notes),
        )  # fmt: skip
    return frame, shared, positions.weighting, best


def evaluate_external(
    result: TrainingResult, tables: Tables, folder: RunFolder, threads: int
) -> EvaluationTable | None:
    """Evaluate on the genes of ``--eval-dataset``, none of which may be related to a training gene."""
    if tables.external is None:
        return None
    positions = read_again(tables.external)
    shared, weighting = _shared_bases(result, positions), positions.weighting
    if tables.external_genes is None:
        frame = score_table(result.model, tables.external, positions, threads)
    else:
        frame, weighting = score_genes(result.model, tables.external_genes, shared, threads), "none"
        called = tables.external_genes.title.removeprefix("On ")
        folder.update(lines={**folder.manifest.lines, EXTERNAL: (called,)})
    best = best_base_overall(result.oof, shared, weighting=result.weighting)
    return save_evaluation(result, frame, shared, weighting, best, EXTERNAL, folder, combiner_frame=result.oof)


def _shared_bases(result: TrainingResult, positions: Positions) -> list[BaseModel]:
    return [base for base in result.bases if base in positions.bases]


def save_evaluation(
    result: TrainingResult,
    frame: pl.DataFrame,
    bases: Sequence[BaseModel],
    weighting: str,
    best_base: str | Mapping[int, str],
    name: str,
    folder: RunFolder,
    *,
    combiner_frame: pl.DataFrame | None = None,
    called: str = TABLE,
) -> EvaluationTable:
    """Evaluate and write; combiners of the base scores are fitted on `combiner_frame`, or across the folds.

    Parameters
    ----------
    called : str
        Name of the population in which rows stand for themselves.
    """
    config = result.config
    table = evaluate(
        frame, bases, weighting=weighting,
        bootstrap_samples=config.bootstrap_samples, seed=config.seed, best_base=best_base,
        strata=standard_strata(frame, result.base_train_chroms), combiner_frame=combiner_frame,
        combiner_weighting=result.weighting, combiner_rows=config.combiner_rows,
    ).called(called)  # fmt: skip
    folder.write_text(f"{name}.tsv", table.to_frame().write_csv(separator="\t"))
    folder.write_json(f"{name}.json", table.to_json())
    genes = gene_ranking(frame, bases, weighting=weighting)
    folder.write_text(f"{name}_per_gene.tsv", genes.write_csv(separator="\t"))
    return table
