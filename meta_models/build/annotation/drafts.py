"""Genes while a file is read, by id, contig and strand; then made into gene models."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from meta_models.build.annotation.models import Annotation, GeneModel, Transcript
from meta_models.errors import InputError
from meta_models.schema import CODING

OnBad = Literal["error", "skip"]
GeneKey = tuple[str, str, str]
_CODING_FEATURE = "mRNA"
_UNKNOWN = "unknown"
_PLAIN_FEATURES = frozenset({"", "transcript", "exon", "CDS", "gene"})


@dataclass(slots=True)
class TranscriptDraft:
    """One transcript; `line` is where it was seen first, `told` whether a line of its own was."""

    transcript_id: str
    line: int
    feature: str = ""
    told: bool = False
    exons: list[tuple[int, int]] = field(default_factory=list)
    cds: int = 0
    tags: frozenset[str] = frozenset()
    trans_spliced: bool = False


@dataclass(slots=True)
class GeneDraft:
    """One gene; what its own line says (`told`) wins over what lines of its transcripts say."""

    told: bool = False
    name: str = ""
    kind: str = ""
    span: tuple[int, int] | None = None
    tags: frozenset[str] = frozenset()
    transcripts: dict[str, TranscriptDraft] = field(default_factory=dict)

    def tell(self, name: str, kind: str, tags: frozenset[str] = frozenset(), *, own: bool) -> None:
        """Take name, type and tags from a line; of several lines that are not its own the order does not matter."""
        if own and not self.told:
            self.name, self.kind, self.tags, self.told = name or self.name, kind or self.kind, tags, True
        elif not self.told or own:
            self.name = min(filter(None, (self.name, name)), default="")
            self.kind = min(filter(None, (self.kind, kind)), default="")

    def widen(self, start: int, end: int) -> None:
        """Take the span of its own line."""
        low, high = self.span or (start, end)
        self.span = min(low, start), max(high, end)


class Drafts:
    """All genes of a file that is being read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.counts: Counter[str] = Counter()
        self._genes: defaultdict[GeneKey, GeneDraft] = defaultdict(GeneDraft)

    def gene(self, gene_id: str, chrom: str, strand: str) -> GeneDraft:
        """The gene of that id on that strand of that contig."""
        return self._genes[gene_id, chrom, strand]

    def finish(self, on_bad: OnBad) -> Annotation:
        """The gene models.

        Raises
        ------
        InputError
            If the file has no exons, a transcript's exons overlap (and `on_bad` is not ``skip``), or ids collide.
        """
        if not any(t.exons for gene in self._genes.values() for t in gene.transcripts.values()):
            found = f"Found {len(self._genes)} genes and no exon of theirs"
            raise InputError(f"The annotation {self.path} must have lines of exons", found, "Give the full annotation")
        names = self._unique_ids()
        genes = [model for key, draft in self._genes.items() if (model := self._model(key, draft, names[key], on_bad))]
        genes.sort(key=lambda gene: (gene.chrom, gene.start, gene.end, gene.gene_id))
        return Annotation(tuple(genes), dict(self.counts))

    def _unique_ids(self) -> dict[GeneKey, str]:
        """A gene id for each gene."""
        by_id: defaultdict[str, list[GeneKey]] = defaultdict(list)
        for key, draft in self._genes.items():
            if any(transcript.exons for transcript in draft.transcripts.values()):
                by_id[key[0]].append(key)
        names = dict.fromkeys(self._genes, "")
        for gene_id, keys in by_id.items():
            places = [chrom for _, chrom, _ in sorted(keys)]
            self.counts["genes of one id on another contig or strand, called <id>@<contig>"] += len(keys) - 1
            for number, (_, chrom, strand) in enumerate(sorted(keys)):
                place = f"@{chrom}{strand if places.count(chrom) > 1 else ''}"
                names[gene_id, chrom, strand] = gene_id + (place if number else "")
        given = Counter(filter(None, names.values()))
        if collide := sorted(name for name, count in given.items() if count > 1):
            raise InputError(
                f"Gene ids of {self.path} must be unique", f"Found twice: {', '.join(collide[:5])}", "Rename"
            )
        return names

    def _model(self, key: GeneKey, draft: GeneDraft, gene_id: str, on_bad: OnBad) -> GeneModel | None:
        transcripts = tuple(self._transcripts(draft, on_bad))
        source_id, chrom, strand = key
        if not transcripts:
            self.counts["genes without exons"] += 1
            return None
        if strand not in {"+", "-"}:
            self.counts["genes without a strand, left out"] += 1
            return None
        low, high = draft.span or (transcripts[0].exons[0, 0], transcripts[0].exons[0, 1])
        low = min(low, *(t.exons[0, 0] for t in transcripts))
        high = max(high, *(t.exons[-1, 1] for t in transcripts))
        return GeneModel(
            gene_id, source_id, draft.name or source_id, draft.kind or _inferred_type(draft), chrom, strand,
            int(low), int(high), transcripts, draft.tags,
        )  # fmt: skip

    def _transcripts(self, draft: GeneDraft, on_bad: OnBad) -> Iterator[Transcript]:
        for name in sorted(draft.transcripts):
            transcript = draft.transcripts[name]
            if not transcript.exons:
                self.counts["transcripts without exons"] += 1
            elif transcript.trans_spliced:
                self.counts["trans-spliced transcripts, left out"] += 1
            elif (exons := self._exons(transcript, on_bad)) is not None:
                yield Transcript(transcript.transcript_id, exons, transcript.tags, transcript.cds)

    def _exons(self, draft: TranscriptDraft, on_bad: OnBad) -> NDArray[np.int64] | None:
        exons = np.array(sorted(set(draft.exons)), np.int64)
        self.counts["exon lines given twice"] += len(draft.exons) - len(exons)
        overlaps = exons[1:, 0] <= exons[:-1, 1]
        if not overlaps.any():
            return exons
        if on_bad == "skip":
            self.counts["transcripts with overlapping exons, left out"] += 1
            return None
        at = int(np.argmax(overlaps))
        first, second = (f"{a}-{b}" for a, b in exons[at : at + 2].tolist())
        raise InputError(
            f"Exons of a transcript in {self.path} must not overlap",
            f"{draft.transcript_id} (line {draft.line}) has {first} and {second}",
            "Correct it, or give --on-bad-transcript skip",
        )


def _inferred_type(draft: GeneDraft) -> str:
    """The type of a gene whose file names none (FlyBase): what its transcripts are."""
    features = {transcript.feature for transcript in draft.transcripts.values()}
    if _CODING_FEATURE in features or any(transcript.cds for transcript in draft.transcripts.values()):
        return CODING
    return min(features - _PLAIN_FEATURES, default=_UNKNOWN)
