"""Fitted models to named entries of an archive, and back."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from meta_models.errors import InputError, UsageError
from meta_models.features import Recipe, column_names
from meta_models.learners.continued import restore_served
from meta_models.learners.gene_bridge import evidence_names, model_keys
from meta_models.learners.registry import LEARNERS, package_noted
from meta_models.learners.seam import MalformedModel, Predictor
from meta_models.model import Calibrator, EnsembleMetaModel, FittedModel, ModelInfo, SingleModel
from meta_models.model.calibrators import CALIBRATORS
from meta_models.model.combinations import COMBINATIONS
from meta_models.model.ensemble import columns_of
from meta_models.model.first_pass import FirstPass
from meta_models.model.windows import table_features
from meta_models.persistence import archive
from meta_models.persistence.archive import Archive, damaged
from meta_models.persistence.arrays import from_npy, to_npy
from meta_models.persistence.manifest import (
    FORMAT,
    MAX_MEMBERS,
    NAME,
    CombinationRecord,
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
#: The entry that holds the first pass of a model of two: an archive like the whole.
FIRST_PASS = "first_pass.zip"
#: The learner of files of format 1, which named none.
_FORMER = "xgboost"

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
    singles, groups = model.singles, _groups(model)
    parts = [_files_of(i, single) for i, single in enumerate(singles)]
    entries = {_part_name(i, name): data for i, files in enumerate(parts) for name, data in files.items()}
    for number, single in enumerate(singles if groups else ()):
        entries |= _calibrator_entries(single.calibrators, _member_folder(number))
    for number, (group, _) in enumerate(groups[:-1]):
        entries |= _own_entries(group, _group_folder(number))
    entries |= _own_entries(model, "")
    if model.info.recipe is not None:
        entries[RECIPE] = _recipe_bytes(model.info.recipe)
    if model.info.first_pass is not None:
        entries[FIRST_PASS] = _first_pass_bytes(model.info.first_pass)
    manifest = _manifest(model, groups, parts) | {"files": {name: _record(data) for name, data in entries.items()}}
    return archive.write({**entries, NAME: checked_json(manifest)})


#: An ensemble and the numbers of its members.
_Group: TypeAlias = tuple[EnsembleMetaModel, tuple[int, ...]]


def _groups(model: FittedModel) -> list[_Group]:
    """The ensembles in `model`, each after those within itself, the whole last; none in a single model."""
    singles, groups = itertools.count(), list[_Group]()

    def visit(part: FittedModel) -> int:
        if not isinstance(part, EnsembleMetaModel):
            return next(singles)
        groups.append((part, tuple([visit(member) for member in part.members])))
        return len(model.singles) + len(groups) - 1

    visit(model)
    return groups


def _manifest(model: FittedModel, groups: Sequence[_Group], parts: Sequence[Mapping[str, bytes]]) -> dict[str, object]:
    """``model.json`` without the files."""
    singles = model.singles
    optional: dict[str, object] = {}
    if groups and any(single.calibrators is not None for single in singles):
        optional["member_calibrators"] = [_kinds(single) for single in singles]
    if len(groups) > 1:
        optional["groups"] = [_group_record(group) | _columns(group[0], model) for group in groups[:-1]]
    if model.info.recipe is not None:
        optional["recipe"] = True
    if model.info.first_pass is not None:
        optional["first_pass"] = True
    return optional | {
        "format": FORMAT,
        "format_version": MODEL_FORMAT,
        "kind": "ensemble" if groups else "single",
        "classes": CLASS_NAMES,
        "feature_names": model.feature_names,
        "info": InfoRecord.values(model.info),
        "members": [InfoRecord.values(single.info) for single in singles] if groups else [],
        "combination": _combination_record(groups[-1]) if groups else None,
        "calibrators": _kinds(model),
        "parts": [
            {"learner": single.learner, "files": sorted(files)} | _columns(single, model)
            for single, files in zip(singles, parts, strict=True)
        ],
    }


def _columns(part: FittedModel, whole: FittedModel) -> dict[str, object]:
    """Which columns of the whole a model in it reads, where these are not all."""
    found = columns_of(part, whole.feature_names)
    return {} if isinstance(found, slice) else {"columns": found.tolist()}


def _combination_record(group: _Group) -> dict[str, object]:
    return {"kind": group[0].combination.kind, "members": group[1]}


def _group_record(group: _Group) -> dict[str, object]:
    model, _ = group
    return {
        "info": InfoRecord.values(model.info), "calibrators": _kinds(model), "combination": _combination_record(group),
    }  # fmt: skip


def decode(data: bytes, *, max_bytes: int, nested: bool = False) -> FittedModel:
    """The model in an archive.

    Parameters
    ----------
    nested : bool
        Whether it lies within another archive, as its first pass: then it has none itself.

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
        odd = sorted(((set(container.entries) - {NAME}) ^ expected) | (set(manifest.files) ^ expected))
        raise damaged(f"other entries than {NAME} calls for: {', '.join(odd)[:300]}")
    container.check_directory()
    if nested and manifest.first_pass:
        raise damaged("a first pass of a first pass")
    try:
        model = _restored(manifest, lambda name: _verified(container, manifest, name), max_bytes)
        _require_inputs(model)
        return model
    except ValueError as error:
        raise damaged(f"a model that does not fit together: {error}") from None


