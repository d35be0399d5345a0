"""What a trained model predicts from: genome and scores, checked against the recipe that it was trained with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from meta_models.build.annotated import genes_on_genome
from meta_models.build.annotation import GeneModel, read_annotation
from meta_models.build.blocks.assembly import Assembler
from meta_models.build.inputs.contig_names import read_chrom_map
from meta_models.build.inputs.genome import Genome, open_genome
from meta_models.build.inputs.regions import Region, place_regions, read_regions
from meta_models.build.labels.selection import GeneRules, require_types, select_genes
from meta_models.build.labels.sites import GeneLabels
from meta_models.build.scores import parse_score_spec
from meta_models.build.tracks.evidence_tracks import EvidenceOptions, open_all_evidence
from meta_models.build.tracks.opening import ScoreOptions, Tracks, open_tracks
from meta_models.dataset.genes.columns import Gene
from meta_models.errors import InputError
from meta_models.features import BaseTrack, Recipe
from meta_models.names import chromosome_key
from meta_models.schema import SpliceClass

#: Positions of a gene or region that are read at a time, where its parts have the features of the whole.
TILE = 2**20
#: The group whose features are known of whole annotated genes alone.
_ANNOTATION = "annotation"
#: Fewer scores above 0 do not tell of a floor.
_TELLING = 50


class ServingOptions(ScoreOptions, EvidenceOptions, Protocol):
    """What the configuration says of a genome to predict from."""

    @property
    def genome(self) -> Path | None:
        """FASTA file."""

    @property
    def annotation(self) -> Path | None:
        """Its genes are predicted."""

    @property
    def regions(self) -> Path | None:
        """BED file of what is predicted."""

    @property
    def gene_types(self) -> tuple[str, ...]:
        """Types of genes that are predicted."""

    @property
    def chrom_map(self) -> Path | None:
        """Names of contigs."""


@dataclass(frozen=True)
class Tile:
    """A part of a gene or region of `whole` bases, whose first one, in the sense direction, is base `offset` of it."""

    model: GeneModel
    offset: int = 0
    whole: int | None = None

    def __len__(self) -> int:
        return len(self.model)


@dataclass(frozen=True)
class Serving:
    """Made by :func:`open_serving`.

    Attributes
    ----------
    tiles : tuple of Tile
        What is predicted, in the order of the genome's contigs, starts, ends and ids.
    facts : dict
        All that the features depend on, for JSON.
    """

    assembler: Assembler
    tiles: tuple[Tile, ...]
    facts: dict[str, Any]

    @property
    def recipe(self) -> Recipe:
        """How the columns are computed: that of the model."""
        return self.assembler.recipe

    @property
    def contigs(self) -> dict[str, int]:
        """Lengths of the contigs of the genome, by the normal forms of their names."""
        return {chromosome_key(name): length for name, length in self.assembler.genome.lengths.items()}

    def gene(self, tile: Tile) -> Gene:
        """Sequence, scores and evidence of a tile; its labels say nothing."""
        return self.assembler.gene(tile.model)


def open_serving(
    options: ServingOptions, recipe: Recipe, stack: ExitStack, scratch: Path, *, reach: int = 0
) -> Serving:
    """Open genome, scores and evidence, and check that they are such as `recipe` was made with.

    Parameters
    ----------
    recipe : Recipe
        Of the model.
    stack : ExitStack
        Closes them.
    scratch : Path
        Folder for working files.
    reach : int
        Bases on either side of a part that the model reads beyond what its features do.

    Raises
    ------
    InputError
        If an input cannot be read, does not fit the genome, or differs from what the model was trained on.
    """
    _require_same(recipe, keys=tuple(parse_score_spec(spec).key for spec in options.scores))
    if options.genome is None:
        raise AssertionError("the configuration asks for a genome")
    genome = stack.enter_context(open_genome(options.genome))
    chrom_map = read_chrom_map(options.chrom_map) if options.chrom_map is not None else {}
    models = _models(options, recipe, genome, chrom_map)
    tracks = open_tracks(options, genome, models, chrom_map, stack, scratch)
    evidence = open_all_evidence(options, genome, chrom_map, stack)
    served = replace(recipe, models=_measured(tracks, recipe), evidence=tuple(reader.track for reader in evidence))
    _require_alike(recipe, served)
    assembler = Assembler(genome, _unlabelled, tracks.sources, evidence, recipe, {})
    facts = {
        "genome": genome.sha256({model.chrom for model in models}),
        "scores": [source.facts() for source in tracks.sources],
        "evidence": [reader.facts() for reader in evidence],
        "genes": [[m.gene_id, m.chrom, m.strand, m.start, m.end] for m in models],
        "recipe": recipe.sha256,
    }
    return Serving(assembler, tuple(tile for model in models for tile in _tiles(model, recipe, reach)), facts)


def _require_same(recipe: Recipe, keys: tuple[str, ...]) -> None:
    wanted = tuple(track.key for track in recipe.models)
    if keys != wanted:
        raise InputError(
            f"--scores must give the base models that the model was trained on, {', '.join(wanted)}, in this order",
            f"Found {', '.join(keys)}",
            "Give KEY=PATH with these keys",
        )


def _require_alike(recipe: Recipe, served: Recipe) -> None:
    if differences := recipe.differences(served):
        raise InputError(
            "Scores and evidence must be such as the model was trained on",
            f"They differ in {'; in '.join(differences)}",
            "Give tracks made in the same way (--score-floor leaves low scores out), or build and train with these",
        )


def _measured(tracks: Tracks, recipe: Recipe) -> tuple[BaseTrack, ...]:
    """Floors and rounding of the tracks; those of the recipe where too few scores were seen to tell."""
    found = zip(tracks.sources, tracks.base_tracks(), recipe.models, strict=True)
    return tuple(
        own if source.floor.count - source.floor.zeros >= _TELLING else trained for source, own, trained in found
    )


def _unlabelled(model: GeneModel) -> GeneLabels:
    return GeneLabels(np.full(len(model), SpliceClass.NEITHER, np.uint8), np.zeros(len(model), np.bool_))


def _models(
    options: ServingOptions, recipe: Recipe, genome: Genome, chrom_map: dict[str, str]
) -> tuple[GeneModel, ...]:
    if options.annotation is None:
        models: Sequence[GeneModel] = _of_regions(options, recipe, genome, chrom_map)
    else:
        what = f"The annotation {options.annotation}"
        annotation, counts = read_annotation(options.annotation), Counter[str]()
        known = genes_on_genome(annotation.genes, genome, chrom_map, what, counts, any_contig=True)
        rules = GeneRules(options.gene_types)
        selected = select_genes(known, rules, counts)
        require_types(selected, rules)
        models = [gene.model for gene in selected if gene.built]
    rank = {contig: number for number, contig in enumerate(genome.contigs)}
    return tuple(sorted(models, key=lambda m: (rank[m.chrom], m.start, m.end, m.gene_id)))


def _of_regions(options: ServingOptions, recipe: Recipe, genome: Genome, chrom_map: dict[str, str]) -> list[GeneModel]:
    if any(group.name == _ANNOTATION for group in recipe.groups):
        raise InputError(
            "The model needs annotated genes: its features tell where a gene begins and ends",
            "Found --regions",
            "Give --annotation, or train without the feature group annotation",
        )
    if options.regions is None:
        raise AssertionError("the configuration asks for regions")
    found = read_regions(options.regions)
    placed = place_regions(found, genome.lengths, what=f"The regions {options.regions}", chrom_map=chrom_map)
    return [_model(region) for region in placed]


def _model(region: Region) -> GeneModel:
    name = region.gene_id or ""
    return GeneModel(name, name, name, "", region.contig, region.strand, region.start + 1, region.end, ())


def _tiles(model: GeneModel, recipe: Recipe, reach: int) -> Iterator[Tile]:
    """Parts that have the features of the whole: where windows end within the flank and no group reads whole genes."""
    whole = recipe.flank < max(recipe.reach, reach) or any(group.name == _ANNOTATION for group in recipe.groups)
    step = len(model) if whole else TILE
    for offset in range(0, len(model), step):
        last = min(offset + step, len(model)) - 1
        if model.strand == "+":
            yield Tile(replace(model, start=model.start + offset, end=model.start + last), offset, len(model))
        else:
            yield Tile(replace(model, start=model.end - last, end=model.end - offset), offset, len(model))
