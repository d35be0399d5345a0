"""What a file is that is given as a table and is none, by the end of its name."""

from __future__ import annotations

from meta_models.places import TablePath

#: Ends of names of what tables are built from.
_ENDS = {
    "a genome": (".fa", ".fasta", ".fna"), "an annotation": (".gtf", ".gff", ".gff3"),
    "a track of scores": (".bw", ".bigwig", ".bedgraph", ".bg", ".npz"), "regions": (".bed",), "variants": (".vcf",),
}  # fmt: skip


def other_kind(path: TablePath) -> str | None:
    """What a file is, whatever packs it; None where its name does not tell."""
    name = path.name.lower().removesuffix(".gz").removesuffix(".bgz")
    return next((what for what, ends in _ENDS.items() if name.endswith(ends)), None)
