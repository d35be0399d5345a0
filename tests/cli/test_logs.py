"""What of the log a command shows."""

from __future__ import annotations

import importlib
import io
import logging

import pytest

from meta_models.cli.logs import MILESTONES, set_up_logging


@pytest.mark.parametrize("name", sorted(MILESTONES))
def test_each_milestone_comes_from_a_module_that_logs(name):
    assert importlib.import_module(name).logger.name == name


@pytest.mark.parametrize(
    ("name", "level", "everything", "units", "shown"),
    [
        ("meta_models.pipeline.run", logging.INFO, False, False, True),
        ("meta_models.training.fitting.folds", logging.INFO, False, False, False),
        ("meta_models.training.fitting.folds", logging.INFO, True, False, True),
        ("meta_models.training.fitting.folds", logging.WARNING, False, False, True),
        ("meta_models.run_folder.units", logging.INFO, False, False, False),
        ("meta_models.run_folder.units", logging.INFO, False, True, True),
        ("meta_models.run_folder.units", logging.DEBUG, True, True, False),
    ],
)
def test_milestones_and_warnings_are_shown(name, level, everything, units, shown):
    root, stream = logging.getLogger("meta_models"), io.StringIO()
    handlers, threshold, propagate = root.handlers[:], root.level, root.propagate
    try:
        set_up_logging(stream, everything=everything, units=units)
        logging.getLogger(name).log(level, "said")
    finally:
        root.handlers[:], root.propagate = handlers, propagate
        root.setLevel(threshold)
    assert ("said" in stream.getvalue()) is shown
