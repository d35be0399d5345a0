"""Experiment files: options of training that all runs share, and a matrix of those that differ."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path, PurePosixPath
from typing import Any

from meta_models.config import TrainingConfig
from meta_models.config.base import plain_names, require_once
from meta_models.config.sections import FORMER
from meta_models.dataset.opening import named_tables
from meta_models.errors import UsageError
from meta_models.learners.registry import LEARNERS
from meta_models.local_paths import is_address, real

#: Keys that are no options of training.
NAME, DESCRIPTION, TAGS, MATRIX = "name", "description", "tags", "matrix"
#: Options that the command gives to each run.
_OF_THE_COMMAND = ("out_dir", "overwrite", "resume", "dry_run", "plan_only")
#: What a learner may be called by; the last is what it was called.
_LEARNERS = ("learner", "learners", "family")
#: The set of features of a run, groups joined by +: the one of its `variants`.
FEATURES, VARIANTS = "features", "variants"
_FOREIGN = re.compile(r"[^A-Za-z0-9.+-]+")
_LONGEST = 40
#: Of a file that does not name the matrix.
_NONE = object()


@dataclass(frozen=True)
class Variant:
    """One run of an experiment.

    Attributes
    ----------
    name : str
        Path of its folder below that of the experiment: what differs, after the table where tables differ.
    values : mapping of str to object
        What of the matrix makes it.
    options : mapping of str to object
        All options of the run, as plain values.
    """

    name: str
    values: Mapping[str, Any]
    options: Mapping[str, Any]


@dataclass(frozen=True)
class Experiment:
    """What stands in an experiment file.

    Attributes
    ----------
    merged : int
        Combinations of the matrix that make a run which is there already: options of a learner that is not fitted, sets
        of features for learners that read whole genes.
    several_tables : bool
        Whether the runs are of several tables.
    sets : str
        The key under which the file names sets of features, if it does.
    """

    name: str
    description: str
    tags: Mapping[str, str]
    variants: tuple[Variant, ...]
    merged: int
    several_tables: bool
    sets: str = VARIANTS


def read_experiment(path: Path, most: int) -> Experiment:
    """The experiment in a YAML file, checked as a whole: every run has options that it can be started with.

    Parameters
    ----------
    most : int
        Most combinations that the matrix may have.

    Raises
    ------
    UsageError
        If the file cannot be read, a key or a value is wrong, or the matrix has none or too many combinations.
    """
    values = TrainingConfig.read_yaml(path, "An experiment")
    name, matrix = values.pop(NAME, path.stem), values.pop(MATRIX, _NONE)
    description, tags = values.pop(DESCRIPTION, ""), values.pop(TAGS, {})
    if not isinstance(name, str) or not name.strip():
        raise UsageError(f"The experiment in {path} must have a name", f"Found {name!r}", "Such as 'name: depth'")
    if matrix is None or matrix == {}:
        expected = "matrix must hold a list of values for each option that differs"
        raise UsageError(expected, "Found none", "Leave it out for a single run")
    matrix = {} if matrix is _NONE else matrix
    if not isinstance(description, str) or not _are_tags(tags):
        raise UsageError("description must be text, and tags a mapping of names to values", f"Found {tags!r:.60}")
    for key, value in values.items():
        _require_known(key, value)
        if key == FEATURES:
            _require_set(value)
    told = {str(key): str(value) for key, value in tags.items()}
    matrix = _matrix(matrix, most)
    _require_apart(values, matrix)
    variants, merged = _variants(values, matrix, {**told, "experiment": name})
    sets = FEATURES if FEATURES in {*values, *matrix} else VARIANTS
    return Experiment(name, description, told, variants, merged, several_tables="dataset" in matrix, sets=sets)


def _are_tags(tags: Any) -> bool:
    return isinstance(tags, Mapping) and all(isinstance(value, str | int | float | bool) for value in tags.values())


def _require_known(key: str, value: Any) -> None:
    """Refuse a key that is no option of training, and one that the command gives."""
    if key in _OF_THE_COMMAND:
        raise UsageError(f"{key} is not for an experiment file", f"Found {key}: {value}", "The command gives it")
    learner, _, option = key.partition(".")
    known = (TrainingConfig.model_fields, _LEARNERS, (FEATURES,), LEARNERS[FORMER].Config.model_fields)
    if any(key in names for names in known):
        return
    if option and learner in LEARNERS:
        _require_option(learner, option)
    elif key in LEARNERS:
        for name in value if isinstance(value, Mapping) else ():
            _require_option(key, str(name).replace("-", "_"))
    else:
        own = (NAME, DESCRIPTION, TAGS, MATRIX, FEATURES, "learner")
        names = [*own, *TrainingConfig.model_fields, *LEARNERS, *LEARNERS[FORMER].Config.model_fields]
        expected = "An experiment file has options of train, learners, name, description, tags and matrix"
        raise _unknown(expected, key, names)


def _require_set(value: Any) -> None:
    """Refuse what is no set of features: a learner is trained on one in each run."""
    if not isinstance(value, str) or not value or "," in value:
        raise UsageError("features must name one set for each run, its groups joined by '+'", f"Found {value!r:.60}",
                         "Such as 'matrix: {features: [base, base+context, all]}'")  # fmt: skip


def _require_option(learner: str, option: str) -> None:
    options = LEARNERS[learner].Config.model_fields
    if option not in options:
        raise _unknown(f"{learner} has the options {', '.join(options)}", option, options)


def _unknown(expected: str, found: str, names: Iterable[str]) -> UsageError:
    near = get_close_matches(found, list(names), n=1)
    return UsageError(expected, f"Found {found!r}", f"Perhaps {near[0]!r} was meant" if near else "See train --help")


def _matrix(given: Any, most: int) -> dict[str, Sequence[Any]]:
    """The values of each key that differs, under the name of the option."""
    if not isinstance(given, Mapping) or not all(isinstance(values, list) for values in given.values()):
        raise UsageError("matrix must hold a list of values for each option that differs", f"Found {given!r:.80}",
                         "Such as 'matrix: {xgboost.max_depth: [4, 6]}'")  # fmt: skip
    matrix = plain_names(given)
    require_once(TrainingConfig.full_names(matrix), "the matrix")
    _require_different_tables(matrix.get("dataset", ()))
    for key, values in matrix.items():
        _require_known(key, values)
        for value in values if key == FEATURES else ():
            _require_set(value)
    count = math.prod(map(len, matrix.values()))
    if not 1 <= count <= most:
        empty = [key for key, values in matrix.items() if not values]
        found = f"Found {count:,}" + (f": {empty[0]} has no values" if empty else "")
        raise UsageError(f"The matrix must make 1 to {most:,} runs", found, "Change the lists, or give --max-variants")
    return matrix


def _require_different_tables(names: Any) -> None:
    """One table by two names would be compared, and ranked, as two."""
    found = [str(real(name)) for name in names if isinstance(name, str) and not is_address(name)]
    if twice := sorted({path for path in found if found.count(path) > 1}):
        raise UsageError("Each table must be named once in the matrix", f"Found {', '.join(twice)} twice", "Keep one")


def _require_apart(shared: Mapping[str, Any], matrix: Mapping[str, Any]) -> None:
    """An option that all runs share, and that differs, would be one of the two without a word."""
    fixed, several = (set(map(_learner_by_one_name, TrainingConfig.full_names(v))) for v in (shared, matrix))
    twice = {name for name in several if name in fixed or any(other.startswith(f"{name}.") for other in fixed)}
    if twice:
        found = f"Found {', '.join(sorted(twice))} in both"
        raise UsageError("An option has one value for all runs, or several in the matrix", found, "Keep one")


def _learner_by_one_name(key: str) -> str:
    return _LEARNERS[0] if key in _LEARNERS else key


def _variants(
    shared: Mapping[str, Any], matrix: Mapping[str, Sequence[Any]], tags: Mapping[str, str]
) -> tuple[tuple[Variant, ...], int]:
    """Each combination whose configuration no earlier one has, and how many others there are."""
    found: dict[str, Variant] = {}
    merged = 0
    for combination in itertools.product(*(list(enumerate(values, 1)) for values in matrix.values())):
        values = {key: value for key, (_, value) in zip(matrix, combination, strict=True)}
        options = _as_variants(_of_chosen({**shared, **values}))
        config = _checked(values, {**options, "tags": [f"{key}={value}" for key, value in tags.items()]})
        key = config.model_dump_json()
        if key in found:
            merged += 1
            continue
        used = {name: (place, value) for name, (place, value) in zip(matrix, combination, strict=True)
                if _is_of_chosen(name, config.learners)}  # fmt: skip
        name = _name(used, {variant.name for variant in found.values()})
        plain = config.model_dump(mode="json", exclude=set(_OF_THE_COMMAND))
        found[key] = Variant(name, {name: value for name, (_, value) in used.items()}, plain)
    return tuple(found.values()), merged


def _as_variants(options: dict[str, Any]) -> dict[str, Any]:
    """`options`, where the set of features stands as training knows it."""
    if FEATURES not in options:
        return options
    if VARIANTS in options:
        found = f"Found {FEATURES} {options[FEATURES]} and {VARIANTS} {options[VARIANTS]}"
        raise UsageError("An experiment has features, a set for each run, or variants, several in one run", found)
    return {VARIANTS if key == FEATURES else key: [value] if key == FEATURES else value
            for key, value in options.items()}  # fmt: skip


def _of_chosen(values: Mapping[str, Any]) -> dict[str, Any]:
    """`values` without options of learners that are not fitted."""
    chosen = next((values[key] for key in _LEARNERS if key in values), FORMER)
    learners = (chosen,) if isinstance(chosen, str) else tuple(map(str, chosen or ()))
    return {key: value for key, value in values.items() if _is_of_chosen(key, learners)}


def _is_of_chosen(key: str, learners: Sequence[str]) -> bool:
    learner = key.partition(".")[0]
    if key == FEATURES:
        return any(name not in LEARNERS or LEARNERS[name].traits.inputs != "genes" for name in learners)
    if key in TrainingConfig.model_fields or key in _LEARNERS:
        return True
    if learner in LEARNERS:
        return learner in learners
    return key not in LEARNERS[FORMER].Config.model_fields or FORMER in learners


def _checked(values: Mapping[str, Any], options: dict[str, Any]) -> TrainingConfig:
    try:
        config = TrainingConfig.from_mapping(options)
        config.require_dataset()
        _require_tables(config)
        for learner in config.learners:
            LEARNERS[learner].require_library()
    except UsageError as error:
        said = ", ".join(f"{key} {value}" for key, value in values.items())
        raise UsageError(
            f"Every run must be possible{f', this one is not: {said}' if said else ''}", str(error)
        ) from None
    return config


def _require_tables(config: TrainingConfig) -> None:
    for option, path in named_tables(config).items():
        if not path.exists():
            raise UsageError(f"{option} must be a path", f"Found nothing at {path}", "Check it")


def _name(used: Mapping[str, tuple[int, Any]], taken: set[str]) -> str:
    """What differs, as the path of a folder that no other variant has."""
    parts = [
        f"{key.rpartition('.')[2]}-{_word(place, value)}" for key, (place, value) in used.items() if key != "dataset"
    ]
    base = "__".join(parts) or "run"
    if "dataset" in used:
        base = f"{_word(*used['dataset'])}/{base}"
    names = (base if number == 1 else f"{base}__{number}" for number in itertools.count(1))
    return next(name for name in names if name not in taken)


def _word(place: int, value: Any) -> str:
    """A value as part of a name: itself, or its place in the list where it is none that fits there."""
    if isinstance(value, list | Mapping):
        return str(place)
    word = _FOREIGN.sub("_", PurePosixPath(str(value)).name).strip("._")
    return word if 0 < len(word) <= _LONGEST else str(place)


def shown(values: Mapping[str, Any]) -> Iterator[str]:
    """What makes a variant, for people."""
    for key, value in values.items():
        yield f"{key} {' '.join(map(str, value)) if isinstance(value, list) else value}"
