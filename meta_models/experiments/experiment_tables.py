"""What the runs of an experiment ask of their tables, looked at before anything starts."""

from __future__ import annotations

import tempfile
from pathlib import Path

from meta_models.config import TrainingConfig
from meta_models.dataset.opening import open_rows
from meta_models.experiments.experiment_file import Experiment
from meta_models.training.several.contestants import feature_groups, require_groups


def require_features(experiment: Experiment) -> None:
    """See that each table has the groups of features that its runs name. No row of a Parquet table is read.

    Raises
    ------
    UsageError
        If one is not there, with those that are.
    InputError
        If a table is none.
    """
    asked: dict[tuple[object, ...], list[TrainingConfig]] = {}
    for variant in experiment.variants:
        config = TrainingConfig.from_mapping(dict(variant.options))
        if config.variants:
            asked.setdefault((config.dataset, config.base_score_columns), []).append(config)
    for configs in asked.values():
        with tempfile.TemporaryDirectory() as work_dir:
            known = feature_groups(open_rows(configs[0], Path(work_dir)))
        for config in configs:
            require_groups(config.variants, known, experiment.sets)
