"""The configuration of ``meta-models predict``."""

from __future__ import annotations

import math
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from meta_models.config import CLUSTERS, SCORE_NAMES, Cluster, Configuration, PositiveInt, Share, ValueNames
from meta_models.local_paths import LocalName, LocalPath, TableName
from meta_models.schema import CODING

#: What the output is written as, by the end of its name.
OUTPUT_SUFFIXES = (".parquet", ".pq", ".tsv", ".tsv.gz")
_OF_GENOME = ("scores", "evidence", "annotation", "regions", "gene_types", "shift", "score_floor", "chrom_map")
Probability = Annotated[float, Field(ge=0, le=1)]
Prior = Annotated[float, Field(gt=0, lt=1)]


class PredictConfig(Configuration):
    """Everything that determines what is predicted and written."""

    # ---- input and output
    model: LocalName = Field(description="Model file, or a pattern that exactly one file matches.")
    dataset: TableName | None = Field(
        None,
        description="Parquet/CSV/TSV file or folder, or 'demo' for the built-in table; labels and gene ids may be "
        "absent. Or --genome and --scores.",
    )
    out: LocalPath = Field(description="File to write: .parquet, .tsv or .tsv.gz.")
    tracks: LocalPath | None = Field(
        None, description="Folder for genome browser tracks of donor and acceptor probability."
    )
    track_formats: tuple[Literal["bed", "bedgraph", "bigwig"], ...] | None = Field(
        None, description="Which tracks: bed, bedgraph, bigwig (default: all, bigwig where pyBigWig is installed)."
    )
    chrom_sizes: LocalPath | None = Field(
        None,
        description="Sizes of the chromosomes for bigWig (name, tab, size); else those known of the genome, or the "
        "last position of the table.",
    )
    overwrite: bool = Field(default=False, description="Replace the output of an earlier run.")
    resume: bool = Field(default=False, description="Reuse the finished parts of an interrupted run.")
    verbose: bool = Field(default=False, description="Log details.")

    # ---- instead of a table: a genome
    genome: LocalPath | None = Field(
        None, description="FASTA file of a genome (plain, or packed as BGZF) to predict from, instead of a table."
    )
    scores: tuple[str, ...] = Field(
        (),
        description="Scores on it as KEY=[KIND:]PATH, with the keys, and in the order, that the model was built with.",
    )
    evidence: tuple[str, ...] = Field(
        (), description="Evidence on it as NAME=[KIND:]PATH, as the model was built with."
    )
    annotation: LocalPath | None = Field(
        None, description="GTF or GFF3 file: every position of its genes is predicted."
    )
    regions: LocalPath | None = Field(None, description="BED file: every position of its regions is predicted.")
    gene_types: tuple[str, ...] = Field((CODING,), description="Types of genes that are predicted; 'all' for any.")
    shift: tuple[str, ...] = Field(
        ("check",),
        description="Positions of the scores: check (refuse where they are shifted), auto (apply what is measured), or "
        "KEY:donor=N,acceptor=N.",
    )
    score_floor: tuple[str, ...] = Field(
        (), description="[KEY:]FLOOR: lower scores are read as 0, as of the tracks that the model was trained on."
    )
    chrom_map: LocalPath | None = Field(
        None, description="File of names of contigs: in annotation or tracks, tab, in the genome."
    )

    # ---- what is predicted
    prevalence: Annotated[tuple[Prior, Prior, Prior] | None, ValueNames(("NEITHER", "DONOR", "ACCEPTOR"))] = Field(
        None,
        description="Shares of neither, donor and acceptor that corrected_* are for "
        "(default: true_prevalence in dataset_info.json; without it there are no corrected_*).",
    )
    only_uncertain: Annotated[tuple[Probability, Probability] | None, ValueNames(("LOW", "HIGH"))] = Field(
        None,
        description="Apply the model only where the highest base site score lies between LOW and HIGH; else keep that.",
    )
    base_score_columns: Annotated[tuple[str, str, str] | None, SCORE_NAMES] = Field(
        None, description="Main base model's donor, acceptor and neither score columns, if named otherwise."
    )

    # ---- is the table like the one trained on?
    strict: bool = Field(default=False, description="Refuse a table whose features are far from those of training.")
    drift_rows: PositiveInt = Field(32_768, description="Rows, in evenly spaced blocks, whose features are compared.")
    psi_alarm: Annotated[float, Field(gt=0)] = Field(
        0.25, description="Population-stability index from which a feature is far from training."
    )
    missing_alarm: Share = Field(
        0.1, description="Difference in the share of missing values from which a feature is far from training."
    )

    # ---- resources
    part_rows: PositiveInt = Field(262_144, description="Rows of a part, the unit that --resume reuses.")
    threads: PositiveInt | None = Field(None, description="CPU threads (default: what this process may use).")
    distributed: Cluster = Field(None, description=f"Score parts of the table on a Dask cluster: {CLUSTERS}.")

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.out.name.lower().endswith(OUTPUT_SUFFIXES):
            raise ValueError(f"--out must end in one of {', '.join(OUTPUT_SUFFIXES)}, found {self.out}")
        if self.prevalence is not None and not math.isclose(sum(self.prevalence), 1, abs_tol=1e-3):
            raise ValueError(f"prevalence must sum to 1, its sum is {sum(self.prevalence):g}")
        if self.only_uncertain is not None and self.only_uncertain[0] > self.only_uncertain[1]:
            raise ValueError("only_uncertain needs LOW, then HIGH")
        if self.resume and self.overwrite:
            raise ValueError("resume and overwrite exclude one another")
        if self.distributed is not None and self.dataset is None:
            raise ValueError("distributed needs dataset: the tracks of a genome are read by one process")
        for name in ("track_formats", "chrom_sizes"):
            if self.tracks is None and getattr(self, name) is not None:
                raise ValueError(f"{name} needs tracks, the folder that tracks are written to")
        self._check_input()
        return self

    def _check_input(self) -> None:
        if (self.dataset is None) == (self.genome is None):
            raise ValueError("give dataset, or genome with scores")
        if self.genome is None:
            if given := [name for name in _OF_GENOME if name in self.model_fields_set and getattr(self, name)]:
                raise ValueError(f"{', '.join(given)} belong to genome, not to dataset")
        elif not self.scores or (self.annotation is None) == (self.regions is None):
            raise ValueError("genome needs scores, and annotation or regions")
        elif self.base_score_columns is not None:
            raise ValueError("base_score_columns belong to dataset, not to genome")
