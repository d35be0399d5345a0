"""What ``meta-models learners`` prints: each learner with its traits, or the options of one."""

from __future__ import annotations

from collections.abc import Iterator

from meta_models.errors import UsageError
from meta_models.learners.registry import LEARNERS
from meta_models.learners.seam import Learner, Traits, Tune


def list_learners() -> Iterator[str]:
    """One line for each learner: its name, what it is, what it needs, or why one of another package cannot be used."""
    width = max(map(len, LEARNERS))
    for name in LEARNERS:
        try:
            told = _facts(LEARNERS[name], LEARNERS.package(name))
        except UsageError as error:
            told = f"cannot be used: {error}"
        yield f"{name:<{width}}  {told}"


def list_options(name: str) -> Iterator[str]:
    """The learner `name`, and one line for each of its options; raises UsageError where there is no such learner."""
    learner = LEARNERS[name]
    yield f"{name}: {_facts(learner, LEARNERS.package(name))}"
    yield (learner.Config.__doc__ or "").strip().splitlines()[0] if learner.Config.__doc__ else ""
    for option, field in learner.Config.model_fields.items():
        tuned = [note for note in field.metadata if isinstance(note, Tune)]
        told = [] if field.default is None else [f"default: {field.default}"]
        told += map(_searched, tuned)
        flag = f"--{name.replace('_', '-')}.{option.replace('_', '-')}"
        notes = f" ({', '.join(told)})" if told else ""
        yield f"  {flag}: {field.description}{notes}"


def _searched(tune: Tune) -> str:
    where = "" if tune.when is None else f" where {tune.when[0]} is {tune.when[1]}"
    return f"searched from {tune.low:g} to {tune.high:g}{' (log)' if tune.log else ''}{where}"


def _presence(learner: Learner) -> str:
    """Whether its library is installed, and what installs it."""
    try:
        learner.require_library()
    except UsageError:
        return f"needs '.[{learner.traits.extra}]'"
    return "installed"


def _read(traits: Traits) -> str:
    """What it is trained on."""
    if traits.inputs == "rows":
        return "reads rows"
    windows = ", or a window of the column 'sequence' around each row of a table" if traits.windows else ""
    return f"reads whole genes (of a built folder){windows}"


def _facts(learner: Learner, package: str | None) -> str:
    traits = learner.traits
    parts = [
        learner.title,
        _read(traits),
        "one class against the rest" if traits.targets == "each" else "all classes at once",
        "weights" if traits.weights else "weights of windows" if traits.windows else "no weights",
        *(["early stopping"] if traits.stopping else []),
        *(["table on disk"] if traits.on_disk else []),
        *(["streamed"] if traits.streamed else []),
        *(["GPU"] if "cuda" in traits.devices else []),
        _presence(learner),
        *([f"from {package}"] if package else []),
    ]
    return ", ".join(parts)
