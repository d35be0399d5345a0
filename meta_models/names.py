"""One normal form for each kind of name: what is compared wherever it matters who is who. Names are shown as they are.

Spellings are never guessed at: only what a public naming scheme writes in several ways is brought to one form.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable

import polars as pl

#: What GFF3 files and web services write before an identifier (Ensembl ``gene:``, NCBI ``gene-`` and ``GeneID:``).
_GENE_PREFIX = re.compile(r"(?:gene[:-]|geneid:|ensembl:|wormbase:|flybase:|tair:)", re.IGNORECASE)
#: GENCODE's copies of pseudoautosomal genes: a suffix since release 25, ``ENSGR`` for ``ENSG0`` before.
_PAR_SUFFIX, _PAR_ACCESSION = re.compile(r"_PAR_Y$", re.IGNORECASE), re.compile(r"^(ENS[GT])R(?=\d{9,})")
#: Stable identifiers whose number after the dot is a version (and ``_N`` behind it that of a lift-over to GRCh37).
#: Elsewhere it tells genes apart: WormBase ``Y74C9A.2``, clones such as ``AL627309.5``, ``MSTRG.1.2``.
_VERSIONED = re.compile(
    r"(?P<id>ENS[A-Z]*\d{6,}|ENS[GT]R\d{9,}|MGP_[A-Z0-9]+_G\d+|LRG_\d+|WBGENE\d{8}|FBGN\d{7}|AT[1-5CM]G\d{5}"
    r"|OS\d{2}G\d{7}|LOC_OS\d{2}G\d{5}|SOLYC\d{2}G\d{6}|[NX][MR]_\d{6,})(?:\.\d+(?:_\d+)?)?",
    re.IGNORECASE,
)
_CHROMOSOME = re.compile(r"(?:chromosome[ _]?|chr[_]?)(?=.)", re.IGNORECASE)
_MITOCHONDRION = {"m", "mt", "mtdna", "mito", "mitochondrion"}
_CHLOROPLAST = {"c", "pt", "chloroplast"}
_STRANDS = {"+": "+", "1": "+", "+1": "+", "plus": "+", "-": "-", "-1": "-", "\u2212": "-", "minus": "-"}
#: What UCSC calls the assemblies of others, whose coordinates it keeps; and a patch release, which leaves them alone.
_ASSEMBLIES = {
    "hg18": "ncbi36", "hg19": "grch37", "hg38": "grch38", "hs1": "t2t-chm13v2.0", "mm9": "ncbim37", "mm10": "grcm38",
    "mm39": "grcm39", "rn6": "rnor_6.0", "rn7": "mratbn7.2", "danrer10": "grcz10", "danrer11": "grcz11",
    "galgal6": "grcg6a", "ce10": "ws220", "ce11": "wbcel235", "dm6": "bdgp6", "saccer3": "r64-1-1",
    "b37": "grch37", "hs37d5": "grch37",
}  # fmt: skip
_PATCH = re.compile(r"(?P<id>(?:grc|ncbi)\w+?|bdgp6)\.(?:p)?\d+", re.IGNORECASE)
#: Accessions of sequence archives, and contigs that are part of no chromosome: which chromosome it is, they don't say.
_UNPLACED = re.compile(
    r"[A-Z]{2}_\d+(?:\.\d+)?|[A-Z]{1,6}\d{5,}(?:\.\d+)?|Un_.*|.*_random|.*_alt|.*_fix", re.IGNORECASE
)


def plain(name: str) -> str:
    """`name` without blanks at its ends, in Unicode's composed form (NFC)."""
    return unicodedata.normalize("NFC", name).strip()


