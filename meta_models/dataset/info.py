"""Facts that stand beside a table, in ``dataset_info.json``."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from meta_models.dataset.files import GENES_FOLDER, INFO_FILE
from meta_models.errors import InputError
from meta_models.features import Recipe
from meta_models.local_paths import read_utf8
from meta_models.schema import CLASS_NAMES


@dataclass(frozen=True)
class DatasetInfo:
    """What ``dataset_info.json`` may say; None where it says nothing.

    Attributes
    ----------
    true_prevalence : tuple of float, or None
        Share of each class among all positions, in the order of :class:`~meta_models.schema.SpliceClass`.
    base_train_chroms : tuple of str, or None
        Chromosomes that the main base model was trained on.
    recipe : Recipe or None
        How the columns were computed, of a table that ``meta-models build`` wrote.
    """

    name: str | None = None
    true_prevalence: tuple[float, float, float] | None = None
    base_model_name: str | None = None
    base_train_chroms: tuple[str, ...] | None = None
    licences: tuple[str, ...] = ()
    recipe: Recipe | None = None


def read_info(source: Path) -> DatasetInfo:
    """Read the ``dataset_info.json`` in the folder `source` (or beside the file `source`).

    Of a table that ``meta-models build`` wrote it stands one folder higher, beside the genes.

    Raises
    ------
    InputError
        If it exists but holds no JSON object, or prevalences that are not three shares that sum to 1.
    """
    path = (source if source.is_dir() else source.parent) / INFO_FILE
    if not path.is_file() and (path.parent.parent / GENES_FOLDER).is_dir():
        path = path.parent.parent / INFO_FILE
    if not path.is_file():
        return DatasetInfo()
    try:
        content = json.loads(read_utf8(path))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} must hold JSON", str(error), "Correct or remove it") from None
    if not isinstance(content, dict):
        raise InputError(f"{path} must hold a JSON object", f"Found {type(content).__name__}", "Correct or remove it")
    base = content.get("base_model")
    base = base if isinstance(base, dict) else {}
    chroms = base.get("chroms_train")
    licences = content.get("licences")
    return DatasetInfo(
        name=_text(content.get("name")),
        true_prevalence=_prevalence(content.get("true_prevalence"), path),
        base_model_name=_text(base.get("name")),
        base_train_chroms=tuple(map(str, chroms)) if isinstance(chroms, list) else None,
        licences=tuple(f"{k}: {v}" for k, v in sorted(licences.items())) if isinstance(licences, dict) else (),
        recipe=None if content.get("recipe") is None else Recipe.from_json(content["recipe"]),
    )


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _prevalence(value: Any, path: Path) -> tuple[float, float, float] | None:
    if value is None:
        return None
    found = [value.get(name) for name in CLASS_NAMES] if isinstance(value, dict) else []
    shares = [float(s) for s in found if isinstance(s, int | float) and 0 < s < 1]
    if len(shares) != len(CLASS_NAMES) or not math.isclose(sum(shares), 1, abs_tol=1e-3):
        raise InputError(
            f"true_prevalence in {path} must give the share of {', '.join(CLASS_NAMES)}, with sum 1",
            f"Found {json.dumps(value)[:200]}",
            "Correct or remove it",
        )
    neither, donor, acceptor = shares
    return neither, donor, acceptor
