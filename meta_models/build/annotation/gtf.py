"""GTF: every line names its gene and transcript."""

from __future__ import annotations

import re
from collections.abc import Iterable

from meta_models.build.annotation.attributes import (
    first,
    gene_name,
    gene_type,
    gtf_attributes,
    is_trans_spliced,
    tags,
)
from meta_models.build.annotation.drafts import Drafts, TranscriptDraft
from meta_models.build.annotation.lines import Line, bad_line

#: How most files begin the column: read without looking at the rest.
_BEGINNING = re.compile(r'gene_id "([^"]+)"; (?:gene_version "[^"]*"; )?transcript_id "([^"]+)"')
_CHILDREN = frozenset({"exon", "CDS"})


def collect_gtf(lines: Iterable[Line], drafts: Drafts) -> None:
    """Put the genes, transcripts and exons of GTF lines into `drafts`.

    Raises
    ------
    InputError
        If an exon names no gene or no transcript.
    """
    for line in lines:
        if line.feature in _CHILDREN:
            _add_child(line, drafts)
        else:
            _add_parent(line, drafts)


def _add_child(line: Line, drafts: Drafts) -> None:
    """An exon, or a coding part of one."""
    match = _BEGINNING.match(line.attributes)
    gene_id, transcript_id = match.groups() if match else _ids(line, drafts)
    draft = drafts.gene(gene_id, line.chrom, line.strand).transcripts.get(transcript_id)
    if draft is None:
        draft = _new_transcript(line, drafts, gene_id, transcript_id)
    if line.feature == "exon":
        draft.exons.append((line.start, line.end))
    else:
        draft.cds += line.end - line.start + 1


def _ids(line: Line, drafts: Drafts) -> tuple[str, str]:
    attributes = gtf_attributes(line.attributes)
    gene_id, transcript_id = first(attributes, "gene_id"), first(attributes, "transcript_id")
    if not gene_id or not transcript_id:
        expected = f"a gene_id and a transcript_id, as every {line.feature} of GTF has"
        raise bad_line(drafts.path, line.number, expected, repr(line.attributes[:100]))
    return gene_id, transcript_id


def _new_transcript(line: Line, drafts: Drafts, gene_id: str, transcript_id: str) -> TranscriptDraft:
    """A transcript that is seen for the first time: only then all attributes are read."""
    attributes = gtf_attributes(line.attributes)
    gene = drafts.gene(gene_id, line.chrom, line.strand)
    gene.tell(gene_name(attributes), gene_type(attributes), own=False)
    draft = TranscriptDraft(transcript_id, line.number, tags=tags(attributes))
    draft.trans_spliced = is_trans_spliced(attributes)
    gene.transcripts[transcript_id] = draft
    return draft


def _add_parent(line: Line, drafts: Drafts) -> None:
    """A gene or a transcript, whatever its feature is called; what names no gene is none of either."""
    attributes = gtf_attributes(line.attributes)
    gene_id, transcript_id = first(attributes, "gene_id"), first(attributes, "transcript_id")
    if not gene_id:
        drafts.counts[f"lines of {line.feature} without a gene"] += 1
        return
    gene = drafts.gene(gene_id, line.chrom, line.strand)
    if not transcript_id:
        gene.tell(gene_name(attributes), gene_type(attributes), tags(attributes), own=True)
        gene.widen(line.start, line.end)
        return
    draft = gene.transcripts.get(transcript_id) or _new_transcript(line, drafts, gene_id, transcript_id)
    draft.tags = draft.tags | tags(attributes) if draft.told else tags(attributes)
    draft.feature, draft.told = line.feature, True
    draft.trans_spliced |= is_trans_spliced(attributes)
