"""What ``meta-models learners`` prints: each learner with its traits, or the options of one."""

from __future__ import annotations

from collections.abc import Iterator

from meta_models.errors import UsageError
from meta_models.learners.registry import LEARNERS
from meta_models.learners.seam import Learner, Resources, Shape, Traits, Tune

#: Sizes for which the memory of learners is told: of a table, and of genes.
_ROWS = Shape(rows=1_000_000, features=100, sites=100_000)
_GENES = Shape(rows=1_000_000, features=6, sites=20_000, positions=10_000_000, genes=1_000, inner=6_000_000)


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
    yield _memory(learner)
    for option, field in learner.Config.model_fields.items():
        tuned = [note for note in field.metadata if isinstance(note, Tune)]
        told = [] if field.default is None else [f"default: {field.default}"]
        told += map(_searched, tuned)
        flag = f"--{name.replace('_', '-')}.{option.replace('_', '-')}"
        notes = f" ({', '.join(told)})" if told else ""
        yield f"  {flag}: {field.description}{notes}"


def _memory(learner: Learner) -> str:
    """What a fit takes of a table of a common size, so that learners can be compared before there is a table."""
    if learner.traits.inputs == "genes":
        shape, size = _GENES, f"{_GENES.genes:,} genes of {_GENES.positions:,} positions"
    else:
        shape, size = _ROWS, f"{_ROWS.rows:,} rows of {_ROWS.features} features"
    footprint = learner.footprint(shape, learner.Config(), Resources())
    peak = max(footprint.building, footprint.held + footprint.job)
    return (
        f"Memory: {peak / 1e9:.2f} GB beside the process for a fit to {size}, with one thread and the options below "
        "(--dry-run says it of a table)"
    )


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
