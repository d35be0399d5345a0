"""The package as a library: `train`, `load` and `evaluate`, with typed results."""

from __future__ import annotations

import glob
import json
import logging
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from meta_models.analysis.comparison.evaluate import evaluate as compare_with_bases
from meta_models.analysis.comparison.evaluate import standard_strata
from meta_models.analysis.comparison.table import EvaluationTable, Headline
from meta_models.analysis.runner import selected
from meta_models.config import TrainingConfig
from meta_models.dataset.built import BuiltFolder, is_built
from meta_models.dataset.genes.whole_genes import choose_whole_genes
from meta_models.dataset.plausibility.base_chromosomes import require_chromosomes
from meta_models.dataset.positions import Positions, read_positions
from meta_models.dataset.reading.open import open_dataset
from meta_models.dataset.reading.reader import Dataset
from meta_models.errors import InputError, UsageError
from meta_models.inference.checks.overlap import TrainedOn, refuse_overlap
from meta_models.inference.ensemble_model_loader import load
from meta_models.inference.gene_scoring import score_genes
from meta_models.inference.scoring import score_table
from meta_models.model import FittedModel
from meta_models.pipeline.run import run_training
from meta_models.places import TablePath, table_path
from meta_models.resources import cpu_count, memory_budget
from meta_models.run_folder import read_artifact, write_parquet

_DEFAULTS = TrainingConfig.from_mapping({})
COMPARISON = "base-vs-meta"
_SUMMARY = "meta_evaluation_summary.json"
_OOF = "oof_predictions.parquet"
_MODELS = "model_multiclass*.pkl"
AnyPath = str | os.PathLike[str]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingRun:
    """A finished run; returned by `train` and by `TrainingRun.open`.

    Attributes
    ----------
    folder : Path
        The run folder, with everything that was written.
    model : FittedModel
        The fitted model, read back from the folder.
    evaluation : EvaluationTable
        Base models against the meta-model, out of fold; ``evaluation.to_frame()`` is a polars DataFrame.
    """

    folder: Path
    model: FittedModel
    evaluation: EvaluationTable

    @classmethod
    def open(cls, folder: AnyPath) -> TrainingRun:
        """Read a run folder.

        Raises
        ------
        InputError
            If it holds no finished run.
        """
        path = Path(folder)
        try:
            summary = json.loads((path / _SUMMARY).read_text(encoding="utf-8"))
            evaluation = EvaluationTable.from_json(summary)
        except (OSError, UnicodeDecodeError, ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"A finished run with {_SUMMARY} is needed", f"Found {path}: {error}", "Name the folder of a run"
            ) from None
        return cls(path, load(Path(glob.escape(str(path))) / _MODELS), evaluation)

    def __repr__(self) -> str:
        return f"TrainingRun({str(self.folder)!r}, {self.model!r})"

    @property
    def headline(self) -> Headline:
        """The one comparison that counts; ``headline.sentence()`` says it in words."""
        return self.evaluation.headline

    def oof(self) -> pl.DataFrame:
        """The out-of-fold table, a row per position: see :class:`meta_models.result.TrainingResult`."""
        return read_artifact(self.folder, _OOF)


def train(config: TrainingConfig | None = None, **options: Any) -> TrainingRun:
    """Train, evaluate and save a meta-model, as ``meta-models train`` does.

    Parameters
    ----------
    config : TrainingConfig, optional
        All options; the defaults of the command where it is not given.
    **options
        Fields of `TrainingConfig`, which win over `config`: ``dataset`` and ``out_dir`` at least.

    Returns
    -------
    TrainingRun
        Read back from the run folder.

    Raises
    ------
    UsageError
        For unknown options, bad values, or no ``dataset`` or ``out_dir``.
    InputError, MemoryBudgetError, WriteError
        If the table cannot be trained on, does not fit, or the folder cannot be written.
    UnitsFailed, TargetMissed
        If analyses failed or targets were missed; the folder is complete then, and `TrainingRun.open` reads it.
    """
    given = {} if config is None else {name: getattr(config, name) for name in config.model_fields_set}
    chosen = TrainingConfig.from_mapping({**given, **options})
    chosen.require_dataset()
    if chosen.out_dir is None:
        raise UsageError("train() needs the folder to write to", "out_dir is missing", "Give out_dir")
    if COMPARISON not in selected(chosen):
        raise UsageError(
            f"train() returns the comparison {COMPARISON!r}", "analyses leaves it out", "Add it to analyses"
        )
    if chosen.dry_run:
        raise UsageError("train() trains", "dry_run is set", "Take the command meta-models train --dry-run for a plan")
    run_training(chosen)
    return TrainingRun.open(chosen.out_dir)


