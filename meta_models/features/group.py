"""A feature group: its parameters, its version, and what it computes."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from meta_models.errors import InputError
from meta_models.features.tile import Tile

#: A column: its name and its value at every wanted position, (n,).
Column = tuple[str, NDArray[Any]]


@dataclass(frozen=True)
class Group(ABC):
    """Some features and their parameters, which are the fields of the class: positive numbers, or increasing tuples.

    Attributes
    ----------
    name : str
        Name in the recipe.
    VERSION : int
        Raised whenever a column gets another value, name or place.
    version : int
        Version that a recipe was written with.
    """

    name: ClassVar[str]
    VERSION: ClassVar[int]

    version: int = 0

    def __post_init__(self) -> None:
        if self.version == 0:
            object.__setattr__(self, "version", self.VERSION)
        for name, value in self.parameters().items():
            _check_value(f"{self.name}: {name}", value)

    @property
    @abstractmethod
    def reach(self) -> int:
        """Most bases before or after a position that the group reads."""

    @abstractmethod
    def columns(self, tile: Tile) -> Iterator[Column]:
        """The columns in order; their names depend on the recipe alone."""

    def parameters(self) -> dict[str, Any]:
        """The parameters by name."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self) if field.name != "version"}

    def to_json(self) -> dict[str, Any]:
        """Name, version and parameters for JSON."""
        lists = {name: list(v) if isinstance(v, tuple) else v for name, v in self.parameters().items()}
        return {"name": self.name, "version": self.version, "parameters": lists}

    @classmethod
    def from_json(cls, version: int, parameters: Mapping[str, Any]) -> Self:
        """A group of a recipe.

        Raises
        ------
        InputError
            Where a parameter is unknown, absent or has another type.
        """
        defaults = cls().parameters()
        if set(parameters) != set(defaults):
            raise InputError(
                f"group {cls.name}, version {cls.VERSION}, has the parameters {', '.join(defaults) or 'none'}",
                f"found {', '.join(sorted(parameters)) or 'none'} in a recipe of version {version}",
                "use the version of this program that wrote the recipe",
            )
        given = {name: tuple(v) if isinstance(v, list) else v for name, v in parameters.items()}
        for name, value in given.items():
            _check_type(f"{cls.name}: {name}", value, defaults[name])
        return cls(version=version, **given)


def _check_type(what: str, value: object, default: object) -> None:
    if type(value) is not type(default):
        raise InputError(f"{what} is of type {_type(default)}", f"found {value!r}")


def _type(value: object) -> str:
    return "list of whole numbers" if isinstance(value, tuple) else type(value).__name__


def _check_value(what: str, value: object) -> None:
    """Positive; a tuple holds increasing whole numbers."""
    if isinstance(value, tuple):
        whole = all(type(v) is int and v > 0 for v in value)
        if not value or not whole or list(value) != sorted(set(value)):
            raise InputError(f"{what} are increasing positive whole numbers", f"found {list(value)}")
    elif not isinstance(value, int | float) or not 0 < value < np.inf:
        raise InputError(f"{what} is a positive number", f"found {value!r}")
