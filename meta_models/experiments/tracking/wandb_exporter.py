"""Runs in Weights & Biases, offline: files that ``wandb sync`` sends later. No model is sent as an object."""

from __future__ import annotations

import errno
import json
import logging
import os
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from meta_models.errors import UsageError, WriteError
from meta_models.local_paths import real
from meta_models.run_folder import atomic_write, json_bytes

if TYPE_CHECKING:
    from meta_models.experiments.tracking.tracked import TrackedRun

#: Which runs are in the folder: their content by their key.
KNOWN = "wandb_runs.json"
#: What W&B makes in a folder that it is given.
FOLDER = "wandb"


class WandbExporter:
    """Writes runs below one folder, without a network and without the run's own process being watched.

    Parameters
    ----------
    address : str
        Folder that ``wandb/`` is made in; empty: `root`.
    experiment : str
        W&B's project.
    root : Path
        Folder above the run's.

    Raises
    ------
    UsageError
        If W&B is not installed.
    """

    def __init__(self, address: str, experiment: str, root: Path) -> None:
        self._folder, self._project = Path(address) if address else root, experiment
        own = real(self._folder / FOLDER)  # and not in the home
        places = {f"WANDB_{name}_DIR": str(own / name.lower()) for name in ("CACHE", "CONFIG", "DATA", "ARTIFACT")}
        os.environ |= {**places, "WANDB_MODE": "offline", "WANDB_SILENT": "true", "DO_NOT_TRACK": "true"}
        self._library, self._failures = _library()

    def export(self, run: TrackedRun) -> str:
        """Record `run`; see :class:`meta_models.experiments.tracking.tracked.Exporter`.

        A run that was analysed since is recorded again under the same id, which replaces it where it is synchronised.
        """
        known = self._known()
        if known.get(run.key) == run.content:
            return f"{run.name} is in {self._folder / FOLDER} already"
        try:
            self._require_writable()
            self._record(run)
            atomic_write(self._folder / KNOWN, json_bytes({**known, run.key: run.content}))
        except self._failures as error:
            raise WriteError(
                f"The folder {self._folder} must be one that W&B can write to",
                f"Found: {str(error).strip().partition(chr(10))[0] or type(error).__name__}",
                f"The run itself is complete; repair that, then run meta-models track {run.path} --to wandb:FOLDER",
            ) from error
        return f"Recorded {run.name} in {self._folder / FOLDER}, project {self._project}; send it with wandb sync"

    def _known(self) -> dict[str, str]:
        try:
            found = json.loads((self._folder / KNOWN).read_bytes())
        except (OSError, ValueError):
            return {}
        return {str(key): str(value) for key, value in found.items()} if isinstance(found, dict) else {}

    def _require_writable(self) -> None:
        """Where it cannot write, W&B writes to a temporary folder and says nothing that counts as an error."""
        own = self._folder / FOLDER
        own.mkdir(parents=True, exist_ok=True)
        if not os.access(own, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(own))

    def _record(self, run: TrackedRun) -> None:
        with self._library.init(
            dir=str(self._folder), project=self._project, id=run.key, name=run.name, mode="offline", reinit=True,
            config={**run.params, "dataset_digest": run.dataset_digest}, notes=_notes(run), save_code=False,
            settings=self._library.Settings(
                disable_git=True, disable_code=True, console="off", x_disable_stats=True, x_disable_meta=True
            ),
        ) as recorded:  # fmt: skip
            for name, value in run.metrics.items():
                recorded.summary[name] = value
            files = self._library.Artifact(f"run-{run.key}", type="report")
            for name in run.artifacts:
                files.add_file(str(run.path / name), name=name)
            recorded.log_artifact(files)


def _notes(run: TrackedRun) -> str:
    """Tags, which W&B knows as plain words only: names and values go into the notes."""
    return "\n".join(f"{name}: {value}" for name, value in sorted(run.tags.items()))


def _library() -> tuple[Any, tuple[type[Exception], ...]]:
    """W&B, and what it fails with."""
    try:
        library = import_module("wandb")
    except ImportError as error:
        raise UsageError(
            "The tracker wandb needs Weights & Biases", f"Not installed: {error.name}", "Run pip install '.[wandb]'"
        ) from None
    logging.getLogger("wandb").setLevel(logging.CRITICAL)
    return library, (OSError, library.errors.Error)
