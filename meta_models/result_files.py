"""A `TrainingResult` as files of a run folder, and back: whatever is looked at later needs no training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import AliasChoices, Field, TypeAdapter, ValidationError

from meta_models.config import TrainingConfig
from meta_models.errors import UsageError, WriteError
from meta_models.model import FittedModel
from meta_models.persistence import dump_model, load_model
from meta_models.result import (
    EnsembleRecord,
    FeatureRecord,
    FitRecord,
    FoldRecord,
    MemoryRecord,
    MiningRecord,
    Note,
    TrainingResult,
)
from meta_models.run_folder import RunFolder, read_artifact
from meta_models.run_folder.manifest import first_fault
from meta_models.schema import BaseModel
from meta_models.standings import LeaderboardRecord

RESULT_FILE = "training_result.json"
#: What one learner tells of its fits.
FITS_FILE = "fits_{}.json"
OOF_FILE = "oof_predictions.parquet"
#: Features of the rows that do not stand in the table, where there are any.
COLUMNS_FILE = "first_pass_columns.parquet"
FOLD_MODELS = "fold_models"
FORMAT_VERSION = 1


@dataclass(frozen=True)
class StoredResult:
    """The content of ``training_result.json``: what of a result is neither model, table nor configuration.

    Seconds and measured peaks are left out: the file is the same for equal runs.

    Attributes
    ----------
    model_file : str
        Artifact that holds the model.
    fold_models : tuple of int
        Folds whose models lie in ``fold_models/``.
    predicted_peak : int
        Bytes.
    """

    format_version: int
    model_file: str
    fold_models: tuple[int, ...]
    strategy: str
    strategy_reason: str
    bases: tuple[BaseModel, ...]
    features: tuple[FeatureRecord, ...]
    folds: tuple[FoldRecord, ...]
    fits: Annotated[tuple[FitRecord, ...], Field(validation_alias=AliasChoices("fits", "boosters"))]
    predicted_peak: int
    weighting: str
    best_base_by_fold: dict[int, str]
    base_train_chroms: tuple[str, ...] | None
    notes: tuple[Note, ...]
    ensemble: EnsembleRecord | None
    mining: tuple[MiningRecord, ...]
    leaderboard: LeaderboardRecord | None = None
    columns_file: str | None = None
    left_out: tuple[str, ...] = ()

    @property
    def artifacts(self) -> tuple[str, ...]:
        """Names of all artifacts that the result consists of."""
        columns = () if self.columns_file is None else (self.columns_file,)
        return (RESULT_FILE, self.model_file, OOF_FILE, *columns, *(_fold_file(fold) for fold in self.fold_models))


_ADAPTER = TypeAdapter(StoredResult)
#: Attributes of a result that are stored as they are.
_PLAIN = {f.name for f in fields(StoredResult)} & {f.name for f in fields(TrainingResult)} - {"fold_models"}


def save_result(result: TrainingResult, model_file: str, folder: RunFolder) -> None:
    """Write the model, the out-of-fold table (where the model cannot be written, too), and all else.

    Raises
    ------
    WriteError
        If a file cannot be written, or cannot hold its model.
    """
    try:
        folder.write_bytes(model_file, _dumped(result.model, model_file))
    finally:  # neither loses the other
        folder.write_parquet(OOF_FILE, result.oof)
    if result.columns:
        folder.write_parquet(COLUMNS_FILE, pl.DataFrame(dict(result.columns)))
    for fold, model in sorted(result.fold_models.items()):
        folder.write_bytes(_fold_file(fold), _dumped(model, _fold_file(fold)))
    for learner, records in fit_facts((*result.fits, *result.other_fits)).items():
        folder.write_json(FITS_FILE.format(learner), records)
    save_facts(result, model_file, folder)


def save_facts(result: TrainingResult, model_file: str, folder: RunFolder) -> None:
    """Write what of a result is neither model nor table, again where more of it is known by now."""
    folder.write_json(RESULT_FILE, stored_values(result, model_file))


def fit_facts(fits: Sequence[FitRecord]) -> dict[str, list[dict[str, Any]]]:
    """What each learner tells of its fits: losses by round, rounds, whether it stopped early; nothing measured."""
    found: dict[str, list[dict[str, Any]]] = {}
    for fit in sorted(fits, key=lambda fit: fit.order):
        stopped = fit.rounds < len(fit.train_curve) if fit.train_curve else None
        facts = {
            "fold": fit.fold, "member": fit.member, "class": fit.of, "rounds": fit.rounds, "stopped_early": stopped,
            "train_loss": list(fit.train_curve), "held_out_loss": list(fit.held_out_curve), "facts": dict(fit.facts),
        }  # fmt: skip
        found.setdefault(fit.learner, []).append(facts)
    return found


def _dumped(model: FittedModel, name: str) -> bytes:
    try:
        return dump_model(model)
    except ValueError as error:
        raise WriteError(
            f"The model must fit into the file {name}",
            f"It does not: {error}",
            f"Train fewer or shallower trees (--n-estimators, --max-depth); {OOF_FILE} is written",
        ) from error


def stored_values(result: TrainingResult, model_file: str) -> dict[str, Any]:
    """The content of ``training_result.json``."""
    plain: dict[str, Any] = {name: getattr(result, name) for name in _PLAIN}
    plain["ensemble"] = _unmeasured(result.ensemble)
    plain["leaderboard"] = None if result.leaderboard is None else unmeasured(result.leaderboard)
    plain["best_base_by_fold"] = dict(result.best_base_by_fold)
    stored = StoredResult(
        format_version=FORMAT_VERSION,
        model_file=model_file,
        fold_models=tuple(sorted(result.fold_models)),
        predicted_peak=result.memory.predicted,
        columns_file=COLUMNS_FILE if result.columns else None,
        **plain,
    )
    values: dict[str, Any] = _ADAPTER.dump_python(stored, mode="json")
    return values


def read_stored(path: Path) -> StoredResult:
    """The ``training_result.json`` in the run folder `path`.

    Raises
    ------
    UsageError
        If there is none, or none of this format.
    """
    try:
        stored = _ADAPTER.validate_json((path / RESULT_FILE).read_bytes())
    except OSError as error:
        found = f"Found no readable {RESULT_FILE} ({error.strerror})"
        raise UsageError(_EXPECTED.format(path), found, "Train again with this version") from None
    except ValidationError as error:
        found = f"Found in {RESULT_FILE}: {first_fault(error)}"
        raise UsageError(_EXPECTED.format(path), found, "Train again with this version") from None
    if stored.format_version != FORMAT_VERSION:
        found = f"Found format {stored.format_version}, not {FORMAT_VERSION}"
        raise UsageError(_EXPECTED.format(path), found, "Take the version of the package that wrote it")
    return stored


_EXPECTED = "{} must be the folder of a run whose training finished"


def load_result(
    path: Path, stored: StoredResult, config: TrainingConfig, *, measured_peak: int | None, seconds: Mapping[str, float]
) -> TrainingResult:
    """Put a result together again.

    Parameters
    ----------
    path : Path
        The run folder; its artifacts were verified.
    config : TrainingConfig
        Of the run.
    measured_peak : int or None
        Bytes.
    seconds : mapping of str to float
        Of each phase.

    Raises
    ------
    InputError, UnsafeModelFile
        If a model cannot be read.
    """
    return TrainingResult(
        config=config,
        model=load_model(path / stored.model_file),
        oof=read_artifact(path, OOF_FILE),
        memory=MemoryRecord(stored.predicted_peak, measured_peak),
        seconds=dict(seconds),
        fold_models=dict(_fold_models(path, stored)),
        columns={} if stored.columns_file is None else _columns(path, stored.columns_file),
        **{name: getattr(stored, name) for name in _PLAIN},
    )


def _columns(path: Path, name: str) -> dict[str, NDArray[np.float32]]:
    return {column.name: column.to_numpy() for column in read_artifact(path, name).iter_columns()}


def _fold_models(path: Path, stored: StoredResult) -> Iterator[tuple[int, FittedModel]]:
    for fold in stored.fold_models:
        yield fold, load_model(path / _fold_file(fold))


def _fold_file(fold: int) -> str:
    return f"{FOLD_MODELS}/fold_{fold}.pkl"


def unmeasured(leaderboard: LeaderboardRecord) -> LeaderboardRecord:
    """`leaderboard` as it is for all equal runs."""
    standings = tuple(replace(row, seconds=None, rows_per_second=None) for row in leaderboard.standings)
    return replace(leaderboard, standings=standings)


def _unmeasured(ensemble: EnsembleRecord | None) -> EnsembleRecord | None:
    if ensemble is None:
        return None
    return replace(
        ensemble, members=tuple(replace(member, measured_peak=None, seconds=None) for member in ensemble.members)
    )
