"""What a run was made with: packages, machine, source. The record by which it can be made again."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import (
    PackageNotFoundError,
    distribution,
    distributions,
    packages_distributions,
    version,
)
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

LOCK = "requirements.lock"
_PACKAGE = "meta-models"
#: Extras that no run needs.
_BESIDE = re.compile(r"extra\s*==\s*['\"](dev|test|benchmark)['\"]")
_NAME = re.compile(r"[A-Za-z0-9._-]+")
#: Variables that change what numeric libraries do.
_VARIABLES = re.compile(r"(OMP|MKL|OPENBLAS|NUMEXPR|POLARS|CUDA|XGB|SLURM_CPUS)[A-Z_]*|PYTHONHASHSEED")
_GIT_SECONDS = 5


class EnvironmentRecord(BaseModel):
    """Made by :func:`describe_environment`.

    Attributes
    ----------
    packages : mapping of str to str
        Version of every installed package, by its normalised name.
    python, system, cpu : str
        Version and implementation, kernel and processor.
    logical_cpus : int or None
        Of the machine.
    threads : int
        That the run used at most.
    device : str
        That models were trained on.
    variables : mapping of str to str
        Environment variables that numeric libraries read.
    working_commit, package_commit : str or None
        Commit of the git repositories that the working directory and this package lie in; ``-dirty`` where files
        differ from it.
    other_inputs : mapping of str to mapping of str to str
        SHA-256 by file of what was read beside the files of the training table, by option.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    packages: Mapping[str, str]
    python: str
    system: str
    cpu: str
    logical_cpus: int | None
    threads: int
    device: str
    variables: Mapping[str, str] = Field(default_factory=dict)
    working_commit: str | None = None
    package_commit: str | None = None
    other_inputs: Mapping[str, Mapping[str, str]] = Field(default_factory=dict)


def describe_environment(
    *, threads: int, device: str, other_inputs: Mapping[str, Mapping[str, str]] | None = None
) -> EnvironmentRecord:
    """The record of this process, machine and source, now."""
    package = Path(__file__).resolve().parents[1]
    return EnvironmentRecord(
        packages=installed_packages(),
        python=f"{platform.python_implementation()} {platform.python_version()}",
        system=platform.platform(),
        cpu=_cpu(),
        logical_cpus=os.cpu_count(),
        threads=threads,
        device=device,
        variables={name: value for name, value in sorted(os.environ.items()) if _VARIABLES.fullmatch(name)},
        working_commit=git_commit(Path.cwd()),
        package_commit=git_commit(package) if _is_tracked(package / "__init__.py") else None,
        other_inputs=other_inputs or {},
    )


@cache
def installed_packages() -> Mapping[str, str]:
    """Versions of all installed packages by normalised name, sorted; of one that is there twice the first found."""
    found: dict[str, str] = {}
    for package in distributions():
        name = package.metadata["Name"]
        if name:
            found.setdefault(_normal(name), package.version)
    return dict(sorted(found.items()))


def requirements_lock(others: Iterable[str] = ()) -> str:
    """What the run needs to be made again: ``name==version``, sorted.

    That is all that this package cannot do without, and of its extras what is imported by now, each with what it needs.
    What else the process imported (a notebook, a test runner) is no part of the run.

    Parameters
    ----------
    others : iterable of str
        Packages beside, such as those of learners that do not come with this one.
    """
    modules = {name.partition(".")[0] for name in sys.modules}
    imported = {_normal(owner) for module in modules for owner in _owners().get(module, ())}
    required, optional = _requirements(_PACKAGE)
    names = {_PACKAGE, *_with_needs(required), *_with_needs(optional & imported), *_with_needs(map(_normal, others))}
    versions = {name: _version(name) for name in sorted(names)}
    lines = [f"# Python {platform.python_version()}", *(f"{n}=={v}" for n, v in versions.items() if v is not None)]
    return "\n".join(lines) + "\n"


def git_commit(folder: Path) -> str | None:
    """Commit of the repository that `folder` lies in, with ``-dirty`` where tracked files differ; None without one."""
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        return None
    changed = _git(folder, "status", "--porcelain", "--untracked-files=no")
    return f"{commit}-dirty" if changed else commit


def _is_tracked(file: Path) -> bool:
    return bool(_git(file.parent, "ls-files", file.name))


def _git(folder: Path, *arguments: str) -> str | None:
    """What git says; None where it is not there, knows no repository or does not answer."""
    command = ["git", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_GIT_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _cpu() -> str:
    """Name of the processor, as the kernel has it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


@cache
def _owners() -> Mapping[str, list[str]]:
    """Packages that bring a module, by its name."""
    return packages_distributions()


def _with_needs(names: Iterable[str]) -> set[str]:
    """The packages and all that they need, directly or not, as far as they are installed."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in found and _version(name) is not None:
            found.add(name)
            waiting += _requirements(name)[0]
    return found


@cache
def _requirements(name: str) -> tuple[frozenset[str], frozenset[str]]:
    """Normalised names that a package requires, and those of its extras; nothing where it is not installed."""
    try:
        lines = distribution(name).requires or ()
    except PackageNotFoundError:
        return frozenset(), frozenset()
    required: set[str] = set()
    optional: set[str] = set()
    for line in lines:
        marker, match = line.partition(";")[2], _NAME.match(line)
        if match is not None and not _BESIDE.search(marker):
            (optional if "extra" in marker else required).add(_normal(match.group()))
    return frozenset(required), frozenset(optional)


@cache
def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
