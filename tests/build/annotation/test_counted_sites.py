"""The sites of whole annotations, beside a count that shares nothing with the reader.

``META_MODELS_ANNOTATIONS=FOLDER`` adds the files of a folder: what people have on their disks.
"""

from __future__ import annotations

import gzip
import os
import re
from collections import defaultdict
from itertools import pairwise
from pathlib import Path

import pytest
from build_places import make_place
from pseudo_genome import make_pseudo_genome

from meta_models.build.annotation import read_annotation

Site = tuple[str, str, int, str]
_LEAST = 20


def counted(path: Path) -> set[Site]:
    """Contig, strand, position and kind of each site, straight from the lines of exons."""
    exons = defaultdict(set)
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as file:
        for line in file:
            if line.startswith("##FASTA"):
                break
            fields = line.rstrip("\n").split("\t")
            if len(fields) < 9 or fields[2] != "exon":
                continue
            own = re.search(r'transcript_id "([^"]*)"|Parent=([^;]+)', fields[8])
            assert own is not None
            for parent in (own[1] or own[2]).split(","):
                exons[fields[0], fields[6], parent].add((int(fields[3]), int(fields[4])))
    return {site for key, found in exons.items() for site in between(key[0], key[1], sorted(found))}


def between(contig: str, strand: str, exons: list[tuple[int, int]]) -> set[Site]:
    ends = [(one[1], two[0]) for one, two in pairwise(exons) if two[0] - one[1] - 1 >= _LEAST]
    kinds = ("donor", "acceptor") if strand == "+" else ("acceptor", "donor")
    return {(contig, strand, at, kind) for pair in ends for at, kind in zip(pair, kinds, strict=True)}


def read(path: Path) -> set[Site]:
    genes = read_annotation(path).genes
    transcripts = [(gene.chrom, gene.strand, t.exons.tolist()) for gene in genes for t in gene.transcripts]
    return {site for contig, strand, exons in transcripts for site in between(contig, strand, exons)}


def test_simulated_genes(tmp_path: Path) -> None:
    path = make_place(tmp_path / "made", genes=12).annotation
    assert read(path) == counted(path)
    assert len(counted(path)) > 100


@pytest.mark.real_data
@pytest.mark.parametrize(("raw", "genes"), [("worm", 900), ("human_chr1", 93)])
def test_real_genes(real_data: Path, tmp_path: Path, raw: str, genes: int) -> None:
    path = make_pseudo_genome(real_data, tmp_path / raw, genes=genes, raw=raw, bigwig=False).folder / "annotation.gtf"
    assert read(path) == counted(path)


def test_files_of_a_folder() -> None:
    folder = os.environ.get("META_MODELS_ANNOTATIONS")
    if folder is None:
        pytest.skip("META_MODELS_ANNOTATIONS names no folder of annotations")
    for path in sorted(p for p in Path(folder).iterdir() if ".g" in p.name):
        assert read(path) == counted(path), path
