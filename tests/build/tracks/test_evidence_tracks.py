"""Evidence that says nothing of the genes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from meta_models.build.tracks.evidence_tracks import EvidenceReader, require_values
from meta_models.errors import InputError
from meta_models.features import EvidenceTrack


def reader(known: str) -> EvidenceReader:
    """Evidence with values on one contig alone."""

    def fetch(contig: str, start: int, end: int, strand: str) -> Any:
        del strand
        return np.full((end - start, 1), 1.0 if contig == known else np.nan, np.float32)

    source: Any = SimpleNamespace(fetch=fetch, channels=("value",))
    return EvidenceReader(EvidenceTrack("phylop", "signal"), source, lambda channels: list(channels.values()))


def test_evidence_without_a_value_in_any_gene_is_refused() -> None:
    genes: Any = [SimpleNamespace(chrom=name, start=11, end=20, strand="+") for name in ("chr1", "chr2")]
    require_values([reader("chr2")], genes)
    with pytest.raises(InputError, match=r"evidence phylop must have values in the genes .*Found none in 2 genes"):
        require_values([reader("chr2"), reader("chrUn")], genes)