def _verified(container: Archive, manifest: Manifest, name: str) -> bytes:
    data = container.read(name)
    record = manifest.files[name]
    if len(data) != record.size or hashlib.sha256(data).hexdigest() != record.sha256:
        raise damaged(f"{name} that was altered: its SHA-256 is not the one in {NAME}")
    return data


def _restored(manifest: Manifest, read: Read, max_bytes: int) -> FittedModel:
    recipe = _recipe(manifest, read)
    first_pass = None if recipe is None else _first_pass(manifest, read, recipe, max_bytes)
    info = replace(manifest.info.info(manifest.format_version), recipe=recipe, first_pass=first_pass)
    whole = manifest.whole
    if whole is None:
        return _single(manifest, read, 0, info, _calibrators(manifest.calibrators, read, ""))
    kinds = manifest.member_calibrators or (None,) * len(manifest.members)
    models: list[FittedModel] = [
        _single(
            manifest, read, i, record.info(manifest.format_version), _calibrators(kinds[i], read, _member_folder(i))
        )
        for i, record in enumerate(manifest.members)
    ]
    for number, group in enumerate(manifest.groups):
        of_group, folder = group.info.info(manifest.format_version), _group_folder(number)
        names = manifest.names(group.columns)
        models.append(_ensemble(models, group.combination, of_group, group.calibrators, read, folder, names))
    return _ensemble(models, whole, info, manifest.calibrators, read, "", manifest.feature_names)


def _require_inputs(model: FittedModel) -> None:
    """Raise ValueError where a learner of genes reads what the model has not, or genes in another order."""
    columns, recipe = set(table_features(model)), model.info.recipe
    for predictor in (single.gene_predictor for single in model.gene_readers):
        if predictor is None:
            continue
        read = predictor.row_columns
        if not set(read) <= columns or len(set(read)) < len(read):
            odd = sorted({name for name in read if name not in columns or read.count(name) > 1})
            raise ValueError(f"rows must have each column that is read, and once, found {', '.join(odd)[:300]!r}")
        own = (predictor.base_models, predictor.evidence)
        if not predictor.window and recipe is not None and own != (model_keys(recipe), evidence_names(recipe)):
            given = ", ".join((*model_keys(recipe), *evidence_names(recipe)))
            raise ValueError(
                f"the inputs of genes must be {given[:300]}, found {', '.join(itertools.chain(*own))[:300]}"
            )


def _ensemble(
    models: Sequence[FittedModel], record: CombinationRecord, info: ModelInfo, kinds: Sequence[str] | None, read: Read,
    folder: str, names: Sequence[str],
) -> EnsembleMetaModel:  # fmt: skip
    kind = COMBINATIONS[record.kind]
    entries = {array: _combination_name(array, folder) for array in kind.names}
    combination = kind.from_arrays({array: from_npy(read(entry), entry) for array, entry in entries.items()})
    calibrators, members = _calibrators(kinds, read, folder), [models[number] for number in record.members]
    return EnsembleMetaModel(
        members, info=info, combination=combination, calibrators=calibrators, feature_names=names
    )  # fmt: skip


def _recipe(manifest: Manifest, read: Read) -> Recipe | None:
    if not manifest.recipe:
        return None
    try:
        return Recipe.from_json(json.loads(read(RECIPE)))
    except (InputError, RecursionError) as error:
        raise damaged(f"{RECIPE} that is no recipe of this version: {error}") from None


def _first_pass(manifest: Manifest, read: Read, recipe: Recipe, max_bytes: int) -> FirstPass | None:
    if not manifest.first_pass:
        return None
    model = decode(read(FIRST_PASS), max_bytes=max_bytes, nested=True)
    if lacking := set(model.feature_names) - set(column_names(recipe)):
        raise damaged(f"{FIRST_PASS} of features that its recipe does not make: {', '.join(sorted(lacking))[:200]}")
    return FirstPass(model, recipe)


def _first_pass_bytes(first_pass: FirstPass) -> bytes:
    """The archive of the first pass; its recipe, which is that of the whole, stands in the whole."""
    model = first_pass.model
    return encode(model.with_info(replace(model.info, recipe=None, sketches={})))


def _recipe_bytes(recipe: Recipe) -> bytes:
    return json.dumps(recipe.to_json(), sort_keys=True, indent=1, allow_nan=False).encode("ascii")


def _single(
    manifest: Manifest, read: Read, member: int, info: ModelInfo, calibrators: Sequence[Calibrator] | None
) -> SingleModel:
    part = None if manifest.parts is None else manifest.parts[member]
    learner = _FORMER if part is None else part.learner
    names = manifest.names(None if part is None else part.columns)
    predictor = _predictor(manifest, read, member, learner, len(names), info)
    return SingleModel(predictor, names, learner=learner, info=info, calibrators=calibrators)


