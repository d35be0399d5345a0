"""What of the log a command shows."""

from __future__ import annotations

import logging
from typing import TextIO

from meta_models import console

#: Loggers whose information is shown without --verbose.
MILESTONES = frozenset(
    {
        "meta_models.build.command",
        "meta_models.cluster.connection",
        "meta_models.cluster.farm",
        "meta_models.cluster.worker_watch",
        "meta_models.build.tracks.opening",
        "meta_models.build.annotated",
        "meta_models.pipeline.opening",
        "meta_models.pipeline.run",
        "meta_models.progress",
        "meta_models.training.distributed.run",
        "meta_models.pipeline.training_phase",
        "meta_models.pipeline.reporting",
        "meta_models.search.command",
        "meta_models.search.study",
        "meta_models.experiments.launch",
        "meta_models.experiments.tracking.command",
        "meta_models.experiments.tracking.mlflow_exporter",
        "meta_models.inference.prediction",
        "meta_models.inference.suggestion.command",
        "meta_models.inference.ensemble_model_loader",
    }
)


class _Shown(logging.Filter):
    """Milestones and warnings; everything where it is asked for."""

    def __init__(self, *, everything: bool, units: bool) -> None:
        super().__init__()
        self._all, self._units = everything, units

    def filter(self, record: logging.LogRecord) -> bool:
        if self._all or record.levelno >= logging.WARNING or record.name in MILESTONES:
            return True
        return self._units and record.name == "meta_models.run_folder.units"


def set_up_logging(stream: TextIO | None, *, everything: bool, units: bool) -> None:
    """Have the package's log go to `stream`: milestones and warnings, or everything; of `units` why each is reused."""
    root = logging.getLogger("meta_models")
    handler = console.LogHandler(stream)
    handler.setFormatter(logging.Formatter("%(message)s"))
    handler.addFilter(_Shown(everything=everything, units=units))
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    root.propagate = False
