"""Blocks built by processes apart, on other machines perhaps: each reads the inputs for itself, once for its blocks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from meta_models.build.block_units import Blocks
from meta_models.build.blocks.block_files import GeneCounts
from meta_models.build.blocks.planning import Block
from meta_models.build.config import AUTO, NONE, BuildConfig
from meta_models.build.evidence.opening import evidence_files
from meta_models.build.plan import FirstLook, make_plan
from meta_models.build.scores.spec import parse_score_spec
from meta_models.errors import InputError
from meta_models.resources import PeakSampler
from meta_models.run_folder import scratch_folder
from meta_models.workers import Farm, NumberedWork, run_pieces

#: Pieces of work for each process: more of them are spread more evenly, fewer read the inputs less often.
_PIECES = 2
_ADVICE = "Give workers more memory, or take fewer on a machine"


@dataclass(frozen=True)
class BlockWork(NumberedWork):
    """Some blocks of a build.

    Attributes
    ----------
    look : FirstLook
        What is known of all genes.
    recipe, inputs : dict
        What the driver's inputs came to; those of the process must come to the same.
    folder : Path
        Where finished blocks are kept.
    """

    config: BuildConfig
    look: FirstLook
    recipe: Mapping[str, Any]
    inputs: Mapping[str, Any]
    folder: Path


def build_blocks(work: BlockWork) -> int:
    """Build the blocks of `work` that are not there yet; how many positions they have. Runs in a process of its own.

    Raises
    ------
    InputError
        If the inputs are read otherwise than the driver reads them.
    """
    with (
        PeakSampler(work.limit, advice=_ADVICE),
        scratch_folder(work.folder, f"tracks-{work.numbers[0]}") as scratch,
        make_plan(work.config, scratch, known=work.look) as plan,
    ):
        if plan.recipe.to_json() != work.recipe:
            raise InputError("Inputs must be the same on all machines", "Found other scores", "Share their folder")
        blocks = Blocks(plan, work.inputs, work.folder)
        mine = [block for block in plan.blocks if block.number in work.numbers]
        for block in mine:
            if not blocks.is_there(block):
                blocks.build_one(block)
    return sum(block.positions for block in mine)


def build_on(farm: Farm, blocks: Blocks, files: Sequence[Path]) -> list[GeneCounts]:
    """Have `farm` build the blocks that are not there yet; the counts of all genes in their order.

    Parameters
    ----------
    files : sequence of Path
        All that is read.

    Raises
    ------
    MetaModelsError
        What a block raised, or that its process died; what was finished is kept.
    """
    plan = blocks.plan
    farm.require(plan.block_peak, "Give workers more memory, or take fewer on a machine")
    farm.require_shared(files)
    work = BlockWork(plan.config, plan.first_look, plan.recipe.to_json(), blocks.inputs, blocks.folder)
    with blocks.progress() as (missing, progress):
        pieces = (
            (f"blocks-{numbers[0]:06d}", replace(work, numbers=numbers))
            for numbers in _pieces(missing, _PIECES * (farm.slots or 1))
        )
        for positions in run_pieces(pieces, build_blocks, farm, threads=1):
            progress.advance(positions)
    blocks.await_all()
    return blocks.counts()


def _pieces(blocks: Sequence[Block], count: int) -> Iterator[tuple[int, ...]]:
    """Numbers of neighbouring blocks in at most `count` runs."""
    size = max(1, -(-len(blocks) // count))
    for first in range(0, len(blocks), size):
        yield tuple(block.number for block in blocks[first : first + size])


def input_files(config: BuildConfig) -> list[Path]:
    """All files that a build reads."""
    named = [config.genome, config.annotation, config.chrom_map]
    named += [] if config.families in (AUTO, NONE) else [Path(config.families)]
    named += [file for spec in config.evidence for file in evidence_files(spec)]
    files = [path for path in named if path is not None]
    return files + [file for spec in config.scores for file in _files_at(parse_score_spec(spec).path)]


def _files_at(path: Path) -> list[Path]:
    """The file, those in the folder, or those whose names begin so."""
    if path.is_file():
        return [path]
    found = (
        path.rglob("*")
        if path.is_dir()
        else (file for file in path.parent.iterdir() if file.name.startswith(path.name))
    )
    return sorted(file for file in found if file.is_file())
