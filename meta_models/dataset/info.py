"""Facts that stand beside a table, in ``dataset_info.json``."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property
from typing import Any

from meta_models.dataset.genes.genome import Genome
from meta_models.dataset.reading.files import GENES_FOLDER, INFO_FILE
from meta_models.errors import InputError
from meta_models.features import Recipe, grouped_names
from meta_models.json_objects import once_each
from meta_models.local_paths import read_utf8
from meta_models.names import chromosome_key
from meta_models.places import TablePath
from meta_models.schema import CLASS_NAMES

#: What changes figures, of all that may stand there.
_KNOWN, _KNOWN_OF_BASE = ("true_prevalence", "assembly"), ("chroms_train", "chroms_test")
#: Likeness from which one name is taken for another one that was mistyped.
_ALIKE = 0.85
#: No class is rarer: there would be less than one position of it in any genome.
_RAREST = 1e-12


@dataclass(frozen=True)
class DatasetInfo:
    """What ``dataset_info.json`` may say; None where it says nothing.

    Attributes
    ----------
    true_prevalence : tuple of float, or None
        Share of each class among all positions, in the order of :class:`~meta_models.schema.SpliceClass`.
    base_train_chroms, base_test_chroms : tuple of str, or None
        Chromosomes that the main base model was trained on, and those that were kept from it.
    assembly : str or None
        Which genome the coordinates are of.
    recipe : Recipe or None
        How the columns were computed, of a table that ``meta-models build`` wrote.
    contigs : mapping of str to int
        Lengths of the contigs of its genome, by the normal forms of their names.
    """

    name: str | None = None
    true_prevalence: tuple[float, float, float] | None = None
    base_model_name: str | None = None
    base_train_chroms: tuple[str, ...] | None = None
    licences: tuple[str, ...] = ()
    base_test_chroms: tuple[str, ...] | None = None
    assembly: str | None = None
    recipe: Recipe | None = None
    contigs: Mapping[str, int] = field(default_factory=dict)

    @property
    def genome(self) -> Genome:
        """What is known of the genome that the coordinates are of."""
        return Genome(self.assembly, self.contigs)

    @cached_property
    def evidence_features(self) -> frozenset[str]:
        """Columns that the builder of the table computed from evidence: named so by its recipe, not by their names."""
        return frozenset(() if self.recipe is None else grouped_names(self.recipe).get("evidence", ()))


def info_file(source: TablePath) -> TablePath:
    """Where the facts of the table `source` stand, if there are any: in the folder, or beside the file.

    Of a table that ``meta-models build`` wrote they stand one folder higher, beside the genes.
    """
    path = (source if source.is_dir() else source.parent) / INFO_FILE
    if not path.is_file() and (path.parent.parent / GENES_FOLDER).is_dir():
        return path.parent.parent / INFO_FILE
    return path


def read_info(source: TablePath) -> DatasetInfo:
    """Read the ``dataset_info.json`` of the table `source`.

    Raises
    ------
    InputError
        If it exists but holds no JSON object, prevalences that are not three shares that sum to 1, or another value in
        a form that cannot be read.
    """
    path = info_file(source)
    if not path.is_file():
        return DatasetInfo()
    content = read_facts(path)
    base = content.get("base_model")
    base = {"name": base} if isinstance(base, str) else base or {}
    if not isinstance(base, dict):
        raise _unfit(path, "base_model", "its name, or an object with 'name' and 'chroms_train'", base)
    _require_known(content, _KNOWN, path)
    _require_known(base, _KNOWN_OF_BASE, path)
    return DatasetInfo(
        name=_text(content, "name", path),
        true_prevalence=_prevalence(content.get("true_prevalence"), path),
        base_model_name=_text(base, "name", path),
        base_train_chroms=_names(base, "chroms_train", path),
        licences=_licences(content.get("licences"), path),
        base_test_chroms=_names(base, "chroms_test", path),
        assembly=_text(content, "assembly", path),
        recipe=_recipe(content.get("recipe"), path),
        contigs=_contigs(content.get("genome"), path),
    )


def read_facts(path: TablePath) -> dict[str, Any]:
    """The object in a file of JSON, each key of which stands there once.

    Raises
    ------
    InputError
        If it cannot be read, or is none.
    """
    try:
        content = json.loads(read_utf8(path), object_pairs_hook=once_each)
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} must hold JSON", str(error), "Correct or remove it") from None
    if not isinstance(content, dict):
        raise InputError(f"{path} must hold a JSON object", f"Found {type(content).__name__}", "Correct or remove it")
    return content


def _unfit(path: TablePath, key: str, wanted: str, found: object) -> InputError:
    shown = json.dumps(found)[:200]
    return InputError(f"{key} in {path} must be {wanted}", f"Found {shown}", "Correct or remove it")


def _text(values: dict[str, Any], key: str, path: TablePath) -> str | None:
    value = values.get(key)
    if isinstance(value, bool | list | dict):
        raise _unfit(path, key, "text", value)
    return None if value is None else str(value).strip() or None


def _names(values: dict[str, Any], key: str, path: TablePath) -> tuple[str, ...] | None:
    """A list of names, also as one text with commas or blanks between them; whole numbers are names, too."""
    value = values.get(key)
    if value is None:
        return None
    items = re.split(r"[,;\s]+", value.strip(" ,;")) if isinstance(value, str) else value
    if not isinstance(items, list) or any(isinstance(i, bool) or not isinstance(i, str | int) for i in items):
        raise _unfit(path, key, "a list of names", value)
    return tuple(str(item) for item in items if str(item))


def _contigs(genome: Any, path: TablePath) -> dict[str, int]:
    """Lengths of the contigs, alone or among other facts, as ``meta-models build`` writes them; none where not told."""
    told = (genome.get("contigs") if isinstance(genome, dict) else None) or {}
    facts = told if isinstance(told, dict) else {"": told}
    lengths: dict[str, Any] = {n: each.get("length") if isinstance(each, dict) else each for n, each in facts.items()}
    if not all(type(length) is int and length > 0 for length in lengths.values()):
        raise _unfit(path, "genome.contigs", "lengths of contigs in bases by their names", told)
    return {chromosome_key(name): length for name, length in lengths.items()}


def _require_known(values: Mapping[str, Any], known: Collection[str], path: TablePath) -> None:
    """Refuse a key that nobody reads and that looks like one that is read, which is absent."""
    for key in values:
        absent = [name for name in known if name not in values]
        if key not in known and (near := get_close_matches(key, absent, 1, _ALIKE)):
            found = f"Found {key!r}, which nothing reads"
            raise InputError(f"{path} must say {near[0]!r} by that name", found, "Rename or remove it")


def _licences(value: Any, path: TablePath) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, dict):
        return tuple(f"{k}: {v}" for k, v in sorted(value.items()))
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        raise _unfit(path, "licences", "an object, a list or a text", value)
    return tuple(items)


def _recipe(value: Any, path: TablePath) -> Recipe | None:
    try:
        return None if value is None else Recipe.from_json(value)
    except InputError as error:
        raise InputError(f"The recipe in {path}: {error.expected}", error.found, error.action) from None


def _prevalence(value: Any, path: TablePath) -> tuple[float, float, float] | None:
    if value is None:
        return None
    found = [value.get(name) for name in CLASS_NAMES] if isinstance(value, dict) else []
    shares = [float(s) for s in found if isinstance(s, int | float) and _RAREST <= s < 1]
    if len(shares) != len(CLASS_NAMES) or not math.isclose(sum(shares), 1, abs_tol=1e-3):
        raise InputError(
            f"true_prevalence in {path} must give the share of {', '.join(CLASS_NAMES)}, with sum 1",
            f"Found {json.dumps(value)[:200]}",
            "Correct or remove it",
        )
    neither, donor, acceptor = shares
    return neither, donor, acceptor
