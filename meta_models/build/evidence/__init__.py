"""Evidence beside the scores: tracks of values such as conservation, and junctions of RNA-seq reads."""

from meta_models.build.evidence.base import EvidenceSource
from meta_models.build.evidence.opening import EVIDENCE_KINDS, open_evidence

__all__ = ["EVIDENCE_KINDS", "EvidenceSource", "open_evidence"]
