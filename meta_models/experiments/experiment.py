"""``meta-models experiment``: run or resume every variant of a file, one folder each, and compare them."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from meta_models.config import TrainingConfig
from meta_models.dataset.opening import named_tables
from meta_models.dataset.outputs import Output, require_apart
from meta_models.errors import ExitCode, UnitsFailed, UsageError
from meta_models.experiments.comparison.compare import compared, comparison_files, lines_of
from meta_models.experiments.comparison.outcome import TableComparison
from meta_models.experiments.experiment_file import Experiment, Variant, read_experiment, shown
from meta_models.experiments.experiment_tables import require_features
from meta_models.experiments.launch import launched
from meta_models.experiments.options import CompareConfig, ExperimentConfig
from meta_models.finished_run import FinishedRun, read_run
from meta_models.local_paths import is_folder
from meta_models.pipeline.opening import require_outputs_apart
from meta_models.resources.blas import one_blas_thread
from meta_models.run_folder import MANIFEST_NAME, RunFolder, RunManifest, RunState, install_signal_handlers
from meta_models.wording import counted

logger = logging.getLogger(__name__)
VARIANTS, RECORD, COMPARISON = "experiment.tsv", "experiment.json", "comparison"
_KIND = "experiment"


def run_experiment(given: Sequence[str], options: ExperimentConfig) -> ExitCode:
    """Run what stands in the file ``given[0]``. A variant that is finished is not run again.

    Raises
    ------
    UsageError
        Before anything is started, if the file is wrong, or the folder is in use or of something else.
    UnitsFailed
        If a variant failed; the others were run and compared.
    """
    experiment = read_experiment(Path(given[0]), options.max_variants)
    for line in _plan(experiment):
        logger.info("%s", line)
    require_features(experiment)
    _require_control(experiment, options.control)
    _require_apart(experiment, Path(given[0]), options.out_dir)
    earlier = _earlier(options.out_dir)
    going_on = earlier and not options.overwrite
    if going_on:
        _require_same(experiment, options.out_dir)
    if options.dry_run:
        return ExitCode.DONE
    with (
        install_signal_handlers(),
        one_blas_thread(),
        RunFolder.open(options.out_dir, overwrite=options.overwrite, resume=going_on) as folder,
    ):
        folder.update(config={_KIND: _plain(experiment)})
        folder.clear_earlier()
        failed = _run_all(experiment, folder.path, overwrite=options.overwrite)
        runs = [read_run(folder.path / v.name, v.name) for v in experiment.variants if v.name not in failed]
        figures = _compare(experiment, runs, options, folder)
        folder.write_text(VARIANTS, _table(experiment, failed, figures).write_csv(separator="\t"))
        folder.write_json(RECORD, {**_plain(experiment), "failed": failed})
    if failed:
        said = "; ".join(f"{name} ({reason})" for name, reason in failed.items())
        raise UnitsFailed(
            "Every variant must finish",
            f"Failed: {said}",
            "See their messages above; the same command tries them again, the others stand",
        )
    return ExitCode.DONE


def _require_apart(experiment: Experiment, file: Path, out_dir: Path) -> None:
    """Before the folder is made: neither it nor what is made in it is read by a variant."""
    for variant in experiment.variants:
        config = TrainingConfig.from_mapping({**variant.options, "out_dir": out_dir / variant.name})
        require_outputs_apart(config)
        require_apart([Output("--out-dir", out_dir, folder=True)], named_tables(config), {"The experiment": file})


def _plan(experiment: Experiment) -> list[str]:
    count = len(experiment.variants)
    merged = f" ({counted(experiment.merged, 'more combination')} the same as these)" if experiment.merged else ""
    lines = [f"Experiment {experiment.name}: {count} run{'s' if count != 1 else ''}{merged}"]
    return [*lines, *(f"  {v.name}: {', '.join(shown(v.values)) or 'nothing differs'}" for v in experiment.variants)]


def _earlier(path: Path) -> bool:
    """Whether an experiment was begun in `path`; refuses the folder of anything else."""
    manifest = RunManifest.read(path) if is_folder(path) else None
    if manifest is not None and _KIND not in manifest.config and manifest.config:
        raise UsageError(
            "--out-dir must be the folder of an experiment", f"Found {MANIFEST_NAME} of a run in {path}",
            "Choose another --out-dir",
        )  # fmt: skip
    return manifest is not None


def _require_control(experiment: Experiment, control: str | None) -> None:
    names = [variant.name.rpartition("/")[2] for variant in experiment.variants]
    if control is not None and control not in {*names, *(variant.name for variant in experiment.variants)}:
        raise UsageError("--control must name one of the runs", f"Found {control!r}, not among {', '.join(names)}")


def _require_same(experiment: Experiment, folder: Path) -> None:
    """Refuse to replace finished runs that had other options."""
    for variant in experiment.variants:
        path = folder / variant.name
        earlier = RunManifest.read(path) if path.is_dir() else None
        if earlier is None or earlier.state is not RunState.COMPLETE:
            continue
        if differences := TrainingConfig.from_mapping(dict(variant.options)).differences(earlier.config):
            raise UsageError(
                f"The finished run in {path} must have the options of the file",
                f"Found {', '.join(differences)}",
                "Give another --out-dir, or --overwrite to run all of them again",
            )


def _run_all(experiment: Experiment, folder: Path, *, overwrite: bool) -> dict[str, str]:
    """Run every variant; why some failed, by their name."""
    failed: dict[str, str] = {}
    for number, variant in enumerate(experiment.variants, 1):
        logger.info("Variant %d of %d: %s", number, len(experiment.variants), variant.name)
        try:
            launched(variant.name, variant.options, folder / variant.name, overwrite=overwrite)
        except (UnitsFailed, UsageError) as error:
            failed[variant.name] = error.found
            logger.warning("The variant %s failed, see its message above; the others go on without it", variant.name)
    return failed


def _compare(
    experiment: Experiment, runs: Sequence[FinishedRun], options: ExperimentConfig, folder: RunFolder
) -> dict[str, float | None]:
    """Compare those that finished; the mean average precision of each, by its name."""
    if len(runs) < 2 or (experiment.several_tables and len({run.name.rpartition("/")[2] for run in runs}) < 2):
        logger.info("Nothing to compare: %s finished", counted(len(runs), "run"))
        return {}
    how = CompareConfig(
        out=folder.path / COMPARISON, across_tables=experiment.several_tables, control=options.control,
        bootstrap_samples=options.bootstrap_samples, seed=options.seed,
    )  # fmt: skip
    tables, across = compared(runs, how)
    for name, data in comparison_files(tables, across, how).items():
        folder.write_bytes(f"{COMPARISON}/{name}", data)
    for line in lines_of(tables):
        logger.info("%s", line)
    logger.info("Comparison: %s", how.out / "comparison.html")
    return _figures(tables)


def _figures(tables: Sequence[TableComparison]) -> dict[str, float | None]:
    return {name: value for table in tables for name, value in table.figures().items()}


def _table(experiment: Experiment, failed: Mapping[str, str], figures: Mapping[str, float | None]) -> pl.DataFrame:
    keys = dict.fromkeys(key for variant in experiment.variants for key in variant.values)
    rows = [
        {
            "variant": variant.name,
            "state": "failed" if variant.name in failed else "complete",
            "average_precision": figures.get(variant.name),
            **{key: _text(variant, key) for key in keys},
            "reason": failed.get(variant.name),
        }
        for variant in experiment.variants
    ]
    schema = {"average_precision": pl.Float64, "reason": pl.String}
    return pl.DataFrame(rows, schema_overrides=schema, infer_schema_length=None)


def _text(variant: Variant, key: str) -> str | None:
    value = variant.values.get(key)
    if value is None:
        return None
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def _plain(experiment: Experiment) -> dict[str, object]:
    return {
        "name": experiment.name,
        "description": experiment.description,
        "tags": dict(experiment.tags),
        "variants": {variant.name: dict(variant.values) for variant in experiment.variants},
    }
