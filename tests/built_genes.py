"""Genes with every kind of track, made up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from meta_models.dataset.genes.columns import Gene, genes_to_arrow
from meta_models.features import BaseTrack, EvidenceTrack, Recipe

RECIPE = Recipe(
    (BaseTrack("main"), BaseTrack("other", floor=0.001)),
    (EvidenceTrack("phylop", "signal"), EvidenceTrack("reads", "junctions")),
    flank=7,
)


def made_up_gene(number: int, length: int) -> Gene:
    rng = np.random.default_rng(number)
    around = length + 2 * RECIPE.flank
    phylop = rng.normal(size=(around, 1)).astype(np.float32)
    phylop[:3] = np.nan
    return Gene(
        gene_id=f"g{number}", gene_name=f"name {number}", gene_type="protein_coding", family=f"f{number // 2}",
        chrom=f"chr{number // 3}", strand="+-"[number % 2], start=1000 * number + 1, end=1000 * number + length,
        flank=RECIPE.flank, sequence=rng.integers(0, 5, around).astype(np.uint8),
        labels=rng.choice(np.array([0, 1, 2, 255], np.uint8), length), elsewhere=rng.random(length) < 0.3,
        scores={track.key: rng.random((around, 2), dtype=np.float32) / 2 for track in RECIPE.models},
        evidence={"phylop": phylop, "reads": rng.random((around, 6), dtype=np.float32)},
    )  # fmt: skip


def write_genes(folder: Path, genes: list[Gene], *, group: int = 2) -> None:
    """Two files, row groups of so many genes."""
    folder.mkdir(parents=True)
    half = len(genes) // 2
    for name, part in (("batch_00001.parquet", genes[:half]), ("batch_00002.parquet", genes[half:])):
        pq.write_table(genes_to_arrow(part, RECIPE), folder / name, row_group_size=group, write_page_checksum=True)
