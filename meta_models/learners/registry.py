"""Learners by name: those that come with the package, one line each, and those of other packages."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from inspect import isabstract
from typing import cast

from meta_models.errors import UsageError
from meta_models.learners.seam import Learner

#: Entry points by which other packages offer learners; each names a class.
GROUP = "meta_models.learners"

#: What the name of a learner is like: it is that of its options, and stands in model files.
LEARNER_NAME = r"^[a-z][a-z0-9_]{0,63}$"

#: Takes the place of a learner: those of `TRIED` that can be fitted here, combined.
AUTO = "auto"
TRIED = ("xgboost", "tcn")

_BUILT_IN = {
    "xgboost": "xgboost.learner:XGBoost",
    "lightgbm": "trees.lightgbm:LightGBM",
    "catboost": "trees.catboost:CatBoost",
    "random_forest": "trees.random_forest:RandomForest",
    "logistic": "classical.logistic:Logistic",
    "svm": "classical.svm:SupportVectorMachine",
    "knn": "classical.knn:NearestNeighbours",
    "sgd": "classical.sgd.learner:StochasticGradientDescent",
    "tcn": "neural.learner:Tcn",
    "gru": "neural.learner:Gru",
    "lstm": "neural.learner:Lstm",
    "transformer": "neural.learner:Transformer",
}


class Learners(Mapping[str, Learner]):
    """All learners by name; the module of one is imported when it is asked for."""

    def __init__(self) -> None:
        self._made: dict[str, Learner] = {}

    @cached_property
    def _elsewhere(self) -> dict[str, EntryPoint]:
        return {point.name: point for point in entry_points(group=GROUP) if point.name not in _BUILT_IN}

    def __getitem__(self, name: str) -> Learner:
        """The learner called `name`.

        Raises
        ------
        UsageError
            If there is none of that name, or it is one of another package that cannot be used.
        """
        if name not in self._made:
            self._made[name] = self._load(name)()
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys([*_BUILT_IN, *sorted(self._elsewhere), *self._made]))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __contains__(self, name: object) -> bool:
        return name in list(iter(self))

    def package(self, name: str) -> str | None:
        """The package that a learner comes from, with its version; None for those that come with this one."""
        point = self._elsewhere.get(name)
        return None if point is None or point.dist is None else f"{point.dist.name} {point.dist.version}"

    @contextmanager
    def with_learner(self, learner: Learner) -> Iterator[None]:
        """Have `learner`, too, for as long as the context lasts."""
        self._made[learner.name] = learner
        try:
            yield
        finally:
            del self._made[learner.name]

    def _load(self, name: str) -> type[Learner]:
        if name in _BUILT_IN:
            module, kind = _BUILT_IN[name].split(":")
            return cast("type[Learner]", getattr(import_module(f"meta_models.learners.{module}"), kind))
        if name in self._elsewhere:
            return self._of_another_package(name)
        near = difflib.get_close_matches(name, list(self), n=1)
        raise UsageError(
            f"A learner must be one of {', '.join(self)}",
            f"Found {name!r}",
            f"Perhaps {near[0]!r} was meant" if near else "If another package offers it, install that package",
        )

    def _of_another_package(self, name: str) -> type[Learner]:
        point = self._elsewhere[name]
        what = f"The entry point {name!r} of {self.package(name) or 'an unnamed package'} names a learner"
        if not re.fullmatch(LEARNER_NAME, name):
            raise UsageError(what, "Its name must be of lower-case letters, digits and _, a letter first, 64 at most")
        try:
            found = point.load()
        except (ImportError, AttributeError) as error:
            raise UsageError(what, f"{point.value} cannot be imported: {error}", "Install that package anew") from error
        if not (isinstance(found, type) and issubclass(found, Learner)):
            raise UsageError(what, f"{point.value} is no class derived from {Learner.__module__}.{Learner.__name__}")
        if isabstract(found) or getattr(found, "name", None) != name:
            lacks = ", ".join(sorted(found.__abstractmethods__)) or f"the name {name!r}"
            raise UsageError(what, f"{point.value} lacks {lacks}")
        return found


LEARNERS = Learners()


def packages_of(names: Iterable[str]) -> list[str]:
    """Names of the packages that learners come from which do not come with this one."""
    packages = filter(None, map(LEARNERS.package, names))
    return [package.rpartition(" ")[0] for package in packages]


def package_note(name: str) -> dict[str, str]:
    """The package of a learner that does not come with this one, as an entry among versions."""
    package = LEARNERS.package(name)
    return {} if package is None else {f"learner {name}": package}


def package_noted(name: str, versions: Mapping[str, str]) -> str | None:
    """What :func:`package_note` noted of a learner among `versions`."""
    return versions.get(f"learner {name}")