def _predictor(
    manifest: Manifest, read: Read, member: int, learner: str, n_features: int, info: ModelInfo
) -> Predictor:
    if learner not in LEARNERS:
        package = package_noted(learner, info.versions)
        raise UsageError(
            f"The learner {learner!r} must be installed to use this model",
            f"There are {', '.join(LEARNERS)}",
            f"It came from {package}: install that package" if package else "Install the package that it comes from",
        )
    files = {name: read(entry) for name, entry in _entries(manifest, member).items()}
    n_inputs = len(CLASS_NAMES) if LEARNERS[learner].traits.inputs == "genes" else n_features
    try:
        return restore_served(LEARNERS[learner], files, n_inputs, len(CLASS_NAMES))
    except MalformedModel as error:
        raise damaged(f"member {member}: {error}") from None


def _entries(manifest: Manifest, member: int) -> dict[str, str]:
    """The entry of each file of a predictor, by the name that its learner knows."""
    if manifest.parts is None:
        return {f"target_{k}.ubj": f"boosters/member_{member:03d}/{name}.ubj" for k, name in enumerate(CLASS_NAMES)}
    return {name: _part_name(member, name) for name in manifest.parts[member].files}


def _calibrators(kinds: Sequence[str] | None, read: Read, folder: str) -> list[Calibrator] | None:
    if kinds is None:
        return None
    result: list[Calibrator] = []
    for class_name, kind in zip(CLASS_NAMES, kinds, strict=True):
        names = {array: _calibrator_name(class_name, array, folder) for array in _CALIBRATOR_ARRAYS[kind]}
        result.append(CALIBRATORS[kind].from_arrays({a: from_npy(read(n), n) for a, n in names.items()}))
    return result


def _files_of(number: int, member: SingleModel) -> dict[str, bytes]:
    """The files of a predictor, which were restored once to see that they can be."""
    if number >= MAX_MEMBERS:
        raise ValueError(f"at most {MAX_MEMBERS} members can be stored")
    files = member.predictor.files()
    try:
        restore_served(LEARNERS[member.learner], files, member.predictor.n_inputs, member.predictor.n_targets)
    except MalformedModel as error:
        raise ValueError(f"member {number} cannot be stored: {error}") from error
    return files


def _kinds(model: FittedModel) -> list[str] | None:
    return None if model.calibrators is None else [c.kind for c in model.calibrators]


def _calibrator_entries(calibrators: Sequence[Calibrator] | None, folder: str) -> dict[str, bytes]:
    return {
        _calibrator_name(class_name, array, folder): to_npy(values)
        for class_name, calibrator in zip(CLASS_NAMES, calibrators or (), strict=calibrators is not None)
        for array, values in calibrator.to_arrays().items()
    }


def _own_entries(model: FittedModel, folder: str) -> dict[str, bytes]:
    """Calibrators and combination of the whole, or of an ensemble within it."""
    arrays = model.combination.to_arrays() if isinstance(model, EnsembleMetaModel) else {}
    combination = {_combination_name(name, folder): to_npy(values) for name, values in arrays.items()}
    return _calibrator_entries(model.calibrators, folder) | combination


def _expected_names(manifest: Manifest) -> Iterator[str]:
    for i in range(manifest.n_members):
        yield from _entries(manifest, i).values()
    yield from _calibrator_names(manifest.calibrators, "")
    for i, kinds in enumerate(manifest.member_calibrators or ()):
        yield from _calibrator_names(kinds, _member_folder(i))
    groups = [(group.combination, _group_folder(number)) for number, group in enumerate(manifest.groups)]
    for number, group in enumerate(manifest.groups):
        yield from _calibrator_names(group.calibrators, _group_folder(number))
    for record, folder in [*groups, *([] if manifest.whole is None else [(manifest.whole, "")])]:
        yield from (_combination_name(array, folder) for array in COMBINATIONS[record.kind].names)
    if manifest.recipe:
        yield RECIPE
    if manifest.first_pass:
        yield FIRST_PASS


def _calibrator_names(kinds: Sequence[str] | None, folder: str) -> Iterator[str]:
    for class_name, kind in zip(CLASS_NAMES, kinds or (), strict=kinds is not None):
        yield from (_calibrator_name(class_name, array, folder) for array in _CALIBRATOR_ARRAYS[kind])


def _part_name(member: int, file: str) -> str:
    return f"members/{member:03d}/{file}"


def _member_folder(member: int) -> str:
    return f"member_{member:03d}/"


def _group_folder(group: int) -> str:
    return f"group_{group:03d}/"


def _calibrator_name(class_name: str, array: str, folder: str) -> str:
    return f"calibration/{folder}{class_name}/{array}.npy"


def _combination_name(array: str, folder: str) -> str:
    return f"combination/{folder}{array}.npy"


def _record(data: bytes) -> dict[str, object]:
    return {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
