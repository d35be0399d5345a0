"""``model.json``: the strict schema of what stands beside the predictors in a model file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator

from meta_models.json_objects import once_each
from meta_models.learners.registry import LEARNER_NAME
from meta_models.model import FeatureSketch, ModelInfo
from meta_models.persistence.archive import damaged
from meta_models.schema import CLASS_NAMES

FORMAT = "meta_models.model"
NAME = "model.json"
MAX_MEMBERS = 1000
MAX_EDGES = 1000
MAX_FILES = 100

Text = Annotated[str, Field(max_length=10_000)]
Texts = tuple[Text, ...]
FileName = Annotated[str, Field(pattern=r"^[a-z0-9_]{1,64}\.(json|ubj|npy|safetensors)$")]
Kinds = Annotated[tuple[Literal["identity", "platt", "isotonic", "blend"], ...], Field(min_length=3, max_length=3)]


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Head(BaseModel):
    """What every format version starts from; read first."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)
    format: Literal["meta_models.model"]
    format_version: Annotated[int, Field(ge=1)]


class FileRecord(_Strict):
    """Size in bytes and SHA-256 of one entry of the archive."""

    size: Annotated[int, Field(ge=0)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class SketchRecord(_Strict):
    """A :class:`~meta_models.model.FeatureSketch`."""

    dtype: Text
    edges: Annotated[tuple[float, ...], Field(max_length=MAX_EDGES)]
    shares: Annotated[tuple[float, ...], Field(max_length=MAX_EDGES + 1)]
    missing: float
    median: float | None
    spread: float | None
    effective_rows: float

    def sketch(self) -> FeatureSketch:
        """The value that this record stands for; raises ValueError if it does not fit together."""
        return FeatureSketch(**{n: getattr(self, n) for n in type(self).model_fields})


class InfoRecord(_Strict):
    """A :class:`~meta_models.model.ModelInfo` without what stands elsewhere.

    Attributes
    ----------
    prevalence, sketches, loci
        Absent in files written before they were known.
    """

    strategy: Text
    genes: Texts
    families: Texts
    base_models: Texts
    weighting: Text
    versions: dict[str, Text]
    provenance: dict[str, JsonValue]
    prevalence: Annotated[tuple[float, ...], Field(min_length=3, max_length=3)] | None = None
    sketches: dict[str, SketchRecord] = {}
    loci: tuple[Annotated[str, Field(max_length=10_000, pattern=r"^.*:[+-]:-?[0-9]+--?[0-9]+$")], ...] = ()

    @classmethod
    def values(cls, info: ModelInfo) -> dict[str, object]:
        """What of `info` goes into the record."""
        mappings = {
            "versions": dict(info.versions),
            "provenance": dict(info.provenance),
            "sketches": {name: asdict(sketch) for name, sketch in info.sketches.items()},
        }
        return {name: getattr(info, name) for name in cls.model_fields} | mappings

    def info(self, format_version: int) -> ModelInfo:
        """The value that this record stands for; raises ValueError if it does not fit together."""
        values = {name: getattr(self, name) for name in type(self).model_fields}
        values["sketches"] = {name: record.sketch() for name, record in self.sketches.items()}
        return ModelInfo(**values, format_version=format_version)


#: Numbers of the columns that a model within an ensemble reads, in its order.
Columns = Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1, max_length=1_000_000)]


class PartRecord(_Strict):
    """What one member was fitted with, and the files of its predictor: ``members/<number>/<file>``.

    Attributes
    ----------
    columns
        Of ``feature_names``; None: all of them.
    """

    learner: Annotated[str, Field(pattern=LEARNER_NAME)]
    files: Annotated[tuple[FileName, ...], Field(min_length=1, max_length=MAX_FILES)]
    columns: Columns | None = None


class CombinationRecord(_Strict):
    """How members are combined: the kind, whose arrays are entries, and the numbers of the models that are combined.

    The single models have the numbers from 0 on, in the order of their parts; inner ensembles those after them.
    """

    kind: Literal["mean", "voting", "weighted", "stacking", "per-bin", "routed"]
    members: Annotated[tuple[Annotated[int, Field(ge=0, lt=2 * MAX_MEMBERS)], ...], Field(min_length=1)]


class GroupRecord(_Strict):
    """An inner ensemble; its members have smaller numbers than itself. `columns` as those of a part."""

    info: InfoRecord
    calibrators: Kinds | None
    combination: CombinationRecord
    columns: Columns | None = None


#: What the combinations of format 1, which were names, are now.
_FORMER_KINDS = {"voting": "mean", "weighted": "weighted", "stacking": "stacking"}


