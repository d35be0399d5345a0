"""The evidence that the configuration names, with the channels that features are made from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from meta_models.build.annotation import GeneModel
from meta_models.build.evidence import EvidenceSource, open_evidence
from meta_models.build.inputs.genome import Genome
from meta_models.errors import InputError, UsageError
from meta_models.features import EvidenceTrack
from meta_models.wording import counted

Values = NDArray[np.float32]
_SIDES = ("donor", "acceptor")


class EvidenceOptions(Protocol):
    """What a configuration says of evidence."""

    @property
    def evidence(self) -> tuple[str, ...]:
        """Tracks as ``NAME=[KIND:]PATH``."""


@dataclass(frozen=True)
class EvidenceReader:
    """One source of evidence, by the channels of its track.

    Attributes
    ----------
    track : EvidenceTrack
        Its name and kind in the recipe.
    """

    track: EvidenceTrack
    source: EvidenceSource
    convert: Callable[[Mapping[str, Values]], list[Values]]

    def fetch(self, contig: str, start: int, end: int, strand: str) -> Values:
        """Values of the 0-based forward interval in the direction of the strand, float32 (end - start, channels)."""
        values = self.source.fetch(contig, start, end, strand)
        channels = dict(zip(self.source.channels, values.T, strict=True))
        return np.stack(self.convert(channels), axis=1).astype(np.float32, copy=False)

    def facts(self) -> dict[str, Any]:
        """What is written down about it."""
        return {"name": self.track.name, **self.source.facts()}


def open_all_evidence(
    config: EvidenceOptions, genome: Genome, chrom_map: Mapping[str, str], stack: ExitStack
) -> tuple[EvidenceReader, ...]:
    """Open the evidence; `stack` closes it.

    Raises
    ------
    UsageError
        If two have one name.
    InputError
        If one cannot be read, or names no contig of the genome.
    """
    readers = [_opened(spec, genome, chrom_map, stack) for spec in config.evidence]
    names = [reader.track.name for reader in readers]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UsageError("Evidence must have different names", f"Found {', '.join(twice)} twice", "Rename one")
    return tuple(readers)


def require_values(readers: Sequence[EvidenceReader], genes: Sequence[GeneModel]) -> None:
    """Refuse evidence without a value in any gene; a gene or two are looked at where there is one.

    Raises
    ------
    InputError
        If there is none.
    """
    for reader in readers:
        found = (reader.fetch(gene.chrom, gene.start - 1, gene.end, gene.strand) for gene in genes)
        if not any(np.isfinite(values).any() for values in found):
            raise InputError(
                f"The evidence {reader.track.name} must have values in the genes that are built",
                f"Found none in {counted(len(genes), 'gene')}",
                "Is it of another assembly? Else leave it out",
            )


def _opened(spec: str, genome: Genome, chrom_map: Mapping[str, str], stack: ExitStack) -> EvidenceReader:
    source = stack.enter_context(open_evidence(spec))
    source.match_contigs(genome.lengths, chrom_map=chrom_map)
    if source.kind == "star":
        return EvidenceReader(EvidenceTrack(source.name, "junctions"), source, _junctions)
    return EvidenceReader(EvidenceTrack(source.name, "signal"), source, lambda channels: list(channels.values()))


def _junctions(channels: Mapping[str, Values]) -> list[Values]:
    """Reads, bases to the partner with most of them, and entropy over partners; 0 where there is no junction."""
    found = {
        "reads": [channels[f"{side}_unique"] + channels[f"{side}_multi"] for side in _SIDES],
        "partner": [channels[f"{side}_intron_main"] + 1 for side in _SIDES],
        "entropy": [channels[f"{side}_partner_entropy"] for side in _SIDES],
    }
    return [np.nan_to_num(values, nan=0.0) for kind in found.values() for values in kind]
