"""GFF3: an exon names its parents, and theirs stand anywhere in the file."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from meta_models.build.annotation.attributes import (
    Attributes,
    first,
    gene_name,
    gene_type,
    gff3_attributes,
    is_trans_spliced,
    tags,
)
from meta_models.build.annotation.drafts import Drafts, GeneDraft, TranscriptDraft
from meta_models.build.annotation.lines import Line, bad_line
from meta_models.errors import InputError

#: What Ensembl, RefSeq and WormBase put before an id.
_PREFIX = re.compile(r"^(?:gene|transcript|rna)[:-]", re.IGNORECASE)
_CHILDREN = frozenset({"exon", "CDS"})
#: Alignments: most lines of some files, parents of no exon.
_ALIGNMENTS = re.compile(r".*match(_part)?|match_set|.*_hsp|.*oligonucleotide|.*repeat.*|.*SNP.*|.*variant.*")
_MOST_LEVELS = 20


@dataclass(frozen=True, slots=True)
class _Node:
    """What may be the transcript or the gene of an exon."""

    line: Line
    parent: str
    attributes: Attributes


@dataclass(slots=True)
class _Children:
    """Exons and coding parts, by the id of their parent."""

    exons: dict[str, list[Line]] = field(default_factory=dict)
    cds: dict[str, int] = field(default_factory=dict)


def collect_gff3(lines: Iterable[Line], drafts: Drafts) -> None:
    """Put the genes, transcripts and exons of GFF3 lines into `drafts`.

    The parent of an exon is its transcript, the topmost parent of that its gene; an exon of a gene is a transcript of
    the gene's name.

    Raises
    ------
    InputError
        If an exon has no parent, or one that is not in the file.
    """
    nodes: dict[str, _Node] = {}
    children = _Children()
    for line in lines:
        if line.feature in _CHILDREN:
            _add_child(line, children, drafts)
        elif not _ALIGNMENTS.fullmatch(line.feature):
            _add_node(line, nodes)
        else:
            drafts.counts[f"lines of {line.feature} passed over"] += 1
    for parent, exons in children.exons.items():
        if parent not in nodes:
            raise bad_line(drafts.path, exons[0].number, "a Parent that is in the file", repr(parent))
        _add_transcript(nodes, parent, exons, children.cds.get(parent, 0), drafts)


def _add_child(line: Line, children: _Children, drafts: Drafts) -> None:
    parents = [parent for parent in gff3_attributes(line.attributes).get("Parent", ()) if parent]
    if not parents and line.feature == "exon":
        raise bad_line(drafts.path, line.number, "a Parent, as every exon of GFF3 has", repr(line.attributes[:100]))
    for parent in parents:
        if line.feature == "exon":
            children.exons.setdefault(parent, []).append(line)
        else:
            children.cds[parent] = children.cds.get(parent, 0) + line.end - line.start + 1


def _add_node(line: Line, nodes: dict[str, _Node]) -> None:
    """Of a feature that is told in several lines (trans-spliced genes) the first one counts."""
    attributes = gff3_attributes(line.attributes)
    if name := first(attributes, "ID"):
        nodes.setdefault(name, _Node(line._replace(attributes=""), first(attributes, "Parent"), attributes))


def _add_transcript(nodes: dict[str, _Node], name: str, exons: list[Line], cds: int, drafts: Drafts) -> None:
    """A transcript for each strand of each contig that has exons of it (trans-splicing)."""
    node, top = nodes[name], _topmost(nodes, name, drafts)
    above = nodes.get(top)
    spliced = is_trans_spliced(node.attributes) or (above is not None and is_trans_spliced(above.attributes))
    gene_id = _bare(top, above.attributes if above is not None else {}, "gene_id")
    transcript_id = _bare(name, node.attributes, "transcript_id")
    for line in exons:
        gene = drafts.gene(gene_id, line.chrom, line.strand)
        draft = gene.transcripts.get(transcript_id)
        if draft is None:
            _tell_gene(gene, above, line)
            draft = TranscriptDraft(
                transcript_id, node.line.number, node.line.feature, told=True, cds=cds, tags=tags(node.attributes)
            )
            draft.trans_spliced = spliced
            gene.transcripts[transcript_id] = draft
        draft.exons.append((line.start, line.end))


def _tell_gene(gene: GeneDraft, above: _Node | None, exon: Line) -> None:
    if above is None:
        return
    gene.tell(gene_name(above.attributes), gene_type(above.attributes), tags(above.attributes), own=True)
    if (above.line.chrom, above.line.strand) == (exon.chrom, exon.strand):
        gene.widen(above.line.start, above.line.end)


def _topmost(nodes: dict[str, _Node], name: str, drafts: Drafts) -> str:
    """The last ancestor that is named, whether or not it has a line of its own."""
    for _ in range(_MOST_LEVELS):
        if name not in nodes or not nodes[name].parent:
            return name
        name = nodes[name].parent
    raise InputError(
        f"Features of {drafts.path} must not be their own ancestors", f"{name!r} has over {_MOST_LEVELS}", "Correct it"
    )


def _bare(name: str, attributes: Attributes, key: str) -> str:
    """The id as GTF of the same source has it."""
    return first(attributes, key) or _PREFIX.sub("", name, count=1)