def gene_key(gene: str) -> str:
    """The normal form of a gene id: equal for versions, ``_PAR_Y`` copies and prefixed spellings of the same gene.

    References
    ----------
    GENCODE, "Data format" (``_PAR_Y``, lift-over versions); Ensembl, "Stable IDs".
    """
    name = _GENE_PREFIX.sub("", plain(gene), count=1) if _GENE_PREFIX.match(plain(gene)) else plain(gene)
    name = _PAR_SUFFIX.sub("", name)
    match = _VERSIONED.fullmatch(name)
    if match is None:
        return name or plain(gene)
    return _PAR_ACCESSION.sub(r"\g<1>0", match["id"].upper())


def is_par_copy(gene: str) -> bool:
    """Whether a gene id is GENCODE's name of the copy of a pseudoautosomal gene on chromosome Y."""
    name = plain(gene)
    return bool(_PAR_SUFFIX.search(name) or _PAR_ACCESSION.match(name))


def chromosome_key(chromosome: str) -> str:
    """The normal form of a chromosome: ``chr1``, ``Chr1``, ``chr01`` and ``1`` are one, so are ``chrM``, ``MT``, ``M``.

    RefSeq accessions (``NC_000001.11``) stay what they are.
    """
    name = (
        _CHROMOSOME.sub("", plain(chromosome), count=1) if _CHROMOSOME.match(plain(chromosome)) else plain(chromosome)
    )
    if name.lower() in _MITOCHONDRION:
        return "MT"
    if name.lower() in _CHLOROPLAST:
        return "Pt"
    name = name.lstrip("0") or name if name.isdigit() else name
    return name.upper() if len(name) == 1 else name


def is_unplaced(chromosome: str) -> bool:
    """Whether a name is an accession or a loose contig, of which nobody knows the chromosome without a look-up."""
    return _UNPLACED.fullmatch(chromosome_key(chromosome)) is not None


def assembly_key(assembly: str) -> str:
    """The normal form of the name of an assembly: ``hg38``, ``GRCh38`` and ``GRCh38.p14`` are one.

    References
    ----------
    UCSC Genome Browser, "List of UCSC genome releases"; Genome Reference Consortium, "Patches": these "do not change
    the chromosome coordinates".
    """
    name = plain(assembly).lower()
    match = _PATCH.fullmatch(name)
    name = match["id"] if match else name
    return _ASSEMBLIES.get(name, name)


def strand_key(strand: str) -> str | None:
    """``"+"`` or ``"-"`` (also written ``1`` and ``-1``); None where a name is neither, which is: not known."""
    return _STRANDS.get(plain(strand).lower())


def gene_keys(genes: pl.Series) -> pl.Series:
    """`gene_key` of each value of a text or categorical series (n,), as text; null stays null."""
    return _mapped(genes, gene_key)


def chromosome_keys(chromosomes: pl.Series) -> pl.Series:
    """`chromosome_key` of each value of a text or categorical series (n,), as text; null stays null."""
    return _mapped(chromosomes, chromosome_key)


def strand_keys(strands: pl.Series) -> pl.Series:
    """`strand_key` of each value of a text or categorical series (n,), as text; null where it is not known."""
    return _mapped(strands, strand_key)


def gene_key_set(genes: Iterable[str]) -> set[str]:
    """The different normal forms of `genes`."""
    return {gene_key(gene) for gene in genes}


def known_as(genes: pl.Series, known: pl.Series) -> pl.Series:
    """What each of `genes` is called among the genes `known`: itself, or the first id of the same normal form.

    Returns
    -------
    polars.Series of text (n,)
        Null where no known gene is the same.
    """
    ids = known.cast(pl.String).unique().drop_nulls().sort().to_list()
    exact, by_key = set(ids), {gene_key(name): name for name in reversed(ids)}
    return _mapped(genes, lambda name: name if name in exact else by_key.get(gene_key(name)))


def _mapped(names: pl.Series, key: Callable[[str], str | None]) -> pl.Series:
    """Each different name is looked at once: tables have many rows of each."""
    text = names.cast(pl.String)
    known = text.unique().drop_nulls()
    keys = pl.Series([key(name) for name in known], dtype=pl.String)
    return text.replace_strict(known, keys, return_dtype=pl.String, default=None)
