"""Writes the demo table: choice of positions, Parquet files, ``dataset_info.json``."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from meta_models.dataset.demo.features import KMER, WINDOW, Columns, Rows, feature_columns
from meta_models.dataset.demo.genes import ALL_CHROMS, NEIGHBOURHOOD, Gene, make_gene
from meta_models.dataset.demo.motifs import Floats
from meta_models.dataset.demo.scorer import TRAINED_CHROMS, alternative_scores, main_scores
from meta_models.errors import UsageError, WriteError
from meta_models.run_folder.atomic import atomic_write
from meta_models.schema import (
    CHROM,
    CLASS_NAMES,
    FAMILY,
    GENE,
    GENE_TYPE,
    GENOMIC_POSITION,
    LABEL,
    MAIN_BASE,
    POSITION,
    STRAND,
    WEIGHT,
    BaseModel,
    SpliceClass,
)

ALTERNATIVE = BaseModel("alt")
MAIN_NAME = "demo scorer (motifs and content)"
ALTERNATIVE_NAME = "demo motif scorer (motifs and branch site)"

HARD_SCORE = 0.005  # negatives that the main base model scores at least so high are all kept
EASY_PER_SITE = 10
FILES = 4
MAX_GENES_PER_FILE = 60
ROW_GROUP = 4096
INFO_NAME = "dataset_info.json"
SAMPLING_RULE = (
    "kept: every site, every negative with a main donor or acceptor score of hard_threshold or more (hard), and in "
    "each gene negatives_per_site times its sites of the other negatives (easy), drawn uniformly"
)
NO_SAMPLING_RULE = "none: every position is in the table"
METADATA_COLUMNS = (
    GENE, "gene_name", "transcript_id", FAMILY, GENE_TYPE, CHROM, STRAND, POSITION, GENOMIC_POSITION, LABEL, WEIGHT,
)  # fmt: skip


@dataclass
class _Tally:
    """What went into the table, summed over its genes."""

    table: Counter[str] = field(default_factory=Counter)
    genes: Counter[str] = field(default_factory=Counter)
    negatives: Counter[str] = field(default_factory=Counter)
    columns: list[str] = field(default_factory=list)


def write_demo_table(
    folder: Path, *, n_genes: int = 240, seed: int = 0, gene_offset: int = 0, every_position: bool = False
) -> Path:
    """Simulate genes and write their table to ``folder/master``.

    Equal arguments give equal bytes. Two tables whose seeds differ, or whose gene numbers do not overlap, share no gene
    and no family; a gene is the same in every table that holds it.

    Parameters
    ----------
    folder : Path
        Made where it does not exist. Files of an earlier call with the same arguments are replaced.
    n_genes : int
        Number of genes.
    seed : int
        Number of the collection of genes, 0 or more.
    gene_offset : int
        Number of the first gene in the collection, a multiple of four (relatives lie in groups of four).
    every_position : bool
        Write every position of the genes, each with weight 1, as a base for evaluation on whole genes. Otherwise all
        sites, all negatives that the main base model scores 0.005 or more, and ten other negatives a site, drawn
        uniformly in each gene and weighted by the inverse of the share drawn.

    Returns
    -------
    Path
        ``folder/master``, with ``batch_00001.parquet``, ... and ``dataset_info.json``.

    Raises
    ------
    UsageError
        If a number is out of range.
    WriteError
        If ``folder/master`` holds other files, or cannot be written.
    """
    _check(n_genes, seed, gene_offset)
    master = folder / "master"
    size = min(-(-n_genes // FILES), MAX_GENES_PER_FILE)
    starts = range(gene_offset, gene_offset + n_genes, size)
    names = [f"batch_{number:05d}.parquet" for number in range(1, len(starts) + 1)]
    try:
        _claim(master, {*names, INFO_NAME})
        tally = _Tally()
        for name, start in zip(names, starts, strict=True):
            indices = range(start, min(start + size, gene_offset + n_genes))
            _write_parquet(master / name, list(_gene_tables(indices, seed, tally, every_position=every_position)))
        info = _describe(tally, n_genes, seed, gene_offset, every_position=every_position)
        atomic_write(master / INFO_NAME, (json.dumps(info, indent=1) + "\n").encode())
    except OSError as error:
        raise WriteError(
            "A folder for the demo table that can be written", f"{master}: {error.strerror}", "Choose another folder"
        ) from error
    return master


def _check(n_genes: int, seed: int, gene_offset: int) -> None:
    if n_genes < 1 or seed < 0 or gene_offset < 0 or gene_offset % NEIGHBOURHOOD:
        raise UsageError(
            f"n_genes of at least 1, a seed of at least 0 and a gene_offset that is a multiple of {NEIGHBOURHOOD}",
            f"Found n_genes={n_genes}, seed={seed}, gene_offset={gene_offset}",
            "Correct the numbers",
        )


def _claim(master: Path, names: set[str]) -> None:
    """Make the folder; refuse one with files that this call does not write (hidden names, as of drafts, aside)."""
    master.mkdir(parents=True, exist_ok=True)
    strange = sorted(path.name for path in master.iterdir() if path.name not in names and path.name[0] != ".")
    if strange:
        raise WriteError(
            "A folder for the demo table without other files",
            f"{master} holds {', '.join(strange[:3])}" + (f" and {len(strange) - 3} more" if strange[3:] else ""),
            "Choose another folder or remove them",
        )


def _gene_tables(indices: range, seed: int, tally: _Tally, *, every_position: bool) -> Iterator[pa.Table]:
    for index in indices:
        gene = make_gene(seed, index)
        scores = {MAIN_BASE: main_scores(gene, seed), ALTERNATIVE: alternative_scores(gene, seed)}
        rows, weights = _choose(gene, scores[MAIN_BASE], seed, tally, every_position=every_position)
        columns = _metadata(gene, rows, weights) | feature_columns(gene, scores, rows)
        tally.columns = list(columns)
        tally.table.update(_class_counts(gene.labels[rows]))
        tally.genes.update(_class_counts(gene.labels))
        yield pa.table(columns)


def _class_counts(labels: NDArray[np.uint8]) -> dict[str, int]:
    counts: list[int] = np.bincount(labels, minlength=len(CLASS_NAMES)).tolist()
    return dict(zip(CLASS_NAMES, counts, strict=True))


def _choose(
    gene: Gene, scores: Floats, seed: int, tally: _Tally, *, every_position: bool
) -> tuple[Rows, NDArray[np.float32]]:
    """Positions of a gene that go into the table, in order, and their weights, float32."""
    site = gene.labels != SpliceClass.NEITHER
    hard = ~site & (scores[:, 1:].max(1) >= HARD_SCORE)
    easy = np.flatnonzero(~site & ~hard)
    kept = easy
    if not every_position:
        rng = np.random.default_rng([seed, gene.index, 5])
        kept = rng.choice(easy, min(EASY_PER_SITE * int(site.sum()), len(easy)), replace=False)
    tally.negatives.update(hard_total=int(hard.sum()), easy_total=len(easy), easy_kept=len(kept))
    weights = np.ones(gene.length, np.float32)
    weights[easy] = len(easy) / max(len(kept), 1)
    rows = np.sort(np.concatenate([np.flatnonzero(site | hard), kept])).astype(np.int64)
    return rows, weights[rows]


def _metadata(gene: Gene, rows: Rows, weights: NDArray[np.float32]) -> Columns:
    forward = gene.strand == "+"
    texts = {
        GENE: gene.gene_id,
        "gene_name": gene.gene_id.replace("DEMOG", "demo-"),
        "transcript_id": gene.gene_id.replace("DEMOG", "DEMOT") + ".1",
        FAMILY: gene.family,
        GENE_TYPE: gene.gene_type,
        CHROM: gene.chrom,
        STRAND: gene.strand,
    }
    columns: Columns = {name: np.full(len(rows), text, object) for name, text in texts.items()}
    columns[POSITION] = rows.astype(np.int32)
    columns[GENOMIC_POSITION] = gene.start + rows if forward else gene.start + gene.length - 1 - rows
    columns[LABEL] = np.array(CLASS_NAMES, object)[gene.labels[rows]]
    columns[WEIGHT] = weights
    return columns


def _write_parquet(path: Path, tables: list[pa.Table]) -> None:
    sink = pa.BufferOutputStream()
    table = pa.concat_tables(tables)
    compact = [column.name for column in table.schema if not pa.types.is_floating(column.type)]
    pq.write_table(
        table, sink, row_group_size=ROW_GROUP, compression="zstd", use_dictionary=compact, write_page_checksum=True
    )
    atomic_write(path, sink.getvalue().to_pybytes())


def _describe(tally: _Tally, n_genes: int, seed: int, gene_offset: int, *, every_position: bool) -> dict[str, Any]:
    """The content of ``dataset_info.json``."""
    positions = sum(tally.genes.values())
    features = [name for name in tally.columns if name not in METADATA_COLUMNS]
    return {
        "name": "demo",
        "simulated": True,
        "base_models": [
            {"key": MAIN_BASE.name, "column_prefix": "", "model": MAIN_NAME},
            {"key": ALTERNATIVE.key, "column_prefix": f"{ALTERNATIVE.key}_", "model": ALTERNATIVE_NAME},
        ],
        "assembly": f"simulated genome {seed}",
        "base_model": {
            "name": MAIN_NAME,
            "trained_on": "simulated genes",
            "chroms_train": list(TRAINED_CHROMS),
            "chroms_test": [name for name in ALL_CHROMS if name not in TRAINED_CHROMS],
            "note": "on these chromosomes it remembers some of the sites",
        },
        "n_genes": n_genes,
        "n_rows": sum(tally.table.values()),
        "n_features": len(features),
        "class_counts_table": dict(tally.table),
        "class_counts_all_positions": dict(tally.genes),
        "true_prevalence": {name: round(tally.genes[name] / positions, 8) for name in CLASS_NAMES},
        "negative_sampling": _describe_sampling(tally.negatives, every_position=every_position),
        "kmer_sizes": [KMER],
        "window": WINDOW,
        "seed": seed,
        "gene_offset": gene_offset,
        "metadata_columns": list(METADATA_COLUMNS),
        "feature_columns": features,
    }


def _describe_sampling(negatives: Counter[str], *, every_position: bool) -> dict[str, Any]:
    hard, easy, kept = (negatives[key] for key in ("hard_total", "easy_total", "easy_kept"))
    return {
        "rule": NO_SAMPLING_RULE if every_position else SAMPLING_RULE,
        "weights": f"{WEIGHT}: 1 for sites and hard negatives; for easy ones those of the gene over those kept",
        "negatives_per_site": None if every_position else EASY_PER_SITE,
        "hard_threshold": HARD_SCORE,
        "hard_total": hard,
        "hard_kept": hard,
        "easy_total": easy,
        "easy_kept": kept,
        "overall_fraction": round((hard + kept) / (hard + easy), 6),
    }
