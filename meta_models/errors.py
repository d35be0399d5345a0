"""The errors of the package and the exit codes they end the command with.

::

    MetaModelsError
    ├── UsageError            2   options that contradict one another, bad configuration
    ├── InputError            3   a table that is not as the contract says
    │   └── UnsafeModelFile   3   a model file that is refused
    ├── UnitsFailed           4   some units or analyses failed; what was finished is kept
    ├── TargetMissed          5   a limit the user set was missed
    ├── MemoryBudgetError    71   the work does not fit into the memory budget
    ├── WriteError           73   an output cannot be written
    └── TimeUp              130   the time that the user gave is over; what was finished is kept

Interrupts end with 130 (SIGINT) or 143 (SIGTERM).
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of every command of the package."""

    DONE = 0
    USAGE = 2
    INPUT = 3
    UNITS_FAILED = 4
    TARGET_MISSED = 5
    MEMORY = 71
    CANNOT_WRITE = 73
    SIGINT = 130
    SIGTERM = 143


class MetaModelsError(Exception):
    """Base of all errors that a user can cause and correct.

    Parameters
    ----------
    expected, found, action : str
        What was expected, what was found (file, column, gene, count) and what to do about it. They make up the
        message, one sentence each.
    """

    exit_code: ExitCode = ExitCode.USAGE

    def __init__(self, expected: str, found: str = "", action: str = "") -> None:
        self.expected, self.found, self.action = expected, found, action
        super().__init__(expected, found, action)

    def __str__(self) -> str:
        parts = (part.rstrip(".") for part in (self.expected, self.found, self.action) if part)
        return " ".join(part if part.endswith("?") else f"{part}." for part in parts)


class UsageError(MetaModelsError):
    """Options or a configuration that cannot be used."""


class InputError(MetaModelsError):
    """A table, or a file that should hold one, that is not as the contract says."""

    exit_code = ExitCode.INPUT


class UnsafeModelFile(InputError):
    """A model file that was not written by this package, or was damaged or altered since."""


class UnitsFailed(MetaModelsError):
    """Some units or analyses failed; everything else was finished and kept."""

    exit_code = ExitCode.UNITS_FAILED


class TargetMissed(MetaModelsError):
    """A limit that the user set was missed."""

    exit_code = ExitCode.TARGET_MISSED


class MemoryBudgetError(MetaModelsError):
    """The work does not fit into the memory budget."""

    exit_code = ExitCode.MEMORY


class WriteError(MetaModelsError):
    """An output cannot be written."""

    exit_code = ExitCode.CANNOT_WRITE


class TimeUp(MetaModelsError):
    """The time that the user gave a run is over: it ends in order, and goes on with ``--resume``."""

    exit_code = ExitCode.SIGINT
