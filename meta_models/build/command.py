"""``meta-models build``: from inputs to a folder, in the order in which it is done."""

from __future__ import annotations

import json
import logging
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from meta_models import __version__, console
from meta_models.build.blocks.block_files import GeneCounts, write_block
from meta_models.build.blocks.planning import Block
from meta_models.build.config import AUTO, NONE, BuildConfig
from meta_models.build.description import dataset_info, describe_inputs, describe_plan, genes_table, report
from meta_models.build.evidence.opening import evidence_files
from meta_models.build.plan import Plan, make_plan
from meta_models.build.scores.spec import parse_score_spec
from meta_models.dataset.outputs import Output, require_apart
from meta_models.dataset.reading.files import GENES_FOLDER, INFO_FILE, MASTER_FOLDER
from meta_models.errors import ExitCode, InputError
from meta_models.features import column_names
from meta_models.local_paths import is_taken
from meta_models.progress import Progress
from meta_models.run_folder import (
    UnitHit,
    UnitKey,
    UnitStore,
    install_signal_handlers,
    json_bytes,
    library_versions,
    scratch_folder,
)
from meta_models.run_folder.atomic import flush, temporary_for, write_error
from meta_models.run_folder.parts_folder import parts_folder
from meta_models.run_folder.units import UNITS_FOLDER
from meta_models.wording import counted
from meta_models.workers import run_jobs

logger = logging.getLogger(__name__)
_GENES, _ROWS, _COUNTS = "genes.parquet", "rows.parquet", "counts.json"
#: Options that change nothing of what is written.
_BESIDE = {"out", "resume", "dry_run", "verbose", "max_memory_gb", "threads", "genome", "annotation"}


def run_build(config: BuildConfig) -> ExitCode:
    """Do what ``meta-models build`` is asked to.

    Raises
    ------
    MetaModelsError
        As its subclasses say. Nothing stands at ``--out`` that is not whole; finished blocks are kept for ``--resume``.
    """
    if config.out is None or config.dry_run:
        return _dry_run(config)
    out = config.out
    _require_apart(config, out)
    if is_taken(out):
        raise InputError(f"{out} must not exist", "Found it", "Give another --out")
    with (
        install_signal_handlers(resumable=True),
        parts_folder(out, keep=config.resume) as folder,
        scratch_folder(folder, "tracks") as scratch,
        make_plan(config, scratch) as plan,
    ):
        _log_plan(plan)
        inputs = describe_inputs(plan)
        blocks = _Blocks(plan, inputs, folder)
        genes = blocks.build()
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
    with tempfile.TemporaryDirectory(prefix="meta-models-build-") as folder, make_plan(config, Path(folder)) as plan:
        console.say(json.dumps(describe_plan(plan), indent=2) + "\n")
    return ExitCode.DONE


def _log_plan(plan: Plan) -> None:
    logger.info(
        "%d genes, %d positions in %s, %d at a time; about %.0f rows of %d features",
        sum(len(block.genes) for block in plan.blocks), sum(block.positions for block in plan.blocks),
        counted(len(plan.blocks), "block"), plan.processes, plan.sampling.expected_rows, len(column_names(plan.recipe)),
    )  # fmt: skip


class _Blocks:
    """The blocks of a plan, each a unit."""

    def __init__(self, plan: Plan, inputs: Mapping[str, Any], folder: Path) -> None:
        self._plan, self._folder = plan, folder
        self._store = UnitStore(folder / UNITS_FOLDER)
        self._hits: dict[int, UnitHit] = {}
        self._key = {
            "inputs": inputs,
            "options": plan.config.model_dump(mode="json", exclude=_BESIDE),
            "recipe": plan.recipe.to_json(),
            "sampling": plan.sampling.to_json(),
            "versions": {"meta-models": __version__, **library_versions()},
        }

    def build(self) -> list[GeneCounts]:
        """Build what is not there yet; the counts of all genes in their order."""
        plan = self._plan
        missing = [block for block in plan.blocks if not self._is_there(block)]
        if len(missing) < len(plan.blocks):
            logger.info("%d of %d blocks were there already", len(plan.blocks) - len(missing), len(plan.blocks))
        total, progress = sum(block.positions for block in plan.blocks), Progress("Building", "positions")
        with progress.started(total):
            progress.advance(total - sum(block.positions for block in missing))
            for block, hit in run_jobs(missing, self._build, processes=plan.processes):
                self._hits[block.number] = hit
                progress.advance(block.positions)
        return [GeneCounts(**counts) for block in plan.blocks for counts in self._counts(block)]

    def files(self) -> Iterator[tuple[Path, Path, str]]:
        """The files of each block, genes and rows, and what they are called."""
        for block in self._plan.blocks:
            folder = self._hits[block.number].folder
            yield folder / _GENES, folder / _ROWS, f"{block.name}.parquet"

    def _build(self, block: Block) -> UnitHit:
        with scratch_folder(self._folder, block.name) as work:
            genes, rows, told = work / _GENES, work / _ROWS, work / _COUNTS
            counts = write_block(block, self._plan.assembler, self._plan.sampling, genes, rows)
            told.write_bytes(json_bytes([each.to_dict() for each in counts]))
            return self._store.move(block.name, self._unit_key(block), {_GENES: genes, _ROWS: rows, _COUNTS: told})

    def _is_there(self, block: Block) -> bool:
        found = self._store.get(block.name, self._unit_key(block))
        if isinstance(found, UnitHit):
            self._hits[block.number] = found
        return isinstance(found, UnitHit)

    def _counts(self, block: Block) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self._hits[block.number].read(_COUNTS))
        return found

    def _unit_key(self, block: Block) -> UnitKey:
        families = self._plan.assembler.families
        return UnitStore.key({**self._key, "genes": [[gene.gene_id, families[gene.gene_id]] for gene in block.genes]})


def _finish(blocks: _Blocks, info: Mapping[str, Any], genes: Sequence[GeneCounts], out: Path) -> None:
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
