"""One gene, put together from genome, labels, scores and evidence."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from meta_models.build.annotation import GeneModel
from meta_models.build.inputs.genome import Genome, reverse_complement
from meta_models.build.labels.sites import GeneLabels
from meta_models.build.scores import ScoreSource
from meta_models.build.tracks.evidence_tracks import EvidenceReader
from meta_models.build.tracks.score_cache import ScoreCache
from meta_models.dataset.genes.columns import Gene
from meta_models.features import Recipe


@dataclass(frozen=True)
class Assembler:
    """Makes genes; in a forked child as well as where it was made.

    Attributes
    ----------
    families : mapping of str to str
        Family by gene id.
    """

    genome: Genome
    labeller: Callable[[GeneModel], GeneLabels]
    scores: Sequence[ScoreSource]
    evidence: Sequence[EvidenceReader]
    recipe: Recipe
    families: Mapping[str, str]
    cache: ScoreCache = field(default_factory=ScoreCache)

    def gene(self, model: GeneModel) -> Gene:
        """The gene; where a base model does not cover it, its score is 0."""
        labels = self.labeller(model)
        return Gene(
            gene_id=model.gene_id,
            gene_name=model.gene_name,
            gene_type=model.gene_type,
            family=self.families.get(model.gene_id, model.gene_id),
            chrom=model.chrom,
            strand=model.strand,
            start=model.start,
            end=model.end,
            flank=self.recipe.flank,
            sequence=self.sequence(model),
            labels=labels.labels,
            elsewhere=labels.elsewhere,
            scores={source.key: self._scores(source, model) for source in self.scores},
            evidence={source.track.name: self._evidence(source, model) for source in self.evidence},
        )

    def sequence(self, model: GeneModel) -> NDArray[np.uint8]:
        """Codes of the gene with its flanks in the sense direction, uint8 (n + 2 * flank,)."""
        around = self.recipe.flank
        codes = self.genome.fetch(model.chrom, model.start - 1 - around, model.end + around)
        return codes if model.strand == "+" else reverse_complement(codes)

    def _scores(self, source: ScoreSource, model: GeneModel) -> NDArray[np.float32]:
        around = self.recipe.flank
        start, end = model.start - 1 - around, model.end + around
        return self.cache.fetch(source, model.chrom, start, end, model.strand, model.gene_id)

    def _evidence(self, source: EvidenceReader, model: GeneModel) -> NDArray[np.float32]:
        around = self.recipe.flank
        return source.fetch(model.chrom, model.start - 1 - around, model.end + around, model.strand)
