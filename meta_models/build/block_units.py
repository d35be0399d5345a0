"""Blocks as units: built once, kept, and found again."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from meta_models import __version__
from meta_models.build.blocks.block_files import GeneCounts, write_block
from meta_models.build.blocks.planning import Block
from meta_models.build.plan import Plan
from meta_models.errors import UsageError
from meta_models.progress import Progress
from meta_models.run_folder import UnitHit, UnitKey, UnitStore, json_bytes, library_versions, scratch_folder
from meta_models.run_folder.units import UNITS_FOLDER
from meta_models.wording import counted
from meta_models.workers import run_jobs

logger = logging.getLogger(__name__)
_GENES, _ROWS, _COUNTS = "genes.parquet", "rows.parquet", "counts.json"
#: Options that change nothing of what is written.
_BESIDE = {"out", "resume", "dry_run", "verbose", "max_memory_gb", "threads", "distributed", "genome", "annotation"}


class Blocks:
    """The blocks of a plan, each a unit.

    Parameters
    ----------
    inputs : mapping
        See `describe_inputs`.
    folder : Path
        Where finished blocks are kept.
    """

    def __init__(self, plan: Plan, inputs: Mapping[str, Any], folder: Path) -> None:
        self.plan, self.inputs, self.folder = plan, inputs, folder
        self._store = UnitStore(folder / UNITS_FOLDER)
        self._hits: dict[int, UnitHit] = {}
        self._key = {
            "inputs": inputs,
            "options": plan.config.model_dump(mode="json", exclude=_BESIDE),
            "recipe": plan.recipe.to_json(),
            "sampling": plan.sampling.to_json(),
            "versions": {"meta-models": __version__, **library_versions()},
        }

    def require_same(self) -> None:
        """Refuse blocks that an earlier build finished with other inputs or options: building would replace them.

        Raises
        ------
        UsageError
            If there are such blocks.
        """
        changed = [
            found for block in self.plan.blocks if (found := self._store.changed(block.name, self._unit_key(block)))
        ]
        if changed:
            raise UsageError(
                "--resume goes on with a build of the same inputs and options",
                f"{self.folder} holds {counted(len(changed), 'finished block')} of other "
                f"{', '.join(sorted({part for parts in changed for part in parts}))}",
                "Give what that build was given, or leave --resume out to begin anew",
            )

    def build(self) -> list[GeneCounts]:
        """Build what is not there yet, on this machine; the counts of all genes in their order."""
        with self.progress() as (missing, progress):
            for block, hit in run_jobs(missing, self.build_one, processes=self.plan.processes):
                self._hits[block.number] = hit
                progress.advance(block.positions)
        return self.counts()

    @contextmanager
    def progress(self) -> Iterator[tuple[list[Block], Progress]]:
        """The blocks that are not there yet, and the progress of what is built within."""
        blocks = self.plan.blocks
        missing = [block for block in blocks if not self.is_there(block)]
        if len(missing) < len(blocks):
            logger.info("%d of %d blocks were there already", len(blocks) - len(missing), len(blocks))
        total, progress = sum(block.positions for block in blocks), Progress("Building", "positions")
        with progress.started(total):
            progress.advance(total - sum(block.positions for block in missing))
            yield missing, progress

    def counts(self) -> list[GeneCounts]:
        """The counts of all genes in their order, once all blocks are there."""
        return [GeneCounts(**counts) for block in self.plan.blocks for counts in self._counts(block)]

    def files(self) -> Iterator[tuple[Path, Path, str]]:
        """The files of each block, genes and rows, and what they are called."""
        for block in self.plan.blocks:
            folder = self._hits[block.number].folder
            yield folder / _GENES, folder / _ROWS, f"{block.name}.parquet"

    def build_one(self, block: Block) -> UnitHit:
        """Build and keep `block`."""
        with scratch_folder(self.folder, block.name) as work:
            genes, rows, told = work / _GENES, work / _ROWS, work / _COUNTS
            counts = write_block(block, self.plan.assembler, self.plan.sampling, genes, rows)
            told.write_bytes(json_bytes([each.to_dict() for each in counts]))
            return self._store.move(block.name, self._unit_key(block), {_GENES: genes, _ROWS: rows, _COUNTS: told})

    def is_there(self, block: Block) -> bool:
        """Whether `block` was built."""
        found = self._store.get(block.name, self._unit_key(block))
        if isinstance(found, UnitHit):
            self._hits[block.number] = found
        return isinstance(found, UnitHit)

    def await_all(self) -> None:
        """Find all blocks, which were built by others; raises WriteError where one does not come to be seen."""
        for block in self.plan.blocks:
            self._hits[block.number] = self._store.awaited(block.name, self._unit_key(block))

    def _counts(self, block: Block) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self._hits[block.number].read(_COUNTS))
        return found

    def _unit_key(self, block: Block) -> UnitKey:
        families = self.plan.assembler.families
        return UnitStore.key({**self._key, "genes": [[gene.gene_id, families[gene.gene_id]] for gene in block.genes]})
