"""The commands over finished runs."""

from __future__ import annotations

from meta_models.cli.kinds import OverRuns
from meta_models.console import AGAIN, RESUME
from meta_models.experiments.options import (
    CompareConfig,
    DistilConfig,
    EvidenceConfig,
    ExperimentConfig,
    GatesConfig,
    ReproduceConfig,
    TrackConfig,
)

#: In the order of the help.
OVER_RUNS = (
    OverRuns(
        "compare", "compare finished runs on the rows that they share", CompareConfig,
        "meta_models.experiments.comparison.compare:compare_runs", several=True,
    ),
    OverRuns(
        "distil", "fit one small model to the out-of-fold scores of a finished run", DistilConfig,
        "meta_models.experiments.distil:distil_run", fits=True, milestones=True, goes_on=RESUME,
    ),
    OverRuns(
        "experiment", "run or resume the variants of a file, and compare them", ExperimentConfig,
        "meta_models.experiments.experiment:run_experiment", takes=("FILE", "YAML file of the experiment"),
        goes_on=AGAIN,
    ),
    OverRuns(
        "track", "record a finished run in a tracker of experiments", TrackConfig,
        "meta_models.experiments.tracking.command:track_run",
    ),
    OverRuns(
        "reproduce", "train a finished run again and say which files are equal", ReproduceConfig,
        "meta_models.experiments.reproduce:reproduce_run",
    ),
    OverRuns(
        "gates", "say which quality gates a finished run passes; exit code 5 where one fails", GatesConfig,
        "meta_models.experiments.evidence:check_gates",
    ),
    OverRuns(
        "evidence", "pack what shows that the figures of a finished run hold", EvidenceConfig,
        "meta_models.experiments.evidence:write_evidence",
    ),
)  # fmt: skip
