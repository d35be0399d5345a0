"""The scores of all base models, opened, and checked against the genome."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from meta_models.build.annotation import GeneModel
from meta_models.build.inputs.genome import Genome
from meta_models.build.scores import GenePlace, ScoreSource, open_scores, parse_score_spec
from meta_models.build.scores.spec import ScoreSpec
from meta_models.build.tracks.alignment import Alignment, Region, measure_shift, require_aligned
from meta_models.build.tracks.raised import RaisedScores, parse_floors
from meta_models.build.tracks.shifts import ShiftedScores, Shifts, parse_shift
from meta_models.errors import InputError, UsageError
from meta_models.features import BaseTrack
from meta_models.local_paths import real

logger = logging.getLogger(__name__)
CHECK, AUTO = "check", "auto"
#: Genes, and positions of theirs, in which the strongest scores are looked for.
_GENES, _POSITIONS = 2000, 20_000_000


class ScoreOptions(Protocol):
    """What a configuration says of scores."""

    @property
    def scores(self) -> tuple[str, ...]:
        """Base models as ``KEY=[KIND:]PATH``, the main one first."""

    @property
    def shift(self) -> tuple[str, ...]:
        """What is done with shifted scores."""

    @property
    def score_floor(self) -> tuple[str, ...]:
        """Floors below which scores are read as 0."""


@dataclass(frozen=True)
class Tracks:
    """Made by :func:`open_tracks`.

    Attributes
    ----------
    sources : tuple of ScoreSource
        The base models, the main one first, with their shifts undone.
    alignments : tuple of Alignment
        What was measured before.
    """

    sources: tuple[ScoreSource, ...]
    alignments: tuple[Alignment, ...]

    def base_tracks(self) -> tuple[BaseTrack, ...]:
        """What the recipe says of the base models."""
        return tuple(BaseTrack(s.key, s.floor.floor, s.floor.decimals) for s in self.sources)


def open_tracks(
    config: ScoreOptions, genome: Genome, genes: Sequence[GeneModel], chrom_map: Mapping[str, str], stack: ExitStack,
    scratch: Path,
) -> Tracks:  # fmt: skip
    """Open the scores that the configuration names, and check that they lie where the sequence says.

    Parameters
    ----------
    genes : sequence of GeneModel
        All genes that may be built.
    stack : ExitStack
        Closes them.
    scratch : Path
        Folder for working files.

    Raises
    ------
    UsageError
        If a shift or a floor is given for a base model that there is not.
    InputError
        If two base models have one key or the same files, or one cannot be read, or is shifted, exchanged, or of
        another genome.
    """
    _require_different([parse_score_spec(spec) for spec in config.scores])
    places = {g.gene_id: GenePlace(g.chrom, g.start - 1, g.end, g.strand) for g in genes}
    opened: list[ScoreSource] = []
    for spec in config.scores:
        source = stack.enter_context(open_scores(spec, scratch=scratch))
        source.match_contigs(genome.lengths, chrom_map=chrom_map)
        source.place(places)
        opened.append(source)
    given = _given_shifts(config.shift, [source.key for source in opened])
    floors = parse_floors(config.score_floor, [source.key for source in opened])
    raised = [RaisedScores(s, floors[s.key]) if s.key in floors else s for s in opened]
    moved = [ShiftedScores(s, given[s.key]) if given.get(s.key) else s for s in raised]
    regions = _regions(genes)
    alignments = tuple(measure_shift(source, genome, regions) for source in moved)
    if config.shift == (AUTO,):
        moved = [_moved(source, found) for source, found in zip(moved, alignments, strict=True)]
        alignments = tuple(
            measure_shift(source, genome, regions) if found.shifts else found
            for source, found in zip(moved, alignments, strict=True)
        )
    require_aligned(alignments)
    return Tracks(tuple(moved), alignments)


def _require_different(specs: Sequence[ScoreSpec]) -> None:
    keys, places = [spec.key for spec in specs], [real(spec.path) for spec in specs]
    if twice := [str(spec.path) for spec, place in zip(specs, places, strict=True) if places.count(place) > 1]:
        raise InputError("Base models must have different scores", f"Found {', '.join(twice)}", "Name each once")
    if twice := sorted({key for key in keys if keys.count(key) > 1}):
        raise InputError("Base models must have different keys", f"Found {', '.join(twice)} twice", "Rename one")


def _given_shifts(texts: Sequence[str], keys: Sequence[str]) -> dict[str, Shifts]:
    """The shift of each base model that one is given for."""
    if tuple(texts) in {(CHECK,), (AUTO,)}:
        return {}
    given: dict[str, Shifts] = {}
    for text in texts:
        key, shifts = parse_shift(text)
        if key is not None and key not in keys:
            raise UsageError(f"--shift must name one of the base models {', '.join(keys)}", f"Found {key}")
        given.update({key: shifts} if key is not None else dict.fromkeys(keys, shifts))
    return given


def _moved(source: ScoreSource, found: Alignment) -> ScoreSource:
    if not found.shifts:
        return source
    logger.info("%s: scores are moved by %s, as measured", found.what, found.shifts)
    return ShiftedScores(source, found.shifts)


def _regions(genes: Sequence[GeneModel]) -> list[Region]:
    """Genes from all over the genome, so many that the strongest scores of a few hundred sites are among them."""
    step = max(1, len(genes) // _GENES)
    regions, positions = [], 0
    for gene in genes[::step]:
        if positions < _POSITIONS:
            regions.append(Region(gene.chrom, gene.start - 1, gene.end, gene.strand, gene.gene_id))
        positions += len(gene)
    return regions
