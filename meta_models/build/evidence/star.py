"""Junctions of RNA-seq reads, from STAR's ``SJ.out.tab`` of one or more samples."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meta_models.build.evidence.base import EvidenceSource
from meta_models.build.evidence.junctions import Junctions, read_junctions
from meta_models.build.evidence.site_use import MEASURES, SiteUse, site_use
from meta_models.build.inputs.source_files import file_facts

logger = logging.getLogger(__name__)
_SIDES = ("donor", "acceptor")


class StarEvidence(EvidenceSource):
    """How reads use each position as a donor and as an acceptor.

    A junction counts if at least one read crosses it and STAR gave it a strand. Its donor is the exon's last base,
    its acceptor the first one of the next exon. Whether a junction is annotated, its motif and its overhang are not
    read: STAR asks less of annotated junctions, so these would tell the label.

    Channels
    --------
    donor_unique, donor_multi
        Reads of all samples that cross a junction with this donor and map to one place, or to several.
    donor_partners
        Acceptors that these junctions lead to.
    donor_intron_shortest, donor_intron_longest, donor_intron_main
        Length in bases of the shortest and the longest intron, and of that with the most reads (unique and multi; the
        shorter one of two). NaN where no junction starts.
    donor_partner_entropy
        Shannon entropy, in bits, of the reads (unique and multi) over the acceptors: 0 for a single one.
    donor_samples
        Samples with such a read.
    donor_sample_entropy
        Shannon entropy, in bits, of the reads over the samples (not corrected for how deep each was sequenced).
    acceptor_unique, ..., acceptor_sample_entropy
        The same with donor and acceptor exchanged.

    All but the lengths are 0 where there is no junction, also on contigs that the files do not name.

    Raises
    ------
    InputError
        If a line holds something else, or a junction comes twice in a file.
    """

    kind = "star"
    channels = tuple(f"{side}_{measure}" for side in _SIDES for measure in MEASURES)

    def __init__(self, name: str, paths: tuple[Path, ...]) -> None:
        samples = [read_junctions(path) for path in paths]
        self._paths, self._counts = paths, _counts(samples)
        junctions = Junctions.joined(samples)
        self._sides: tuple[SiteUse, ...] = tuple(site_use(junctions, side) for side in range(2))
        super().__init__(name, junctions.ends, f"evidence {name} ({', '.join(map(str, paths))})")
        left_out = {word: self._counts[word] for word in ("without_strand", "without_reads") if self._counts[word]}
        if left_out:
            logger.info("%s: junctions left out: %s", self.what, left_out)

    def facts(self) -> dict[str, Any]:
        """As :meth:`EvidenceSource.facts`, with the junctions counted, and those left out."""
        files = [file_facts(path) for path in self._paths]
        return {"kind": self.kind, "channels": list(self.channels), "files": files, **self._counts}

    def close(self) -> None:
        """Nothing to close: the junctions are in memory."""

    def _forward(self, contig: str | None, start: int, end: int, strand: str) -> NDArray[np.float32]:
        return np.concatenate([side.fetch(contig, start, end, strand) for side in self._sides], axis=1)


def _counts(samples: list[Junctions]) -> dict[str, int]:
    return {
        "samples": len(samples),
        "lines": sum(sample.lines for sample in samples),
        "without_strand": sum(sample.without_strand for sample in samples),
        "without_reads": sum(sample.without_reads for sample in samples),
    }
