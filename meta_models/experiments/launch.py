"""A training run in a process of its own, which gets the signals that its parent gets."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from meta_models.config import Scope, TrainingConfig
from meta_models.dataset.opening import is_built_in
from meta_models.errors import ExitCode, MetaModelsError, UnitsFailed, UsageError
from meta_models.local_paths import is_folder
from meta_models.places import describe_input, table_path
from meta_models.run_folder import (
    RunFolder,
    RunManifest,
    RunState,
    atomic_write,
    json_bytes,
    library_versions,
    make_folder,
)

logger = logging.getLogger(__name__)
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def launch_run(name: str, options: Mapping[str, Any], out_dir: Path) -> RunManifest:
    """Train with `options` (a configuration as plain values) in `out_dir`; the manifest that the run left.

    The options are kept beside the folder, in ``<its name>.config.json``.

    Parameters
    ----------
    name : str
        What the run is called in messages.

    Raises
    ------
    UnitsFailed, UsageError
        If the run did not finish; its own message says why.
    """
    make_folder(out_dir.parent)
    file = _kept(options, out_dir)
    logger.info("Training %s in %s", name, out_dir)
    code = exit_code(["--config", str(file), "--out-dir", str(out_dir)])
    manifest = RunManifest.read(out_dir) if code in (ExitCode.DONE, ExitCode.TARGET_MISSED) else None
    if manifest is None:
        raise _failed(name, code)
    return manifest


def launched(name: str, options: Mapping[str, Any], out_dir: Path, *, overwrite: bool = False) -> RunManifest:
    """As :func:`launch_run`, going on with what an earlier command left there; a run that is finished is not repeated.

    It is finished where it is complete, had the same options and libraries, and its tables are as it read them. Tags
    change nothing that it wrote: those of a finished run are written into its manifest.

    Parameters
    ----------
    overwrite : bool
        Whether it is to be trained again in any case.
    """
    earlier = RunManifest.read(out_dir) if is_folder(out_dir) else None
    if earlier is None:
        return launch_run(name, options, out_dir)
    if not overwrite and _is_of(earlier, options):
        logger.info("%s is finished in %s", name, out_dir)
        return _tagged(earlier, options, out_dir)
    return launch_run(name, {**options, "overwrite": overwrite, "resume": not overwrite}, out_dir)


def _kept(options: Mapping[str, Any], out_dir: Path) -> Path:
    """The file beside the run folder `out_dir` that holds its options, written anew."""
    file = out_dir.parent / f"{out_dir.name}.config.json"
    atomic_write(file, json_bytes(dict(options)))
    return file


def _tagged(manifest: RunManifest, options: Mapping[str, Any], out_dir: Path) -> RunManifest:
    """The manifest of a finished run, with the tags of `options`."""
    tags = list(options.get("tags", ()))
    if tags == list(manifest.config.get("tags", ())):
        return manifest
    with RunFolder.open(out_dir, extend=True) as folder:
        folder.update(config={**manifest.config, "tags": tags})
    _kept(options, out_dir)
    logger.info("Its tags are new: %s", ", ".join(tags) or "none")
    return folder.manifest


def _is_of(manifest: RunManifest, options: Mapping[str, Any]) -> bool:
    """Whether the run is finished and would come out the same."""
    kept = set(TrainingConfig.model_fields) - set(TrainingConfig.of(Scope.START, Scope.RESOURCES)) - {"tags"}
    wanted = TrainingConfig.from_mapping(dict(options)).model_dump(mode="json", include=kept)
    same = {name: value for name, value in manifest.config.items() if name in kept} == wanted
    if manifest.state is not RunState.COMPLETE or not same or dict(manifest.versions) != library_versions():
        return False
    others = manifest.environment.other_inputs if manifest.environment is not None else {}
    read = [(table_path(record.path), record.sha256) for record in manifest.inputs]
    read += [(table_path(path), sha256) for files in others.values() for path, sha256 in files.items()]
    if is_built_in(manifest.config["dataset"]):
        return True
    return all(path.is_file() and describe_input(path).sha256 == sha256 for path, sha256 in read)


def exit_code(options: Sequence[str]) -> int:
    """That of ``train`` with `options`; signals that arrive meanwhile are handed on, and end this process after it.

    It has a session of its own, where those of a terminal or of a whole group do not reach it: a second one would end
    it at once. Where this process is killed, it is killed, too.
    """
    command = [sys.executable, "-m", "meta_models.experiments.child_run", str(os.getpid()), *options]
    started: list[subprocess.Popen[bytes]] = []
    told: list[int] = []

    def hand_on(number: int, _frame: FrameType | None) -> None:
        told.append(number)
        for process in started:
            process.send_signal(number)

    with _handled(hand_on), subprocess.Popen(command, start_new_session=True) as process:
        started.append(process)
        for number in told:
            process.send_signal(number)
        code = process.wait()
    if told:
        raise KeyboardInterrupt if told[0] == signal.SIGINT else SystemExit(128 + told[0])
    return code


@contextmanager
def _handled(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Within the block `handler` gets the signals that end a process, but for those that are ignored."""
    if threading.current_thread() is not threading.main_thread():  # where Python allows no handlers
        yield
        return
    heard = [number for number in _ENDING if signal.getsignal(number) is not signal.SIG_IGN]
    previous = {number: signal.signal(number, handler) for number in heard}
    try:
        yield
    finally:
        for number, earlier in previous.items():
            signal.signal(number, earlier)


def _failed(name: str, code: int) -> MetaModelsError:
    kind = UsageError if code == ExitCode.USAGE else UnitsFailed
    return kind(
        f"The run {name} must finish",
        f"It ended with exit code {code}",
        "See its message above, and give the command again with --resume",
    )