class Manifest(_Strict):
    """``model.json``, format versions 1 and 2.

    Attributes
    ----------
    members : tuple of InfoRecord
        One for each member of an ensemble; empty in a single model.
    calibrators : three kinds of calibrator, or None
        Their arrays stand in ``calibration/<class>/<array>.npy``.
    files : mapping of name to FileRecord
        Every other entry of the archive.
    member_calibrators : three kinds of calibrator (or None) for each member, or None
        Their arrays stand in ``calibration/member_<number>/<class>/<array>.npy``.
    combination : CombinationRecord, the name of one in version 1, or None
        Of an ensemble; its arrays stand in ``combination/<array>.npy``.
    groups : tuple of GroupRecord
        Ensembles within the ensemble; their arrays stand in ``combination/group_<number>/`` and
        ``calibration/group_<number>/<class>/``.
    parts : tuple of PartRecord, or None
        One for each member, or for the single model. Absent in version 1, where each is three boosters.
    recipe : bool
        Whether ``recipe.json`` says how the columns were computed.
    first_pass : bool
        Whether ``first_pass.zip`` holds the model whose scores further columns were computed from.
    """

    format: Literal["meta_models.model"]
    format_version: Literal[1, 2]
    kind: Literal["single", "ensemble"]
    classes: tuple[str, ...]
    feature_names: Annotated[Texts, Field(min_length=1, max_length=1_000_000)]
    info: InfoRecord
    members: Annotated[tuple[InfoRecord, ...], Field(max_length=MAX_MEMBERS)]
    combination: CombinationRecord | Literal["voting", "weighted", "stacking"] | None
    calibrators: Kinds | None
    files: dict[str, FileRecord]
    member_calibrators: tuple[Kinds | None, ...] | None = None
    parts: Annotated[tuple[PartRecord, ...], Field(max_length=MAX_MEMBERS)] | None = None
    groups: Annotated[tuple[GroupRecord, ...], Field(max_length=MAX_MEMBERS)] = ()
    recipe: bool = False
    first_pass: bool = False

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.classes != CLASS_NAMES:
            raise ValueError(f"classes must be {CLASS_NAMES}")
        ensemble = self.kind == "ensemble"
        if bool(self.members) != ensemble or (self.combination is not None) != ensemble:
            raise ValueError("an ensemble has members and a combination, a single model has neither")
        if self.member_calibrators is not None and len(self.member_calibrators) != len(self.members):
            raise ValueError("each member needs calibrators, or none has any")
        if (self.parts is None) != (self.format_version == 1):
            raise ValueError("parts stand in version 2, and in no earlier one")
        if self.parts is not None and len(self.parts) != self.n_members:
            raise ValueError("there is a part for each member")
        if self.first_pass and not self.recipe:
            raise ValueError("a first pass has a recipe")
        self._check_columns()
        self._check_tree()
        return self

    def _check_columns(self) -> None:
        """Models within an ensemble read columns that are there; a single model reads all of them."""
        named = [*(part.columns for part in self.parts or ()), *(group.columns for group in self.groups)]
        chosen = [columns for columns in named if columns is not None]
        if chosen and self.kind == "single":
            raise ValueError("a single model reads all columns")
        if any(max(columns) >= len(self.feature_names) for columns in chosen):
            raise ValueError("a model reads columns that are not there")

    def names(self, columns: tuple[int, ...] | None) -> tuple[str, ...]:
        """The features that a model within the whole reads."""
        return self.feature_names if columns is None else tuple(self.feature_names[column] for column in columns)

    def _check_tree(self) -> None:
        """Each model but the whole is a member of one ensemble, whose number is greater than its own."""
        if (self.format_version == 1) != isinstance(self.combination, str) and self.combination is not None:
            raise ValueError("combinations are named in version 1, and records in later ones")
        if self.combination is None and self.groups:
            raise ValueError("a single model holds no ensembles")
        used = [number for group in self.groups for number in group.combination.members]
        whole = self.whole
        used += [] if whole is None else whole.members
        if whole is not None and sorted(used) != list(range(len(self.members) + len(self.groups))):
            raise ValueError("each model is a member of one ensemble")
        for at, group in enumerate(self.groups, len(self.members)):
            if max(group.combination.members) >= at:
                raise ValueError("an ensemble holds models of smaller numbers only")

    @property
    def whole(self) -> CombinationRecord | None:
        """How the whole is combined; None in a single model."""
        if not isinstance(self.combination, str):
            return self.combination
        values = {"kind": _FORMER_KINDS[self.combination], "members": tuple(range(len(self.members)))}
        return CombinationRecord.model_validate(values)

    @property
    def n_members(self) -> int:
        """How many predictors the archive holds."""
        return max(1, len(self.members))


def checked_json(manifest: Mapping[str, object]) -> bytes:
    """``model.json`` with sorted keys: equal values give equal bytes.

    Raises
    ------
    ValueError
        If it could not be read again: not of the schema, NaN, or text that is no Unicode.
    """
    data = json.dumps(manifest, sort_keys=True, indent=1, allow_nan=False).encode("ascii")
    try:
        Manifest.model_validate_json(data)
    except ValidationError as error:
        raise ValueError(f"what is known about this model cannot be stored: {error}") from error
    return data


def parse_manifest(data: bytes, *, newest: int) -> Manifest:
    """Read ``model.json``.

    Raises
    ------
    UnsafeModelFile
        If it does not follow the schema, or is of a newer format than `newest`.
    """
    try:
        json.loads(data, object_pairs_hook=once_each)
    except (ValueError, RecursionError) as error:
        raise damaged(f"{NAME} that is not as it should be: {str(error)[:300]}") from None
    try:
        head = Head.model_validate_json(data)
        if head.format_version > newest:
            raise damaged(f"model format {head.format_version}, newer than {newest}: a newer meta_models is needed")
        return Manifest.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))[:200]
        raise damaged(f"{NAME} that is not as it should be: {where or 'whole'}: {first['msg'][:300]}") from None
