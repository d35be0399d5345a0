"""The recipe of a table's features: all that two tables must share for the columns to mean the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

from meta_models.errors import InputError
from meta_models.features.group import Group
from meta_models.features.groups.registry import DEFAULT_GROUPS, GROUPS
from meta_models.features.inputs import BaseTrack, EvidenceTrack, Inputs

FORMAT = 1

#: Where the scores beyond a gene come from: its genome, or nowhere, so that the windows tell where the gene ends.
Context = Literal["genome", "gene"]


@dataclass(frozen=True)
class Recipe:
    """What :func:`meta_models.features.features` makes, and from what.

    Attributes
    ----------
    models : tuple of BaseTrack
        The base models in order; the first one is the main one.
    evidence : tuple of EvidenceTrack
        The evidence tracks in order.
    groups : tuple of Group
        The feature groups in the order of their columns, each with its parameters and its version.
    flank : int
        Bases on each side of a piece.
    context : {"genome", "gene"}
        Whether scores and evidence beyond a gene are those of the genome, or 0.
    """

    models: tuple[BaseTrack, ...]
    evidence: tuple[EvidenceTrack, ...] = ()
    groups: tuple[Group, ...] = tuple(GROUPS[name]() for name in DEFAULT_GROUPS)
    flank: int = 5000
    context: Context = "genome"

    def __post_init__(self) -> None:
        if not self.models or not self.groups:
            raise InputError("a recipe names a base model and a feature group or more")
        _check_unique("base models", [track.key for track in self.models])
        _check_unique("evidence tracks", [track.name for track in self.evidence])
        _check_unique("feature groups", [group.name for group in self.groups])
        if self.flank < 0:
            raise InputError("the flank of a recipe is 0 bases or more", f"found {self.flank}")
        if self.context not in get_args(Context):
            raise InputError("the context of a recipe is genome or gene", f"found {self.context!r}")

    @property
    def inputs(self) -> Inputs:
        """The tracks."""
        return Inputs(self.models, self.evidence)

    @property
    def reach(self) -> int:
        """Most bases around a position that a group reads: parts of a gene with such flanks give the gene's values."""
        return max(group.reach for group in self.groups)

    @property
    def sha256(self) -> str:
        """Hash of all that is in the recipe, hexadecimal."""
        text = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """The recipe as JSON has it; :meth:`from_json` reads it."""
        return {
            "format": FORMAT,
            "models": [asdict(track) for track in self.models],
            "evidence": [asdict(track) for track in self.evidence],
            "groups": [group.to_json() for group in self.groups],
            "flank": self.flank,
            "context": self.context,
        }

    @classmethod
    def from_json(cls, data: object) -> Recipe:
        """The recipe that `data`, as read from JSON, describes.

        Raises
        ------
        InputError
            Where a field is absent, unknown or of another type, or has a value that no recipe has.
        """
        values = _fields("a recipe", data, {**{field.name: object for field in fields(cls)}, "format": int})
        if values["format"] != FORMAT:
            raise InputError(f"a recipe of format {FORMAT}", f"found format {values['format']}", _UPGRADE)
        return cls(
            models=tuple(BaseTrack(**track) for track in _each("models", values, _MODEL)),
            evidence=tuple(EvidenceTrack(**track) for track in _each("evidence", values, _EVIDENCE)),
            groups=tuple(_group(group) for group in _each("groups", values, _GROUP)),
            flank=_typed("flank", values["flank"], int),
            context=_typed("context", values["context"], str),
        )

    def differences(self, other: Recipe) -> tuple[str, ...]:
        """Why features made by `other` cannot stand for features of this recipe, a sentence each; empty if they can.

        A longer flank is no difference where the windows of this recipe end within its own.
        """
        return (
            *_named_differences("base model", _by_key(self.models), _by_key(other.models)),
            *_named_differences("evidence track", _by_key(self.evidence), _by_key(other.evidence)),
            *_group_differences(self.groups, other.groups),
            *_flank_differences(self, other),
        )


