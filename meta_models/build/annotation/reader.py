"""One annotation file, of either format."""

from __future__ import annotations

from collections import Counter
from itertools import chain
from pathlib import Path

from meta_models.build.annotation.attributes import is_gff3
from meta_models.build.annotation.drafts import Drafts, OnBad
from meta_models.build.annotation.gff3 import collect_gff3
from meta_models.build.annotation.gtf import collect_gtf
from meta_models.build.annotation.lines import feature_lines
from meta_models.build.annotation.models import Annotation
from meta_models.errors import InputError


def read_annotation(path: Path, *, on_bad_transcript: OnBad = "error") -> Annotation:
    """Read GTF or GFF3, plain or gzip; which of the two it is, its first feature tells.

    Genes are told apart by id, contig and strand, so none spans two of them. Exons are taken in the order of their
    coordinates. Where the file has no lines of genes, a gene spans its exons.

    Parameters
    ----------
    path : Path
        The file.
    on_bad_transcript : {'error', 'skip'}
        What is done with a transcript whose exons overlap.

    Raises
    ------
    InputError
        If the file cannot be read, has no exons, or a line is not as the format says.

    References
    ----------
    GTF 2.2 (Brent lab); GFF3 1.26 (Sequence Ontology).
    """
    passed_over: Counter[str] = Counter()
    lines = feature_lines(path, passed_over)
    first = next(lines, None)
    if first is None:
        raise InputError(f"The annotation {path} must have lines of exons", "Found no feature in it", "Check the file")
    drafts = Drafts(path)
    collect = collect_gff3 if is_gff3(first.attributes) else collect_gtf
    collect(chain([first], lines), drafts)
    return drafts.finish(on_bad_transcript)
