"""Units that are written down instead of being done, for whoever does them later: ``.plan`` in a run folder.

``plan.json`` lists them; beside it lie the work files, and tables that had to be converted. The folder goes when the
run that collects the units is finished.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from meta_models.errors import UsageError
from meta_models.run_folder.atomic import atomic_write, write_error
from meta_models.run_folder.manifest import library_versions
from meta_models.run_folder.work_files import PickledFile
from meta_models.run_folder.writers import json_bytes
from meta_models.workers import Ended, Executor, Farm, Portable

_FOLDER, _NAME = ".plan", "plan.json"
_SHOWN = 4
#: Every N-th unit from the i-th on.
_NUMBERED = re.compile(r"[0-9]{1,9}/[0-9]{1,9}")
Result = TypeVar("Result")
_PLAN_FIRST = "Plan the run first: meta-models train ... --plan-only"


class Recorded(Exception):
    """Units were written down: what would come of them is not there yet."""


def unless_recorded(work: Callable[[], Result]) -> Result | None:
    """What comes of `work`; None where its units were written down instead."""
    try:
        return work()
    except Recorded:
        return None


@dataclass(frozen=True)
class PlannedWork:
    """One unit: the file that its work is in, and what it is called there."""

    file: PickledFile
    part: str


class _Listed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str
    sha256: str
    part: str


class _Content(BaseModel):
    """What stands in ``plan.json``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = 1
    folder: str
    versions: dict[str, str]
    units: dict[str, _Listed]


@dataclass(frozen=True)
class UnitPlan:
    """The planned units of a run.

    Attributes
    ----------
    path : Path
        Folder of the plan.
    folder : Path
        Working folder of the command that planned: relative paths begin there.
    versions : dict of str to str
        Libraries that it had.
    units : dict of str to PlannedWork
        By name.
    """

    path: Path
    folder: Path = field(default_factory=Path.cwd)
    versions: dict[str, str] = field(default_factory=library_versions)
    units: dict[str, PlannedWork] = field(default_factory=dict)

    @staticmethod
    def folder_of(run: Path) -> Path:
        """The folder of the plan of `run`, absolute: units are done by processes with another working folder."""
        return run.absolute() / _FOLDER

    @classmethod
    @contextmanager
    def being_made(cls, run: Path) -> Iterator[Path]:
        """An empty folder for the plan of `run`, and for what its units read; it goes if the block ends in an error.

        Raises
        ------
        WriteError
            If it cannot be made.
        """
        path = cls.folder_of(run)
        cls.remove(run)
        try:
            path.mkdir(parents=True)
        except OSError as error:
            raise write_error(error, path) from error
        try:
            yield path
        except BaseException:
            cls.remove(run)
            raise

    @classmethod
    def read(cls, run: Path) -> Self:
        """The plan in the run folder `run`, whose units can be done.

        Raises
        ------
        UsageError
            If there is none, or none that can be read.
        """
        path = UnitPlan.folder_of(run)
        try:
            content = _Content.model_validate(json.loads((path / _NAME).read_bytes()))
        except FileNotFoundError:
            raise UsageError(f"{run} must be the folder of a planned run", "Found no plan in it", _PLAN_FIRST) from None
        except (OSError, ValueError) as error:
            kind = "another content" if isinstance(error, ValidationError) else str(error)
            raise UsageError(f"{path / _NAME} must be readable", f"Found {kind}", _PLAN_FIRST) from error
        units = {
            name: PlannedWork(PickledFile(path / Path(unit.file).name, unit.sha256), unit.part)
            for name, unit in content.units.items()
        }
        return cls(path, Path(content.folder), content.versions, units)

    @staticmethod
    def remove(run: Path) -> None:
        """Remove the plan in the run folder `run`, if there is one."""
        path = UnitPlan.folder_of(run)
        try:
            shutil.rmtree(path)
        except FileNotFoundError:
            return
        except OSError as error:
            raise write_error(error, path) from error

    def add(self, prefix: str, name: str, work: Callable[[Any], Any], argument: Portable) -> None:
        """Write down the units of `argument`, and the names of all so far."""
        file = PickledFile.write(self.path / f"{prefix}{name}.pkl", (work, argument))
        self.units.update({f"{prefix}{part}": PlannedWork(file, part) for part in argument.parts})
        self._write()

    def _write(self) -> None:
        units = {
            name: _Listed(file=unit.file.path.name, sha256=unit.file.sha256, part=unit.part)
            for name, unit in self.units.items()
        }
        content = _Content(folder=str(self.folder), versions=self.versions, units=units)
        atomic_write(self.path / _NAME, json_bytes(content.model_dump(mode="json")))

    def chosen(self, which: str) -> tuple[str, ...]:
        """Names of the units that `which` stands for: a name, or ``i/N``, every N-th from the i-th (from 1) on.

        Raises
        ------
        UsageError
            If there is no such unit. ``i/N`` may be empty: there may be more places than units.
        """
        first, slash, step = which.partition("/")
        if slash and _NUMBERED.fullmatch(which) and 1 <= int(first) <= int(step):
            return tuple(self.units)[int(first) - 1 :: int(step)]
        if which in self.units:
            return (which,)
        rest = len(self.units) - _SHOWN
        shown = ", ".join(list(self.units)[:_SHOWN]) + (f" and {rest} more" if rest > 0 else "")
        raise UsageError(
            f"{which} must be the name of a planned unit, or i/N with i from 1 to N",
            f"Planned are {shown}",
            "See meta-models unit RUN",
        )

    def by_file(self, names: Sequence[str]) -> dict[PickledFile, tuple[str, ...]]:
        """What the units `names` are called in the files that their work is in."""
        found: dict[PickledFile, tuple[str, ...]] = {}
        for unit in (self.units[name] for name in names):
            found[unit.file] = (*found.get(unit.file, ()), unit.part)
        return found


@dataclass(frozen=True)
class Recording(Farm):
    """A farm that writes units into a plan.

    Attributes
    ----------
    prefix : str
        What the names of its units begin with.
    """

    plan: UnitPlan
    prefix: str = ""
    slots: int = sys.maxsize

    def named(self, prefix: str) -> Recording:
        """The same with another `prefix`."""
        return replace(self, prefix=prefix)

    def shares(self, jobs: int) -> int:  # noqa: ARG002
        """All in one file, from which any of them can be done."""
        return 1

    def executor(self, work: Callable[[Any], Any], *, threads: int, together: bool = False) -> Executor[Any, Any]:
        """What writes down the units of `work`."""
        del threads, together
        return _Recorder(self.plan, self.prefix, work)


class _Recorder(Executor[Portable, Any]):
    def __init__(self, plan: UnitPlan, prefix: str, work: Callable[[Any], Any]) -> None:
        self._plan, self._prefix, self._work = plan, prefix, work
        self._count = 0

    def start(self, name: object, argument: Portable) -> None:
        self._plan.add(self._prefix, str(name), self._work, argument)
        self._count += 1

    def ended(self, *, timeout: float | None = None) -> Sequence[Ended[Portable, Any]]:
        del timeout
        raise Recorded(f"{self._count} files of work")

    def close(self) -> None:
        self._count = 0

    def __len__(self) -> int:
        return self._count
