"""The door to a saved model: one function for single models and ensembles."""

from __future__ import annotations

import glob
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from meta_models.errors import InputError
from meta_models.model import EnsembleMetaModel, FittedModel
from meta_models.persistence import load_model

logger = logging.getLogger(__name__)


def load_model_with_ensemble_support(
    path_or_glob: str | os.PathLike[str], *, verbose: bool = False, allow_pickle: bool = False
) -> FittedModel:
    """Load the model that training saved, whichever strategy made it.

    Parameters
    ----------
    path_or_glob : path
        A model file, or a pattern such as ``results/run/model_multiclass*.pkl`` that exactly one file matches.
    verbose : bool
        Say more (features, calibration, training genes and versions), and on stderr where logging is not set up.
    allow_pickle : bool
        Unpickle a file that this package did not write. That can run any code: only for files of your own.

    Returns
    -------
    FittedModel
        Has ``predict_proba`` (n, 3), ``predict``, ``classes_`` and ``feature_names_in_``.

    Raises
    ------
    InputError
        If no file, or more than one, matches (with the candidates).
    UnsafeModelFile
        If the file is not a model written by this package, or was altered since.
    """
    model = load_model(resolve(path_or_glob), allow_pickle=allow_pickle)
    with _heard() if verbose else nullcontext():
        _log(model, verbose=verbose)
    return model


def load(path: str | os.PathLike[str]) -> FittedModel:
    """Load a trained model, without running anything that stands in its file.

    Parameters
    ----------
    path : path
        A model file, or a pattern such as ``results/run/model_multiclass*.pkl`` that exactly one file matches.

    Returns
    -------
    FittedModel
        ``predict_proba(X)`` gives (n, 3) probabilities of neither, donor, acceptor; `X` may be a polars or pandas
        DataFrame, an Arrow table (columns by name) or an array.

    Raises
    ------
    InputError
        If not exactly one file matches.
    UnsafeModelFile
        If it is no model of this package, or was altered since.
    """
    return load_model_with_ensemble_support(path)


def resolve(path_or_glob: str | os.PathLike[str]) -> Path:
    """The one file that `path_or_glob` names. A path that exists is taken as it is, whatever characters it has."""
    text = os.fspath(path_or_glob)
    if os.path.lexists(text) or not glob.has_magic(text):
        return Path(text)
    candidates = sorted(glob.glob(text, recursive=True))  # noqa: PTH207 - absolute patterns
    if len(candidates) == 1:
        return Path(candidates[0])
    found = "Found none" if not candidates else f"Found {len(candidates)}: {', '.join(candidates[:20])}"
    raise InputError(f"Exactly one model file must match {text}", found, "Name one file")


@contextmanager
def _heard() -> Iterator[None]:
    """Let what is logged reach someone, whether or not the caller has set up logging."""
    handler = None if logger.hasHandlers() else logging.StreamHandler()
    level = logger.level
    if handler is not None:
        logger.addHandler(handler)
    if not logger.isEnabledFor(logging.INFO):
        logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.setLevel(level)
        if handler is not None:
            logger.removeHandler(handler)


def _log(model: FittedModel, *, verbose: bool) -> None:
    if isinstance(model, EnsembleMetaModel):
        logger.info("[EnsembleLoader] Detected multi-batch ensemble model")
        logger.info(
            "[EnsembleLoader] Batch models: %d, total genes: %d, combination method: %s",
            model.n_members,
            len(model.info.genes),
            model.combination.kind,
        )
    else:
        logger.info("[EnsembleLoader] Detected standard single model")
    if verbose and isinstance(model, FittedModel):
        kinds = "none" if model.calibrators is None else ", ".join(c.kind for c in model.calibrators)
        logger.info("[EnsembleLoader] Features: %d, calibration: %s", model.n_features_in_, kinds)
        logger.info("[EnsembleLoader] Training genes: %d, strategy: %s", len(model.info.genes), model.info.strategy)
        logger.info("[EnsembleLoader] Trained with: %s", dict(model.info.versions))
