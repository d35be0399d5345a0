"""What runs took."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from meta_models.finished_run import FinishedRun
from meta_models.run_folder import RunManifest


@dataclass(frozen=True)
class Taken:
    """What the work of a run took; made by :func:`taken`.

    Attributes
    ----------
    wall_seconds, training_seconds : float
        Of all phases of the run, analyses included, and of its training alone.
    training_seconds_per_100k_rows : float
        Of training, folds included, for each 100,000 rows of the table.
    peak_bytes : int or None
        None where it was not measured.
    """

    wall_seconds: float
    training_seconds: float
    training_seconds_per_100k_rows: float
    peak_bytes: int | None


@dataclass(frozen=True)
class RunCost:
    """What a run took, and the size of its model; made by :func:`run_cost`.

    Attributes
    ----------
    device : str
        That was used; of runs of earlier versions, what was asked for.
    threads : int or None
        Likewise.
    reason : str or None
        Why there are no seconds and no peak.
    """

    run: str
    wall_seconds: float | None
    training_seconds: float | None
    training_seconds_per_100k_rows: float | None
    peak_bytes: int | None
    model_bytes: int
    device: str
    threads: int | None
    reason: str | None = None


def taken(manifest: RunManifest, rows: int) -> Taken:
    """The figures of a run of a table of so many rows that did all of its work itself."""
    training = manifest.phases.get("training", 0.0)
    return Taken(sum(manifest.phases.values()), training, training * 100_000 / rows, manifest.memory.measured)


def reused_units(manifest: RunManifest) -> Sequence[str]:
    """Names of the units that the run took over from one that was stopped."""
    return [name for name, unit in manifest.units.items() if unit.reused]


def run_cost(run: FinishedRun) -> RunCost:
    """What `run` took, where it did all of its work itself."""
    manifest, config = run.manifest, run.config
    model_bytes = manifest.artifacts[run.stored.model_file].bytes or 0
    used = manifest.environment
    device, threads = (config.get("device", ""), config.get("threads")) if used is None else (used.device, used.threads)
    where = (model_bytes, str(device), threads)
    if reused := reused_units(manifest):
        reason = f"the run reused {len(reused)} of {len(manifest.units)} units of runs that were stopped"
        return RunCost(run.name, None, None, None, None, *where, reason)
    found = taken(manifest, run.oof.height)
    seconds = (found.wall_seconds, found.training_seconds, found.training_seconds_per_100k_rows)
    return RunCost(run.name, *seconds, found.peak_bytes, *where)
