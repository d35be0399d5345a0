"""The options of the learners as sections of the configuration, whatever way they are given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from meta_models.config.base import error_lines
from meta_models.learners.registry import AUTO, LEARNERS, TRIED
from meta_models.learners.seam import LearnerConfig

#: The learner whose options stood at the top of the configuration before there were others.
FORMER = "xgboost"


def with_sections(values: Mapping[str, Any], known: frozenset[str]) -> dict[str, Any]:
    """`values` with a validated section for each learner that is chosen, or that `AUTO` may choose, and none besides.

    Taken are ``learner: NAME``, ``learners: [NAME, ...]``, ``NAME: {...}`` and ``NAME.option: ...`` as flags give it,
    ``family: NAME`` and options of `FORMER` at the top, as former versions wrote them.

    Parameters
    ----------
    known : frozenset of str
        Names that are fields of the configuration itself.

    Raises
    ------
    ValueError
        If options are given for a learner that is not chosen.
    """
    rest = dict(values)
    chosen = _chosen(rest)
    given = _given(rest, known)
    if AUTO in chosen and len(chosen) > 1:
        raise ValueError(f"learner {AUTO} stands alone, found {' '.join(chosen)}")
    possible = TRIED if chosen == (AUTO,) else chosen
    if odd := sorted(set(given) - set(possible)):
        option = next(iter(given[odd[0]]), "") if isinstance(given[odd[0]], Mapping) else ""
        flag = f"{odd[0]}.{option}".rstrip(".").replace("_", "-")
        raise ValueError(f"--{flag} is an option of {odd[0]}, but --learners takes {' '.join(chosen)}")
    sections = {name: _section(name, given.get(name, {})) for name in possible}
    return {**rest, "learners": chosen, "sections": sections}


def full_names(values: Mapping[str, Any]) -> tuple[str, ...]:
    """What `values` give: options of learners as ``NAME.option``, whether they stand at the top or in a section."""
    return tuple(name for key, value in values.items() for name in _full_names(key, value))


def _full_names(key: str, value: Any) -> list[str]:
    if key in LEARNERS and isinstance(value, Mapping):
        return [f"{key}.{str(option).replace('-', '_')}" for option in value]
    return [f"{FORMER}.{key}" if key in LEARNERS[FORMER].Config.model_fields else key]


def upgraded(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """`values`; where they are all that a former version knew, by the names that they have now.

    ``ensemble_method: voting`` was the mean of probabilities before `combine` stood beside it. What `stages` does was
    ``second_stage``, which goes where it was not used.
    """
    whole = {"dataset", "analyses", "ensemble_cv", "seed"} <= values.keys()
    if whole and "second_stage" in values and values["second_stage"] is None:
        values = {name: value for name, value in values.items() if not name.startswith("second_stage")}
    if whole and "combine" not in values and values.get("ensemble_method") == "voting":
        return {**values, "ensemble_method": "mean"}
    return values


def flat(values: Mapping[str, Any]) -> dict[str, Any]:
    """`values` of a configuration without sections: their options as ``NAME.option``, those of `FORMER` without it."""
    rest = {key: value for key, value in values.items() if key not in ("sections", "family")}
    rest.setdefault("learners", [values.get("family", FORMER)])
    for name, section in (values.get("sections") or {}).items():
        rest |= {option if name == FORMER else f"{name}.{option}": value for option, value in section.items()}
    return rest


def _chosen(rest: dict[str, Any]) -> tuple[str, ...]:
    """Names of the learners, which are taken out of `rest`."""
    named = [rest.pop(key) for key in ("learners", "learner", "family") if key in rest]
    first = next((value for value in named if value is not None), (FORMER,))
    return (first,) if isinstance(first, str) else tuple(map(str, first))


def _given(rest: dict[str, Any], known: frozenset[str]) -> dict[str, Any]:
    """What is given for each learner, which is taken out of `rest`."""
    given: dict[str, Any] = dict(rest.pop("sections", None) or {})
    for key in [key for key in rest if key not in known]:
        learner, _, option = key.partition(".")
        if not option and key in LEARNERS:
            given[key] = {**_plain(given.get(key, {})), **_plain(rest.pop(key))}
        elif option and learner in LEARNERS:
            given[learner] = {**_plain(given.get(learner, {})), option: rest.pop(key)}
        elif key in LEARNERS[FORMER].Config.model_fields:
            given[FORMER] = {**_plain(given.get(FORMER, {})), key: rest.pop(key)}
    return given


def _plain(section: Any) -> dict[str, Any]:
    return dict(section) if isinstance(section, LearnerConfig | Mapping) else {"": section}


def _section(name: str, given: Any) -> LearnerConfig:
    kind = LEARNERS[name].Config
    if isinstance(given, kind):
        return given
    try:
        return kind(**_plain(given))
    except ValidationError as error:
        raise ValueError("; ".join(error_lines(error, tuple(kind.model_fields), name))) from None