def evaluate(
    model: FittedModel | AnyPath,
    table: pl.DataFrame | AnyPath,
    *,
    best_base: str | None = None,
    base_score_columns: tuple[str, str, str] | None = None,
    bootstrap_samples: int = _DEFAULTS.bootstrap_samples,
    seed: int = _DEFAULTS.seed,
) -> EvaluationTable:
    """Compare a model with the base models on a labelled table of genes that it was not trained on.

    What is doubtful of the table is logged as warnings.

    Parameters
    ----------
    model : FittedModel or path
    table : polars.DataFrame or path
        Parquet, CSV or TSV file, or a folder of them, streamed; the columns are those of a training table. A model that
        reads whole genes is evaluated at every position of a folder that ``meta-models build`` made.
    best_base : str, optional
        Name of the base model that stands in the headline. By default the best one on `table` itself, which favours
        the base models.
    base_score_columns : three str, optional
        Donor, acceptor and neither score of the main base model, where they are named otherwise.
    bootstrap_samples, seed : int
        Of the intervals.

    Returns
    -------
    EvaluationTable
        ``headline.sentence()`` in words, ``to_frame()`` as a polars DataFrame.

    Raises
    ------
    UsageError
        If the table has no base model `best_base` with a score in every row.
    InputError
        If the table is not as the contract says, lacks features of the model, or shares genes or families with those
        the model was trained on.
    """
    fitted = model if isinstance(model, FittedModel) else load(model)
    with tempfile.TemporaryDirectory() as work_dir:
        source = _as_path(table, Path(work_dir))
        label = "the data frame" if isinstance(table, pl.DataFrame) else str(source)
        dataset = open_dataset(
            source, work_dir=Path(work_dir) / "text", base_score_columns=base_score_columns, label=label
        )
        positions = read_positions(dataset)
        for text in positions.warnings:
            logger.warning("%s", text)
        known = [base.name for base in positions.bases]
        if best_base is not None and best_base not in known:
            raise UsageError(f"best_base must be among {', '.join(known)}", f"Found {best_base!r}")
        require_chromosomes(positions.frame, None, dataset.info, dataset.source)
        refuse_overlap(TrainedOn.of_model(fitted.info), positions, dataset)
        frame, weighting = _scored(fitted, source, dataset, positions, seed)
    return compare_with_bases(
        frame,
        positions.bases,
        weighting=weighting,
        bootstrap_samples=bootstrap_samples,
        seed=seed,
        best_base=best_base,
        strata=standard_strata(frame, dataset.info.base_train_chroms),
    )


def _scored(
    model: FittedModel, source: TablePath, dataset: Dataset, positions: Positions, seed: int
) -> tuple[pl.DataFrame, str]:
    """The rows of the table with probabilities; of a model that reads whole genes every position of a built folder."""
    threads = cpu_count(None)
    if model.window or not (model.gene_columns and is_built(source)):
        return score_table(model, dataset, positions, threads), positions.weighting
    budget = memory_budget(None).bytes
    whole = choose_whole_genes(BuiltFolder.open(source).genes, "auto", only=None, budget=budget, seed=seed)
    return score_genes(model, whole, positions.bases, threads), "none"


def _as_path(table: pl.DataFrame | AnyPath, work_dir: Path) -> TablePath:
    if isinstance(table, (str, os.PathLike)):
        return table_path(table)
    if not isinstance(table, pl.DataFrame):
        found = f"{type(table).__module__}.{type(table).__qualname__}"
        raise InputError("A table must be a polars.DataFrame or a path", f"Found {found}", "Convert or write it")
    file = work_dir / "table.parquet"
    write_parquet(file, table)
    return file
