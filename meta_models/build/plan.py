"""Everything that is known before a gene is written: inputs, checks, recipe, blocks, the draw of rows."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from meta_models.build.annotated import Annotated, read_genes
from meta_models.build.blocks.assembly import Assembler
from meta_models.build.blocks.planning import Block, make_blocks
from meta_models.build.blocks.sampling import SamplingPlan, plan_sampling
from meta_models.build.blocks.scan import Scan, require_coverage, require_different, require_enough, scan_blocks
from meta_models.build.config import BuildConfig
from meta_models.build.inputs.contig_names import read_chrom_map
from meta_models.build.inputs.genome import Genome, open_genome
from meta_models.build.options import feature_groups, sampling_options
from meta_models.build.relatives.kinship import Families, find_families
from meta_models.build.tracks.evidence_tracks import open_all_evidence, require_values
from meta_models.build.tracks.opening import Tracks, open_tracks
from meta_models.errors import InputError
from meta_models.features import GROUPS, EvidenceTrack, Recipe
from meta_models.names import chromosome_key
from meta_models.resources import cpu_limit, memory_budget

logger = logging.getLogger(__name__)
_EVIDENCE = "evidence"
#: Contigs that a message names.
_SHOWN = 5
#: Bytes that a position of a block takes at most while it is built: a gene, its copy in the writer, and features.
_POSITION_BYTES, _PROCESS_BYTES = 120, 400_000_000


@dataclass(frozen=True)
class FirstLook:
    """What the first look at all genes finds: a process that builds some of them need not look again.

    Attributes
    ----------
    families : Families
        Which genes are related.
    """

    families: Families
    scan: Scan


@dataclass(frozen=True, eq=False)
class Plan:
    """Made by :func:`make_plan`.

    Attributes
    ----------
    processes : int
        Blocks that are built at a time.
    """

    config: BuildConfig
    annotated: Annotated
    tracks: Tracks
    assembler: Assembler
    blocks: tuple[Block, ...]
    scan: Scan
    sampling: SamplingPlan
    families: Families
    processes: int

    @property
    def recipe(self) -> Recipe:
        """How the columns are computed."""
        return self.assembler.recipe

    @property
    def first_look(self) -> FirstLook:
        """What is known of all genes."""
        return FirstLook(self.families, self.scan)

    @property
    def block_peak(self) -> int:
        """Most bytes that a process is expected to take, which builds one block at a time."""
        return _process_bytes(self.blocks, self.recipe)

    @property
    def predicted_peak(self) -> int:
        """Most bytes that all processes together are expected to take."""
        return self.processes * self.block_peak


@contextmanager
def make_plan(config: BuildConfig, scratch: Path, *, known: FirstLook | None = None) -> Iterator[Plan]:
    """Open the inputs, check them, and look at all scores once.

    Parameters
    ----------
    scratch : Path
        Folder for working files.
    known : FirstLook, optional
        What that look found already.

    Raises
    ------
    InputError, UsageError
        If the inputs or the options cannot be used.
    """
    options = sampling_options(config)
    names = feature_groups(config)
    with ExitStack() as stack:
        genome = stack.enter_context(open_genome(config.genome))
        _require_contigs(config.base_train_chroms or (), genome)
        chrom_map = read_chrom_map(config.chrom_map) if config.chrom_map is not None else {}
        annotated = read_genes(config, genome, chrom_map)
        genes = annotated.labeller.genes
        tracks = open_tracks(config, genome, genes, chrom_map, stack, scratch)
        evidence = open_all_evidence(config, genome, chrom_map, stack)
        recipe = _recipe(config, names, tracks, tuple(reader.track for reader in evidence))
        families = find_families(genes, genome, config.families) if known is None else known.families
        assembler = Assembler(genome, annotated.labeller, tracks.sources, evidence, recipe, families.of)
        blocks = make_blocks(annotated.genes, genome.contigs, config.block_positions)
        processes = _processes(config, blocks, recipe)
        scan = scan_blocks(blocks, assembler, options.edges, processes=processes) if known is None else known.scan
        require_enough(len(annotated.genes), scan)
        require_different(scan, [source.key for source in tracks.sources])
        require_values(evidence, annotated.genes)
        require_coverage(scan, config.least_coverage, {source.key: source.sparse for source in tracks.sources})
        sampling = plan_sampling(scan.strata, options)
        yield Plan(config, annotated, tracks, assembler, blocks, scan, sampling, families, processes)


def _require_contigs(names: Sequence[str], genome: Genome) -> None:
    """What the base model was trained on is written down for those who train: names that mean nothing would mislead."""
    known = set(map(chromosome_key, genome.contigs))
    if unknown := [name for name in names if chromosome_key(name) not in known]:
        raise InputError(
            "--base-train-chroms must name contigs of the genome",
            f"Found {', '.join(unknown)}; the genome has {', '.join(genome.contigs[:_SHOWN])}"
            f"{', ...' if len(genome.contigs) > _SHOWN else ''}",
            "Name them as the genome does (chr1 and 1 are the same), and leave out those that it lacks",
        )


def _recipe(config: BuildConfig, asked: tuple[str, ...], tracks: Tracks, evidence: tuple[EvidenceTrack, ...]) -> Recipe:
    names = [name for name in asked if name != _EVIDENCE or evidence]
    return Recipe(
        models=tracks.base_tracks(),
        evidence=evidence,
        groups=tuple(GROUPS[name]() for name in names),
        flank=config.flank,
        context="genome" if config.flank else "gene",
    )


def _processes(config: BuildConfig, blocks: tuple[Block, ...], recipe: Recipe) -> int:
    """As many as threads, blocks and memory allow, one at least."""
    budget = memory_budget(config.max_memory_gb).bytes
    fitting = budget // _process_bytes(blocks, recipe)
    return max(1, min(cpu_limit(config.threads).count, len(blocks), fitting))


def _process_bytes(blocks: tuple[Block, ...], recipe: Recipe) -> int:
    """Most bytes of one process: its largest gene twice, and what is independent of genes."""
    longest = max((len(gene) for block in blocks for gene in block.genes), default=0) + 2 * recipe.flank
    tracks = 2 * len(recipe.models) + sum(len(track.channels) for track in recipe.evidence)
    return _PROCESS_BYTES + longest * (_POSITION_BYTES + 16 * tracks)


def contigs_in_use(blocks: tuple[Block, ...]) -> dict[str, int]:
    """Genes that are built by contig, in the order of the genome."""
    found: dict[str, int] = {}
    for block in blocks:
        for gene in block.genes:
            found[gene.chrom] = found.get(gene.chrom, 0) + 1
    return found
