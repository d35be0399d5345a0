"""The file of ``--stages``: which rows each later stage is trained on."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Self, TypeAlias

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    TypeAdapter,
    ValidationError,
    WrapValidator,
    model_validator,
)

from meta_models.errors import UsageError
from meta_models.yaml_files import asked_for

#: Each trains all folds again, and a model file holds all of them (`continued.MOST_STEPS`).
MOST_STAGES = 4
_EXAMPLE = "- {hardest: 0.2} or - {where: {gene_type: protein_coding}, others: 0.25}"
_Bound = Annotated[float | None, Field(allow_inf_nan=False)]
_Share = Annotated[float, Field(gt=0, le=1, strict=True)]


class Span(BaseModel):
    """Numbers from `at_least` to `at_most`, both included; one of them may be left out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    at_least: _Bound = None
    at_most: _Bound = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.at_least is None and self.at_most is None:
            raise ValueError("give at_least, at_most or both")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise ValueError(f"at_least {self.at_least:g} is above at_most {self.at_most:g}")
        return self

    @property
    def bounds(self) -> tuple[float, float]:
        """Both ends, infinite where none was given."""
        low = -float("inf") if self.at_least is None else self.at_least
        return low, float("inf") if self.at_most is None else self.at_most


def _plain(value: Any) -> Any:
    if not isinstance(value, bool | int | float | str):
        raise ValueError(f"a value must be text, a number, true or false, found {str(value)[:60]!r}")
    return value


def _kind(value: Any) -> str:
    return "span" if isinstance(value, dict | Span) else "values"


def _bounds(value: Any) -> Any:
    if not isinstance(value, dict | Span):
        raise ValueError(f"give bounds, such as {{at_least: 0.1}}, found {str(value)[:60]!r}")
    return value


def _listed(value: Any) -> Any:
    """A value as the one of a list."""
    return value if isinstance(value, dict | list | tuple | Span) else (value,)


_Bounded: TypeAlias = Annotated[Span, BeforeValidator(_bounds)]
Plain: TypeAlias = Annotated[bool | int | float | str, WrapValidator(lambda value, _: _plain(value))]
Chosen: TypeAlias = Annotated[
    Annotated[Span, Tag("span")] | Annotated[tuple[Plain, ...], Tag("values"), Field(min_length=1)],
    Discriminator(_kind),
    BeforeValidator(_listed),
]
"""What a column must be: one of some values, or between bounds."""


class Stage(BaseModel):
    """One stage: the rows for which all holds that is given, and what the other ones count.

    Attributes
    ----------
    where : dict of str to tuple of values, or Span
        What columns of the table must be.
    loss, score : Span or None
        Log-loss of a row (nats), and its probability to be a site, by the first training out of fold.
    hardest : float or None
        Of the rows that are left by all that, this share, those of the largest loss.
    others : float
        What all other rows count, in proportion to what they count in the first stage; 0: they are left out.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    where: dict[str, Chosen] = {}
    loss: _Bounded | None = None
    score: _Bounded | None = None
    hardest: _Share | None = None
    others: Annotated[float, Field(ge=0, lt=1, strict=True)] = 0.0

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.where and not self.looks:
            raise ValueError("give hardest, loss, score or where: they say which rows")
        return self

    @property
    def looks(self) -> bool:
        """Whether it looks at what the first training says of the rows."""
        return (self.loss, self.score, self.hardest) != (None, None, None)

    @property
    def text(self) -> str:
        """Which rows they are, in words."""
        parts = [f"{name} {_words(value)}" for name, value in self.where.items()]
        parts += [f"{name} {_words(span)}" for name, span in (("loss", self.loss), ("score", self.score)) if span]
        parts += [] if self.hardest is None else [f"the {100 * self.hardest:g} % of the largest loss"]
        return " and ".join(parts) + (f"; others count {self.others:g} times" if self.others else "")


def read_stages(path: Path) -> tuple[Stage, ...]:
    """The stages in a YAML list.

    Raises
    ------
    UsageError
        If the file cannot be read, has an entry that is wrong, or none.
    """
    try:
        stages = TypeAdapter(list[Stage]).validate_python(asked_for(path, "--stages"))
    except ValidationError as error:
        raise UsageError(
            "--stages needs a YAML list of stages", "; ".join(dict.fromkeys(_lines(error))), f"Such as {_EXAMPLE}"
        ) from None
    if not 0 < len(stages) <= MOST_STAGES:
        found = f"{path} has {len(stages)}"
        raise UsageError(f"--stages needs 1 to {MOST_STAGES} stages", found, f"Such as {_EXAMPLE}")
    return tuple(stages)


def _lines(error: ValidationError) -> Iterator[str]:
    """One line for each bad value, with the nearest key to one that there is not."""
    for found in error.errors():
        at = [part for part in found["loc"] if part not in _KINDS]
        first, rest = (f"stage {at[0] + 1}", at[1:]) if at and isinstance(at[0], int) else ("the file", at)
        where = ", ".join(filter(None, [first, ".".join(map(str, rest))]))
        if found["type"] == "extra_forbidden":
            names = [*(Span if len(rest) > 1 else Stage).model_fields]
            near = get_close_matches(str(rest[-1]), names, n=1)
            yield f"{where}: there is no such key ({f'did you mean {near[0]}?' if near else ', '.join(names)})"
        else:
            yield f"{where}: {_message(found)}"


def _message(found: Any) -> str:
    if found["type"] == "value_error":
        return str(found["ctx"]["error"])
    return f"{found['msg']} (found {str(found['input'])[:60]!r})"


#: What the kinds of a value of ``where`` are called in the places of errors.
_KINDS = ("span", "values")


def _words(value: Span | tuple[Plain, ...]) -> str:
    if not isinstance(value, Span):
        return " or ".join(map(str, value))
    parts = (("at least", value.at_least), ("at most", value.at_most))
    return " and ".join(f"{name} {bound:g}" for name, bound in parts if bound is not None)
