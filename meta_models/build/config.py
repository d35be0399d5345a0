"""The configurations of ``meta-models build`` and ``meta-models demo-genome``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from meta_models.config import CLUSTERS, Cluster, Configuration, PositiveInt, Share
from meta_models.schema import CODING

AUTO, NONE, DEFAULT = "auto", "none", "default"


class BuildConfig(Configuration):
    """Everything that determines what is built."""

    # ---- input and output
    genome: Path = Field(description="FASTA file of the genome: plain, or packed as BGZF.")
    annotation: Path = Field(description="GTF or GFF3 file, plain or gzip.")
    scores: tuple[str, ...] = Field(
        description="Base models as KEY=[KIND:]PATH, the main one first; KIND is bigwig, bedgraph, openspliceai, table "
        "or npz (default: found from the files).",
        min_length=1,
    )
    evidence: tuple[str, ...] = Field(
        (), description="Measured tracks as NAME=[KIND:]PATH; KIND is bigwig, or star for junctions (SJ.out.tab)."
    )
    out: Path | None = Field(None, description="Folder to write; must be absent.")
    chrom_map: Path | None = Field(
        None, description="File of names of contigs: in annotation or tracks, tab, in the genome."
    )
    resume: bool = Field(default=False, description="Reuse the finished blocks of an interrupted build.")
    dry_run: bool = Field(default=False, description="Print plan and checks as JSON and write nothing.")
    verbose: bool = Field(default=False, description="Log details.")

    # ---- genes and labels
    chroms: tuple[str, ...] = Field((), description="Build genes of these contigs only.")
    genes: tuple[str, ...] = Field((), description="Build these genes only: ids or names, or @FILE with one a line.")
    gene_types: tuple[str, ...] = Field((CODING,), description="Types of genes that are built; 'all' for any.")
    transcripts: Literal["all", "canonical"] = Field(
        "all", description="Whose introns make sites: of all transcripts, or of the canonical one of each gene."
    )
    other_sites: Literal["mask", "neither"] = Field(
        "mask", description="What sites are of transcripts and genes that are not used: left out, or neither."
    )
    min_intron: PositiveInt = Field(20, description="Gaps between exons of fewer bases are no introns.")
    noncanonical: Literal["keep", "drop-gene", "mask"] = Field(
        "keep", description="What is done with introns that are not GT-AG, GC-AG or AT-AC."
    )
    on_bad_transcript: Literal["error", "skip"] = Field(
        "error", description="What is done with a transcript whose exons overlap."
    )
    families: str = Field(
        AUTO,
        description="Which genes are related: found from their sequences (auto), a FILE of gene, tab, family, none.",
    )

    # ---- scores
    shift: tuple[str, ...] = Field(
        ("check",),
        description="Positions of the scores: check (refuse where they are shifted), auto (apply what is measured), or "
        "KEY:donor=N,acceptor=N.",
    )
    score_floor: tuple[str, ...] = Field(
        (),
        description="[KEY:]FLOOR: lower scores are read as 0, as of tracks that leave them out, and predict asks for "
        "such tracks or the same option.",
    )
    least_coverage: Share = Field(
        0.99, description="Least share of the bases of genes that a base model must cover, unless it leaves out zeros."
    )

    # ---- rows
    negatives_per_site: Annotated[float, Field(ge=0)] = Field(10.0, description="Negatives for each site, on average.")
    rows: PositiveInt | None = Field(None, description="Rows on average, instead of --negatives-per-site.")
    keep_above: Share = Field(0.005, description="Negatives that any base model scores so high are all kept.")
    all_positions: bool = Field(default=False, description="Keep every position.")
    seed: Annotated[int, Field(ge=0, lt=2**31)] = Field(0, description="Seed of the draw of rows.")

    # ---- features
    features: tuple[str, ...] = Field(
        (DEFAULT,),
        description="Groups of features: default (scores, models, context, sequence, evidence), annotation (known only "
        "where genes are annotated), kmer.",
    )
    flank: Annotated[int, Field(ge=0)] = Field(
        5000, description="Bases beyond a gene that are read; with 0, features tell where the gene ends."
    )

    # ---- facts about the base model
    name: str | None = Field(None, description="Name of the dataset.")
    base_train_chroms: tuple[str, ...] | None = Field(
        None, description="Chromosomes that the main base model was trained on."
    )

    # ---- resources
    block_positions: PositiveInt = Field(
        2**22, description="Positions of the genes of a block, the unit of processes and of --resume; a file each."
    )
    max_memory_gb: Annotated[float, Field(gt=0)] | None = Field(
        None, description="Memory budget in GB (10^9 bytes); it sets how many blocks are built at a time."
    )
    threads: PositiveInt | None = Field(
        None, description="Blocks built at a time (default: what this process may use)."
    )
    distributed: Cluster = Field(
        None,
        description=f"Build blocks on a Dask cluster: {CLUSTERS}. Its processes read the inputs for themselves; the "
        "first look at all genes is done here.",
    )

    @field_validator("features", "gene_types", "chroms", "base_train_chroms", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        """Names may be separated by commas, too."""
        if isinstance(value, str):
            value = (value,)
        if not isinstance(value, list | tuple) or not all(isinstance(name, str) for name in value):
            return value
        return tuple(name for part in value for name in part.split(",") if name)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.out is None and not self.dry_run:
            raise ValueError("out must name the folder to write (--out DIR), or give --dry-run")
        if not self.features:
            raise ValueError("features must name a group or more")
        return self


class DemoGenomeConfig(Configuration):
    """What ``meta-models demo-genome`` simulates, and where it is written."""

    out: Path = Field(description="Folder to write; must be absent.")
    n_genes: PositiveInt = Field(60, description="Number of genes.")
    seed: Annotated[int, Field(ge=0, lt=2**31)] = Field(
        0, description="Seed; genomes of different seeds share no gene."
    )
