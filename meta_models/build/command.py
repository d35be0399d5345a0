"""``meta-models build``: from inputs to a folder, in the order in which it is done."""

from __future__ import annotations

import json
import logging
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from meta_models import console
from meta_models.build.apart import build_on, input_files
from meta_models.build.block_units import Blocks
from meta_models.build.blocks.block_files import GeneCounts
from meta_models.build.config import AUTO, NONE, BuildConfig
from meta_models.build.description import dataset_info, describe_inputs, describe_plan, genes_table, report
from meta_models.build.evidence.opening import evidence_files
from meta_models.build.plan import Plan, make_plan
from meta_models.build.scores.spec import parse_score_spec
from meta_models.cluster import dask_farm, require_cluster
from meta_models.dataset.outputs import Output, require_apart
from meta_models.dataset.reading.files import GENES_FOLDER, INFO_FILE, MASTER_FOLDER
from meta_models.errors import ExitCode, InputError
from meta_models.features import column_names
from meta_models.local_paths import is_taken
from meta_models.resources import memory_budget
from meta_models.run_folder import (
    install_signal_handlers,
    json_bytes,
    scratch_folder,
)
from meta_models.run_folder.atomic import flush, temporary_for, write_error
from meta_models.run_folder.parts_folder import parts_folder
from meta_models.wording import counted
from meta_models.workers import HERE, Farm

logger = logging.getLogger(__name__)


def run_build(config: BuildConfig) -> ExitCode:
    """Do what ``meta-models build`` is asked to.

    Raises
    ------
    MetaModelsError
        As its subclasses say. Nothing stands at ``--out`` that is not whole; finished blocks are kept for ``--resume``.
    """
    require_cluster(config.distributed)
    if config.out is None or config.dry_run:
        return _dry_run(config)
    out = config.out
    _require_apart(config, out)
    if is_taken(out):
        raise InputError(f"{out} must not exist", "Found it", "Give another --out")
    with (
        install_signal_handlers(),
        parts_folder(out, keep=config.resume) as folder,
        scratch_folder(folder, "tracks") as scratch,
        make_plan(config, scratch) as plan,
        _farm(config, folder) as farm,
    ):
        _log_plan(plan, farm.slots or plan.processes)
        inputs = describe_inputs(plan)
        blocks = Blocks(plan, inputs, folder)
        blocks.require_same()
        genes = build_on(farm, blocks, input_files(config)) if farm.apart else blocks.build()
        _finish(blocks, dataset_info(plan, inputs, genes), genes, out)
    logger.info("Saved %s", out)
    return ExitCode.DONE


def _require_apart(config: BuildConfig, out: Path) -> None:
    """Before anything is written: the folder neither holds nor is what is read."""
    others = {"--genome": config.genome, "--annotation": config.annotation, "--chrom-map": config.chrom_map}
    others |= {"--families": None if config.families in (AUTO, NONE) else Path(config.families)}
    others |= {f"--scores {spec}": parse_score_spec(spec).path for spec in config.scores}
    others |= {f"--evidence {file}": file for spec in config.evidence for file in evidence_files(spec)}
    require_apart([Output("--out", out, folder=True)], {}, others)


def _dry_run(config: BuildConfig) -> ExitCode:
    with (
        tempfile.TemporaryDirectory(prefix="meta-models-build-") as folder,
        make_plan(config, Path(folder)) as plan,
        _farm(config, None) as farm,
    ):
        console.say(json.dumps({**describe_plan(plan), "workers": farm.to_dict()}, indent=2) + "\n")
    return ExitCode.DONE


@contextmanager
def _farm(config: BuildConfig, folder: Path | None) -> Iterator[Farm]:
    """Where blocks are built; without a `folder` it is only looked at."""
    if config.distributed is None:
        yield HERE
        return
    budget = memory_budget(config.max_memory_gb).bytes
    with (
        nullcontext() if folder is None else scratch_folder(folder, "exchange") as exchange,
        dask_farm(config.distributed, exchange=exchange, threads=config.threads, budget=budget) as farm,
    ):
        yield farm


def _log_plan(plan: Plan, at_a_time: int) -> None:
    logger.info(
        "%d genes, %d positions in %s, %d at a time; about %.0f rows of %d features",
        sum(len(block.genes) for block in plan.blocks), sum(block.positions for block in plan.blocks),
        counted(len(plan.blocks), "block"), at_a_time, plan.sampling.expected_rows, len(column_names(plan.recipe)),
    )  # fmt: skip


def _finish(blocks: Blocks, info: Mapping[str, Any], genes: Sequence[GeneCounts], out: Path) -> None:
    """Put the folder together beside its place, then rename it."""
    work = temporary_for(out)
    try:
        for name in (GENES_FOLDER, MASTER_FOLDER):
            (work / name).mkdir(parents=True)
        for genes_file, rows_file, name in blocks.files():
            _link(genes_file, work / GENES_FOLDER / name)
            _link(rows_file, work / MASTER_FOLDER / name)
        (work / INFO_FILE).write_bytes(json_bytes(info))
        (work / "build_report.txt").write_text(report(info), encoding="utf-8")
        (work / "genes.tsv").write_text(genes_table(genes), encoding="utf-8")
        for path in (*work.rglob("*"), work):
            flush(path)
        work.rename(out)
        flush(out.parent)
    except OSError as error:
        raise write_error(error, out) from error
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _link(source: Path, target: Path) -> None:
    """The file under another name, without a copy where the file system can."""
    try:
        target.hardlink_to(source)
    except OSError as error:
        logger.debug("No hard link at %s: %s", target, error)
        shutil.copyfile(source, target)