_UPGRADE = "use the version of this program that wrote it"
_MODEL: dict[str, type | tuple[type, ...]] = {"key": str, "floor": (float, int), "decimals": (int, type(None))}
_EVIDENCE: dict[str, type | tuple[type, ...]] = {"name": str, "kind": str}
_GROUP: dict[str, type | tuple[type, ...]] = {"name": str, "version": int, "parameters": dict}


def _check_unique(what: str, names: Sequence[str]) -> None:
    if len(set(names)) != len(names):
        raise InputError(f"the {what} of a recipe have different names", f"found {', '.join(names)}")


def _typed(what: str, value: object, kinds: type | tuple[type, ...]) -> Any:
    """`value`, which must be of one of `kinds`; a truth value is no number."""
    if not isinstance(value, kinds) or (isinstance(value, bool) and kinds is not object):
        names = " or ".join(k.__name__ for k in (kinds if isinstance(kinds, tuple) else (kinds,)))
        raise InputError(f"the recipe's {what} is of type {names}", f"found {value!r}")
    return value


def _fields(what: str, data: object, kinds: Mapping[str, type | tuple[type, ...]]) -> dict[str, Any]:
    """The fields of a JSON object: exactly those of `kinds`."""
    if not isinstance(data, dict) or set(data) != set(kinds):
        found = ", ".join(map(str, data)) if isinstance(data, dict) else type(data).__name__
        raise InputError(f"{what} has the fields {', '.join(kinds)}", f"found {found or 'none'}", _UPGRADE)
    return {name: _typed(name, data[name], kind) for name, kind in kinds.items()}


def _each(
    name: str, values: Mapping[str, Any], kinds: Mapping[str, type | tuple[type, ...]]
) -> Iterator[dict[str, Any]]:
    for item in _typed(name, values[name], list):
        yield _fields(f"an entry of the recipe's {name}", item, kinds)


def _group(entry: Mapping[str, Any]) -> Group:
    if entry["name"] not in GROUPS:
        raise InputError(f"the feature groups are {', '.join(GROUPS)}", f"found {entry['name']!r}", _UPGRADE)
    return GROUPS[entry["name"]].from_json(entry["version"], entry["parameters"])


def _by_key(tracks: Sequence[BaseTrack] | Sequence[EvidenceTrack]) -> dict[str, BaseTrack | EvidenceTrack]:
    return {track.key if isinstance(track, BaseTrack) else track.name: track for track in tracks}


def _named_differences(what: str, own: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[str]:
    if list(own) != list(other):
        yield f"{what}s: {', '.join(own) or 'none'} in this order; found {', '.join(other) or 'none'}"
        return
    for name in own:
        for field, value in asdict(own[name]).items():
            found = getattr(other[name], field)
            if value != found and not (field == "floor" and _same_floor(value, found)):
                yield f"{what} {name}: {field} {value}; found {found}"


def _same_floor(one: float, two: float) -> bool:
    """Floors are measured on samples of scores: they are the same up to a factor of 2."""
    low, high = sorted((one, two))
    return low > 0 and high <= 2 * low


def _group_differences(own: Sequence[Group], other: Sequence[Group]) -> Iterator[str]:
    found = {group.name: group for group in other}
    if [group.name for group in own] != list(found):
        yield f"feature groups: {', '.join(g.name for g in own)} in this order; found {', '.join(found)}"
        return
    for group in own:
        if group.version != found[group.name].version:
            yield f"feature group {group.name}: version {group.version}; found version {found[group.name].version}"
        elif group != found[group.name]:
            yield f"feature group {group.name}: {group.parameters()}; found {found[group.name].parameters()}"


def _flank_differences(own: Recipe, other: Recipe) -> Iterator[str]:
    if own.context != other.context:
        yield f"context {own.context}; found {other.context}"
    if min(own.flank, own.reach) != min(other.flank, own.reach):
        yield f"flank of {own.flank} bases; found {other.flank}"
