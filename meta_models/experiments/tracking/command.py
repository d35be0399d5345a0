"""``meta-models track`` and ``train --track``: finished runs in trackers of experiments; training knows of none."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from meta_models.errors import ExitCode, MetaModelsError, TargetMissed, UsageError
from meta_models.experiments.options import TrackConfig
from meta_models.experiments.tracking.mlflow_exporter import MlflowExporter
from meta_models.experiments.tracking.tracked import Exporter, tracked
from meta_models.experiments.tracking.wandb_exporter import WandbExporter
from meta_models.finished_run import read_run

logger = logging.getLogger(__name__)
_EXPERIMENT = str(TrackConfig.model_fields["experiment"].default)

#: Trackers by name: made of an address ("" for the default), the experiment and the folder above the run's.
TRACKERS: dict[str, Callable[[str, str, Path], Exporter]] = {"mlflow": MlflowExporter, "wandb": WandbExporter}


def track_run(given: Sequence[str], options: TrackConfig) -> ExitCode:
    """Record the run in the folder ``given[0]``, which stays as it is; a run that is known is not recorded again.

    Raises
    ------
    UsageError
        If the folder holds no finished run, or there is no such tracker, or its library is not installed.
    InputError
        If a file of the run is not as it was written.
    WriteError
        If the tracker cannot be written to.
    """
    run = read_run(Path(given[0]))
    exporter = make_exporter(options.to, options.experiment, run.path.resolve().parent)
    logger.info("%s", exporter.export(tracked(run)))
    return ExitCode.DONE


def make_exporter(to: str, experiment: str, root: Path, option: str = "--to") -> Exporter:
    """The exporter that ``NAME`` or ``NAME:ADDRESS`` stands for, which `option` was given.

    Raises
    ------
    UsageError
        If there is none of that name.
    """
    name, _, address = to.partition(":")
    if name not in TRACKERS:
        raise UsageError(f"{option} must name a tracker", f"Found {name!r}", f"Take one of {', '.join(TRACKERS)}")
    return TRACKERS[name](address, experiment, root)


@contextmanager
def tracked_afterwards(to: str, path: Path) -> Iterator[None]:
    """Within the block a run is made in the folder `path`; it is recorded once it is complete.

    A tracker that fails costs a warning, and never the run.

    Raises
    ------
    UsageError
        Before the block, if there is no such tracker, or its library is not installed.
    """
    exporter = make_exporter(to, _EXPERIMENT, path.resolve().parent, "--track")
    try:
        yield
    except TargetMissed:  # the run is complete all the same
        _record(exporter, path)
        raise
    _record(exporter, path)


def _record(exporter: Exporter, path: Path) -> None:
    try:
        logger.info("%s", exporter.export(tracked(read_run(path))))
    except MetaModelsError as error:
        logger.warning("The run is complete, but it was not recorded: %s", error)
