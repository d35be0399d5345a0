"""``meta-models reproduce``: train a finished run again, and say which of its files come out the same."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Mapping, Set
from pathlib import Path

import polars as pl

from meta_models.config import TrainingConfig
from meta_models.dataset.opening import named_tables, open_training_table
from meta_models.dataset.outputs import Output, require_apart
from meta_models.errors import ExitCode, InputError, TargetMissed
from meta_models.experiments.options import ReproduceConfig
from meta_models.finished_run import FinishedRun, read_run
from meta_models.local_paths import is_folder
from meta_models.pipeline.reporting import CARD, PAGE, SUMMARY
from meta_models.pipeline.run import run_training
from meta_models.places import describe_input, require_inputs, table_path
from meta_models.run_folder import (
    LOCK,
    ArtifactRecord,
    EnvironmentRecord,
    RunFolder,
    describe_environment,
    require_free,
)

logger = logging.getLogger(__name__)
OUTCOME = "reproduction.tsv"
EQUAL, DIFFERENT, MISSING, ADDED, VARIES = "equal", "different", "missing", "added", "different as expected"
#: Files that hold dates, durations, or what was imported: a tracker's library, say.
VARYING = frozenset({SUMMARY, PAGE, LOCK})
#: Differing files that are named in the message.
_SHOWN = 5
_COLUMNS = {"file": pl.String, "status": pl.String, "sha256": pl.String, "sha256_again": pl.String}


def reproduce_run(given: list[str], options: ReproduceConfig) -> ExitCode:
    """Train the run in the folder ``given[0]`` again in ``options.out_dir`` and compare every file.

    Writes ``reproduction.tsv`` there.

    Raises
    ------
    UsageError
        If the folder holds no finished run of this version, or ``--out-dir`` is not empty, or lies in it.
    InputError
        If a table is not what the run was trained on, or a file of the run not what it wrote.
    TargetMissed
        If a file that should be the same is another one, or the run misses its targets again.
    """
    run = read_run(Path(given[0]))
    config = _config(run, options)
    require_apart([Output("--out-dir", options.out_dir, folder=True)], named_tables(config), {"RUN": run.path})
    if is_folder(options.out_dir):
        require_free(options.out_dir, "Choose another --out-dir")
    run.require_unaltered()
    _require_inputs(run, config)
    for line in differences_from(run.manifest.environment, options.threads):
        logger.warning("%s", line)
    missed = _train(config)
    again = read_run(options.out_dir)
    renamed = table_path(config.dataset).name != table_path(run.config["dataset"]).name
    frame = compare_artifacts(run.manifest.artifacts, again.manifest.artifacts, {CARD} if renamed else frozenset())
    with RunFolder.open(options.out_dir, extend=True) as folder:
        folder.write_text(OUTCOME, frame.write_csv(separator="\t"))
    _judge(frame)
    if missed is not None:
        raise missed
    return ExitCode.DONE


def compare_artifacts(
    first: Mapping[str, ArtifactRecord], again: Mapping[str, ArtifactRecord], varying: Set[str] = frozenset()
) -> pl.DataFrame:
    """One row per file of either run, sorted: ``file``, ``status``, ``sha256``, ``sha256_again``.

    Parameters
    ----------
    varying : set of str
        Files that differ as expected, beside those of `VARYING`: the card, where the table has another name.
    """
    rows = []
    for name in sorted({*first, *again} - {OUTCOME}):
        one, two = (records[name].sha256 if name in records else None for records in (first, again))
        rows.append((name, _status(name, one, two, VARYING | varying), one, two))
    return pl.DataFrame(rows, schema=_COLUMNS, orient="row")


def differences_from(record: EnvironmentRecord | None, threads: int | None) -> list[str]:
    """What of this process and machine is not as in `record`, for people."""
    if record is None:
        return ["The run has no record of what it was made with: files may differ for reasons that cannot be told."]
    here = describe_environment(threads=threads or record.threads, device=record.device)
    lines = [
        f"The run was made with another {name}: {getattr(record, name)}, here {getattr(here, name)}."
        for name in ("python", "system", "cpu", "package_commit")
        if getattr(record, name) != getattr(here, name)
    ]
    changed = [
        f"{name} {version} (here {here.packages.get(name, 'absent')})"
        for name, version in record.packages.items()
        if here.packages.get(name) != version
    ]
    return [*lines, f"The run was made with other packages: {', '.join(changed)}."] if changed else lines


def _train(config: TrainingConfig) -> TargetMissed | None:
    """Train; a run that misses a target is complete, and what it is to be told comes after the comparison."""
    try:
        run_training(config)
    except TargetMissed as error:
        return error
    return None


def _config(run: FinishedRun, options: ReproduceConfig) -> TrainingConfig:
    changes = {"out_dir": options.out_dir, "resume": False, "overwrite": False, "dry_run": False}
    changes |= {} if options.dataset is None else {"dataset": options.dataset}
    changes |= {} if options.threads is None else {"threads": options.threads}
    return TrainingConfig.from_mapping({**run.config, **changes})


def _require_inputs(run: FinishedRun, config: TrainingConfig) -> None:
    """See that the files are those of the run, before anything is trained."""
    with tempfile.TemporaryDirectory() as work_dir:
        dataset = open_training_table(config, Path(work_dir)).dataset
        require_inputs(dataset.origins, run.manifest.inputs, config.dataset)
    others = run.manifest.environment.other_inputs if run.manifest.environment is not None else {}
    for option, files in others.items():
        for path, sha256 in files.items():
            if option != "dataset" and describe_input(table_path(path)).sha256 != sha256:
                flag = f"--{option.replace('_', '-')}"
                raise InputError(f"{path} ({flag}) must be as the run read it", "Found other content", "Restore it")


def _status(name: str, one: str | None, two: str | None, varying: Set[str]) -> str:
    if one == two:
        return EQUAL
    if name in varying:
        return VARIES
    return ADDED if one is None else MISSING if two is None else DIFFERENT


def _judge(frame: pl.DataFrame) -> None:
    """Say how many files are equal.

    Raises
    ------
    TargetMissed
        If one is not that should be.
    """
    counts = dict(frame.group_by("status").len().sort("status").iter_rows())
    said = ", ".join(f"{count} {status}" for status, count in counts.items())
    other = frame.filter(pl.col("status").is_in([DIFFERENT, MISSING, ADDED]))["file"].to_list()
    if other:
        shown = ", ".join(other[:_SHOWN]) + (f" and {len(other) - _SHOWN} more" if len(other) > _SHOWN else "")
        raise TargetMissed("Every file must come out the same", f"{said}; not the same: {shown}", f"See {OUTCOME}")
    logger.info("Reproduced: %s (%s)", said, OUTCOME)
