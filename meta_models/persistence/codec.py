"""Fitted models to named entries of an archive, and back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from meta_models.errors import InputError, UsageError
from meta_models.features import Recipe
from meta_models.learners.motif_predictor import restore_predictor
from meta_models.learners.registry import LEARNERS
from meta_models.learners.seam import MalformedModel, Predictor
from meta_models.model import Calibrator, EnsembleMetaModel, FittedModel, ModelInfo, SingleModel
from meta_models.model.calibrators import CALIBRATORS
from meta_models.persistence import archive
from meta_models.persistence.archive import Archive, damaged
from meta_models.persistence.arrays import from_npy, to_npy
from meta_models.persistence.manifest import (
    FORMAT,
    MAX_MEMBERS,
    NAME,
    InfoRecord,
    Manifest,
    checked_json,
    parse_manifest,
)
from meta_models.schema import CLASS_NAMES

#: Version of the format that is written, and the newest that is read.
MODEL_FORMAT = 2
#: The entry that says how the columns were computed, of a model that was trained on a built folder.
RECIPE = "recipe.json"
#: The learner of files of format 1, which named none.
_FORMER = "xgboost"

_COMBINATION_ARRAYS = {"voting": (), "weighted": ("weights",), "stacking": ("coef", "intercept")}
_CALIBRATOR_ARRAYS = {
    "identity": (), "platt": ("slope", "intercept"), "isotonic": ("x", "y"),
    "blend": ("slope", "intercept", "weights", "columns"),
}  # fmt: skip
Read = Callable[[str], bytes]


def encode(model: FittedModel) -> bytes:
    """The archive of `model`: equal models give equal bytes.

    Raises
    ------
    TypeError
        If `model` is neither a single model nor an ensemble.
    ValueError
        If a predictor, or what is known about the model, cannot be stored so that it could be read again.
    """
    if not isinstance(model, SingleModel | EnsembleMetaModel):
        raise TypeError(f"only SingleModel and EnsembleMetaModel can be stored, found {type(model).__name__}")
    if model.info.classes != CLASS_NAMES:
        raise ValueError(f"only models of the classes {CLASS_NAMES} can be stored, found classes {model.info.classes}")
    members = model.members if isinstance(model, EnsembleMetaModel) else ()
    parts = [_files_of(i, member) for i, member in enumerate(_singles(model))]
    entries = {_part_name(i, name): data for i, files in enumerate(parts) for name, data in files.items()}
    entries |= _calibrator_entries(model.calibrators)
    if model.info.recipe is not None:
        entries[RECIPE] = _recipe_bytes(model.info.recipe)
    for number, member in enumerate(members):
        entries |= _calibrator_entries(member.calibrators, number)
    if isinstance(model, EnsembleMetaModel):
        names = _COMBINATION_ARRAYS[model.combination]
        entries |= {_combination_name(name): to_npy(getattr(model, name)) for name in names}
    manifest = {
        "format": FORMAT,
        "format_version": MODEL_FORMAT,
        "kind": "ensemble" if members else "single",
        "classes": CLASS_NAMES,
        "feature_names": model.feature_names,
        "info": InfoRecord.values(model.info),
        "members": [InfoRecord.values(member.info) for member in members],
        "combination": model.combination if isinstance(model, EnsembleMetaModel) else None,
        "calibrators": _kinds(model),
        "parts": [
            {"learner": member.learner, "files": sorted(files)}
            for member, files in zip(_singles(model), parts, strict=True)
        ],
        "files": {name: _record(data) for name, data in entries.items()},
    }
    if any(member.calibrators is not None for member in members):
        manifest["member_calibrators"] = [_kinds(member) for member in members]
    if model.info.recipe is not None:
        manifest["recipe"] = True
    return archive.write({**entries, NAME: checked_json(manifest)})


def decode(data: bytes, *, max_bytes: int) -> FittedModel:
    """The model in an archive.

    Raises
    ------
    UnsafeModelFile
        If anything in it is not as :func:`encode` writes it. No library sees what its learner did not check.
    UsageError
        If it was fitted with a learner that is not installed.
    """
    container = Archive(data, max_bytes=max_bytes)
    if NAME not in container.entries:
        raise damaged(f"an archive without {NAME}")
    manifest = parse_manifest(container.read(NAME), newest=MODEL_FORMAT)
    expected = set(_expected_names(manifest))
    if set(container.entries) != expected | {NAME} or set(manifest.files) != expected:
        odd = sorted(((set(container.entries) | set(manifest.files)) ^ expected) - {NAME})
        raise damaged(f"other entries than {NAME} calls for: {', '.join(odd)[:300]}")
    container.check_directory()
    try:
        return _restored(manifest, lambda name: _verified(container, manifest, name))
    except ValueError as error:
        raise damaged(f"a model that does not fit together: {error}") from None


def _verified(container: Archive, manifest: Manifest, name: str) -> bytes:
    data = container.read(name)
    record = manifest.files[name]
    if len(data) != record.size or hashlib.sha256(data).hexdigest() != record.sha256:
        raise damaged(f"{name} that was altered: its SHA-256 is not the one in {NAME}")
    return data


def _restored(manifest: Manifest, read: Read) -> FittedModel:
    calibrators = _calibrators(manifest.calibrators, read)
    info = replace(manifest.info.info(manifest.format_version), recipe=_recipe(manifest, read))
    if manifest.combination is None:
        return _single(manifest, read, 0, info, calibrators)
    records = enumerate(manifest.members)
    kinds = manifest.member_calibrators or (None,) * len(manifest.members)
    members = [
        _single(manifest, read, i, record.info(manifest.format_version), _calibrators(kinds[i], read, i))
        for i, record in records
    ]
    names = _COMBINATION_ARRAYS[manifest.combination]
    arrays: dict[str, NDArray[np.float64]] = {n: from_npy(read(_combination_name(n)), n) for n in names}
    return EnsembleMetaModel(
        members,
        info=info,
        combination=manifest.combination,
        weights=arrays.get("weights"),
        coef=arrays.get("coef"),
        intercept=arrays.get("intercept"),
        calibrators=calibrators,
    )


def _recipe(manifest: Manifest, read: Read) -> Recipe | None:
    if not manifest.recipe:
        return None
    try:
        return Recipe.from_json(json.loads(read(RECIPE)))
    except (InputError, RecursionError) as error:
        raise damaged(f"{RECIPE} that is no recipe of this version: {error}") from None


def _recipe_bytes(recipe: Recipe) -> bytes:
    return json.dumps(recipe.to_json(), sort_keys=True, indent=1, allow_nan=False).encode("ascii")


def _single(
    manifest: Manifest, read: Read, member: int, info: ModelInfo, calibrators: Sequence[Calibrator] | None
) -> SingleModel:
    learner = _FORMER if manifest.parts is None else manifest.parts[member].learner
    predictor = _predictor(manifest, read, member, learner)
    return SingleModel(predictor, manifest.feature_names, learner=learner, info=info, calibrators=calibrators)


def _predictor(manifest: Manifest, read: Read, member: int, learner: str) -> Predictor:
    if learner not in LEARNERS:
        raise UsageError(
            f"The learner {learner!r} must be installed to use this model",
            f"There are {', '.join(LEARNERS)}",
            "Install the package that it comes from",
        )
    files = {name: read(entry) for name, entry in _entries(manifest, member).items()}
    try:
        return restore_predictor(LEARNERS[learner], files, len(manifest.feature_names), len(CLASS_NAMES))
    except MalformedModel as error:
        raise damaged(f"member {member}: {error}") from None


def _entries(manifest: Manifest, member: int) -> dict[str, str]:
    """The entry of each file of a predictor, by the name that its learner knows."""
    if manifest.parts is None:
        return {f"target_{k}.ubj": f"boosters/member_{member:03d}/{name}.ubj" for k, name in enumerate(CLASS_NAMES)}
    return {name: _part_name(member, name) for name in manifest.parts[member].files}


def _calibrators(kinds: Sequence[str] | None, read: Read, member: int | None = None) -> list[Calibrator] | None:
    if kinds is None:
        return None
    result: list[Calibrator] = []
    for class_name, kind in zip(CLASS_NAMES, kinds, strict=True):
        names = {array: _calibrator_name(class_name, array, member) for array in _CALIBRATOR_ARRAYS[kind]}
        result.append(CALIBRATORS[kind].from_arrays({a: from_npy(read(n), n) for a, n in names.items()}))
    return result


def _singles(model: SingleModel | EnsembleMetaModel) -> tuple[SingleModel, ...]:
    return model.members if isinstance(model, EnsembleMetaModel) else (model,)


def _files_of(number: int, member: SingleModel) -> dict[str, bytes]:
    """The files of a predictor, which were restored once to see that they can be."""
    if number >= MAX_MEMBERS:
        raise ValueError(f"at most {MAX_MEMBERS} members can be stored")
    files = member.predictor.files()
    try:
        restore_predictor(LEARNERS[member.learner], files, member.n_features_in_, member.predictor.n_targets)
    except MalformedModel as error:
        raise ValueError(f"member {number} cannot be stored: {error}") from error
    return files


def _kinds(model: FittedModel) -> list[str] | None:
    return None if model.calibrators is None else [c.kind for c in model.calibrators]


def _calibrator_entries(calibrators: Sequence[Calibrator] | None, member: int | None = None) -> dict[str, bytes]:
    return {
        _calibrator_name(class_name, array, member): to_npy(values)
        for class_name, calibrator in zip(CLASS_NAMES, calibrators or (), strict=calibrators is not None)
        for array, values in calibrator.to_arrays().items()
    }


def _expected_names(manifest: Manifest) -> Iterator[str]:
    for i in range(manifest.n_members):
        yield from _entries(manifest, i).values()
    calibrated = [(None, manifest.calibrators), *enumerate(manifest.member_calibrators or ())]
    for member, kinds in calibrated:
        for class_name, kind in zip(CLASS_NAMES, kinds or (), strict=kinds is not None):
            yield from (_calibrator_name(class_name, array, member) for array in _CALIBRATOR_ARRAYS[kind])
    if manifest.combination is not None:
        yield from map(_combination_name, _COMBINATION_ARRAYS[manifest.combination])
    if manifest.recipe:
        yield RECIPE


def _part_name(member: int, file: str) -> str:
    return f"members/{member:03d}/{file}"


def _calibrator_name(class_name: str, array: str, member: int | None = None) -> str:
    folder = "" if member is None else f"member_{member:03d}/"
    return f"calibration/{folder}{class_name}/{array}.npy"


def _combination_name(array: str) -> str:
    return f"combination/{array}.npy"


def _record(data: bytes) -> dict[str, object]:
    return {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
