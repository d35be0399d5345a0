"""What runs in a worker of a Dask cluster: looking after the child process of a unit, and telling about the machine."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from meta_models.errors import MetaModelsError, UsageError
from meta_models.places import TablePath, place
from meta_models.resources import cpu_limit, memory_budget
from meta_models.run_folder import Order, PickledFile, atomic_write, do_order, library_versions, require_versions
from meta_models.run_folder.visibility import wait_for
from meta_models.workers import fresh

#: Seconds between two looks at whether the unit is still wanted.
POLL_SECONDS = 0.1


@dataclass(frozen=True)
class WorkerFacts:
    """What a worker found of itself; made by `facts`.

    Attributes
    ----------
    slots, threads : int
        Units that it does at a time, and CPUs that its process may use.
    cpus : tuple of int
        Which ones: workers with the same ones share them.
    memory : int
        Bytes that it may use, with all that runs under the same limit.
    memory_source : str
        Which limit that is.
    """

    host: str
    slots: int
    threads: int
    cpus: tuple[int, ...]
    memory: int
    memory_source: str
    versions: Mapping[str, str]


@dataclass(frozen=True)
class Errand:
    """A unit for a worker.

    Attributes
    ----------
    file : PickledFile
        Its work.
    answer : Path
        Where the worker puts what comes of it.
    folder : Path
        Working folder of the driver.
    threads, limit : int
        Threads, and bytes, of its process.
    versions : mapping of str to str
        Libraries of the driver.
    """

    name: str
    file: PickledFile
    parts: tuple[str, ...]
    answer: Path
    folder: Path
    threads: int
    limit: int
    versions: Mapping[str, str]


def facts(dask_worker: Any) -> WorkerFacts:
    """What this worker, handed in by Dask, is and has; what Dask sets in its environment is no limit of its threads."""
    environ = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    budget = memory_budget()
    return WorkerFacts(
        socket.gethostname(), dask_worker.state.nthreads,
        cpu_limit(environ=environ).count, tuple(sorted(os.sched_getaffinity(0))),
        budget.bytes, budget.source, library_versions(),
    )  # fmt: skip


def probe(folder: Path, word: str, number: int, home: Path, tables: Sequence[tuple[TablePath, int]]) -> str:
    """Why this worker does not share the driver's folders; empty where it does.

    Parameters
    ----------
    folder : Path
        A folder of the run, with a file ``probe`` that holds `word`; a file of this worker is put beside it.
    number : int
        Of the worker.
    home : Path
        Working folder of the driver.
    tables : sequence of (Path or ObjectPath, int)
        Files of the tables, and their sizes in bytes.
    """
    if wait_for(lambda: _word(folder / "probe") == word or None, folder) is None:
        return f"{folder} is not there, or another folder"
    if unseen := unlike(home, tables):
        return unseen
    try:
        atomic_write(folder / f"probe-{number}", word.encode())
    except MetaModelsError as error:
        return error.found
    return ""


def unlike(home: Path, tables: Sequence[tuple[TablePath, int]]) -> str:
    """What this worker does not see as the driver does, of its working folder and of tables; empty where all is alike.

    Parameters are those of `probe`.
    """
    if not home.is_dir():
        return f"{home} is not there, the working folder of the command"
    for path, size in tables:
        try:
            same = place(path).size() == size
        except MetaModelsError as error:
            return f"{path} cannot be read: {error.found}"
        if not same:
            return f"{path} is another file"
    return ""


def _word(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return None


def run_errand(errand: Errand) -> PickledFile | MetaModelsError | None:
    """Do a unit in a child process; the file with its answer, what it raised or died of, None where it was dropped.

    Errors are values here: Dask does what raises again, somewhere else.
    """
    worker = import_module("distributed").get_worker()
    key = worker.get_current_task()
    try:
        require_versions(errand.versions, library_versions(), worker.address)
    except UsageError as error:
        return error
    with fresh(do_order, threads=errand.threads, folder=errand.folder) as process:
        process.start(errand.name, Order(errand.file, errand.parts, errand.threads, errand.limit))
        while not (ended := process.ended(timeout=POLL_SECONDS)):
            if not _wanted(worker, key):
                return None
    (outcome,) = ended
    return _answered(errand.answer, outcome.value) if outcome.error is None else outcome.error


def _answered(path: Path, value: object) -> PickledFile | MetaModelsError:
    try:
        return PickledFile.write(path, value)
    except MetaModelsError as error:
        return error


def _wanted(worker: Any, key: str) -> bool:
    """Whether the driver still waits for the task: it did not cancel it, nor end.

    Dask never stops a task that runs; what it lets a worker know is the state of its task.
    """
    task = worker.state.tasks.get(key)
    return task is not None and task.state == "executing"
