"""Fitted models to named entries of an archive, and back."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from meta_models.learners.xgboost.check import MalformedBooster, check_booster
from meta_models.model import Calibrator, EnsembleMetaModel, FittedModel, ModelInfo, SigmoidMetaModel
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
MODEL_FORMAT = 1

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
        If a booster, or what is known about the model, cannot be stored so that it could be read again.
    """
    if not isinstance(model, SigmoidMetaModel | EnsembleMetaModel):
        raise TypeError(f"only SigmoidMetaModel and EnsembleMetaModel can be stored, found {type(model).__name__}")
    if model.info.classes != CLASS_NAMES:
        raise ValueError(f"only models of the classes {CLASS_NAMES} can be stored, found classes {model.info.classes}")
    members = model.members if isinstance(model, EnsembleMetaModel) else ()
    entries = dict(_booster_entries(members or (model,)))  # type: ignore[arg-type]
    entries |= _calibrator_entries(model.calibrators)
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
        "files": {name: _record(data) for name, data in entries.items()},
    }
    if any(member.calibrators is not None for member in members):
        manifest["member_calibrators"] = [_kinds(member) for member in members]
    return archive.write({**entries, NAME: checked_json(manifest)})


def decode(data: bytes, *, max_bytes: int) -> FittedModel:
    """The model in an archive.

    Raises
    ------
    UnsafeModelFile
        If anything in it is not as :func:`encode` writes it. XGBoost sees no booster that failed the check.
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
    info = manifest.info.info(manifest.format_version)
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


def _single(
    manifest: Manifest, read: Read, member: int, info: ModelInfo, calibrators: Sequence[Calibrator] | None
) -> SigmoidMetaModel:
    from xgboost import Booster
    from xgboost.core import XGBoostError

    boosters = []
    for class_name in CLASS_NAMES:
        name = _booster_name(member, class_name)
        payload = read(name)
        try:
            check_booster(payload, n_features=len(manifest.feature_names))
            booster = Booster()
            booster.load_model(bytearray(payload))
        except (MalformedBooster, XGBoostError) as error:
            raise damaged(f"{name} that is no sound booster: {str(error)[:300]}") from None
        boosters.append(booster)
    return SigmoidMetaModel(boosters, manifest.feature_names, info=info, calibrators=calibrators, copy=False)


def _calibrators(kinds: Sequence[str] | None, read: Read, member: int | None = None) -> list[Calibrator] | None:
    if kinds is None:
        return None
    result: list[Calibrator] = []
    for class_name, kind in zip(CLASS_NAMES, kinds, strict=True):
        names = {array: _calibrator_name(class_name, array, member) for array in _CALIBRATOR_ARRAYS[kind]}
        result.append(CALIBRATORS[kind].from_arrays({a: from_npy(read(n), n) for a, n in names.items()}))
    return result


def _booster_entries(members: Sequence[SigmoidMetaModel]) -> Iterator[tuple[str, bytes]]:
    if len(members) > MAX_MEMBERS:
        raise ValueError(f"at most {MAX_MEMBERS} members can be stored, found {len(members)}")
    for i, member in enumerate(members):
        for class_name, booster in zip(CLASS_NAMES, member.boosters, strict=True):
            payload = bytes(booster.save_raw("ubj"))
            try:
                check_booster(payload, n_features=member.n_features_in_)
            except MalformedBooster as error:
                raise ValueError(f"the {class_name} booster of member {i} cannot be stored: {error}") from error
            yield _booster_name(i, class_name), payload


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
        yield from (_booster_name(i, class_name) for class_name in CLASS_NAMES)
    calibrated = [(None, manifest.calibrators), *enumerate(manifest.member_calibrators or ())]
    for member, kinds in calibrated:
        for class_name, kind in zip(CLASS_NAMES, kinds or (), strict=kinds is not None):
            yield from (_calibrator_name(class_name, array, member) for array in _CALIBRATOR_ARRAYS[kind])
    if manifest.combination is not None:
        yield from map(_combination_name, _COMBINATION_ARRAYS[manifest.combination])


def _booster_name(member: int, class_name: str) -> str:
    return f"boosters/member_{member:03d}/{class_name}.ubj"


def _calibrator_name(class_name: str, array: str, member: int | None = None) -> str:
    folder = "" if member is None else f"member_{member:03d}/"
    return f"calibration/{folder}{class_name}/{array}.npy"


def _combination_name(array: str) -> str:
    return f"combination/{array}.npy"


def _record(data: bytes) -> dict[str, object]:
    return {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
