"""The ninth column: ``key "value";`` in GTF, ``key=value;`` in GFF3."""

from __future__ import annotations

import re
from urllib.parse import unquote

#: A key and its values; GTF repeats a key (``tag``), GFF3 separates values by commas.
Attributes = dict[str, list[str]]

_PAIR = re.compile(r'([^\s;"]+)\s+(?:"([^"]*)"|([^;"]*))')
_GFF3 = re.compile(r"\s*[^\s=;\"]+=")
_TYPES = ("gene_type", "gene_biotype", "biotype")
_NAMES = ("gene_name", "gene_symbol", "Name", "gene", "locus")
_TRANS_SPLICED = "trans-splicing"


def is_gff3(text: str) -> bool:
    """Whether the ninth column is written as in GFF3."""
    return _GFF3.match(text) is not None


def gtf_attributes(text: str) -> Attributes:
    """Keys and values of GTF; a semicolon inside quotes is part of the value."""
    found: Attributes = {}
    for key, quoted, bare in _PAIR.findall(text):
        found.setdefault(key, []).append(quoted or bare.strip())
    return found


def gff3_attributes(text: str) -> Attributes:
    """Keys and values of GFF3, percent escapes undone."""
    found: Attributes = {}
    for part in text.split(";"):
        key, equals, values = part.strip().partition("=")
        if equals:
            found.setdefault(key, []).extend(unquote(value) for value in values.split(","))
    return found


def first(attributes: Attributes, *keys: str) -> str:
    """The first value of the first of `keys` that has one; empty where none has."""
    return next((values[0] for key in keys if (values := attributes.get(key)) and values[0]), "")


def gene_type(attributes: Attributes) -> str:
    """``protein_coding``, ``lncRNA``, ...; empty where the file does not say."""
    return first(attributes, *_TYPES)


def gene_name(attributes: Attributes) -> str:
    """The name for people; empty where the file has none."""
    return first(attributes, *_NAMES)


def tags(attributes: Attributes) -> frozenset[str]:
    """Tags, blanks as ``_``: RefSeq writes ``MANE Select``, GENCODE ``MANE_Select``."""
    return frozenset(value.replace(" ", "_") for value in attributes.get("tag", ()) if value)


def is_trans_spliced(attributes: Attributes) -> bool:
    """Whether the order of its exons is not that of their coordinates."""
    return _TRANS_SPLICED in attributes.get("exception", ())
