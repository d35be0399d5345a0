"""``meta-models demo-genome``: a small simulated genome, its annotation, and the scores of two base models.

The genes and base models are those of the built-in table (`meta_models.dataset.demo`): the main one errs by design, so
there is something to learn. Genes lie side by side, some hundred bases apart, and are scored beyond their ends.
"""

from __future__ import annotations

import logging
import shlex
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from meta_models.build.config import DemoGenomeConfig
from meta_models.build.demo.tracks import write_bigwigs
from meta_models.build.inputs.genome import reverse_complement
from meta_models.dataset.demo.genes import Gene, make_gene
from meta_models.dataset.demo.scorer import alternative_scores, main_scores
from meta_models.errors import ExitCode, InputError
from meta_models.features import BASES
from meta_models.local_paths import is_taken
from meta_models.run_folder.atomic import temporary_for, write_error
from meta_models.run_folder.native_files import open_native
from meta_models.schema import SITE_CLASSES

logger = logging.getLogger(__name__)
MARGIN = 400  # bases around a gene that are scored, too
_LINE = 60
_LETTERS = np.frombuffer(BASES.encode(), np.uint8)
Scorer = Callable[[Gene, int], NDArray[np.float64]]
SCORERS: dict[str, Scorer] = {"main": main_scores, "alt": alternative_scores}


@dataclass(frozen=True, eq=False)
class PlacedGene:
    """A gene with what lies around it, on its contig.

    Attributes
    ----------
    gene : Gene
        `MARGIN` bases longer on each side than what is transcribed.
    start : int
        0-based first base of the margin on the forward strand.
    """

    gene: Gene
    start: int

    @property
    def forward(self) -> NDArray[np.uint8]:
        """Codes of the forward strand, uint8 (gene.length,)."""
        flank = (len(self.gene.sequence) - self.gene.length) // 2
        sense = self.gene.sequence[flank : flank + self.gene.length]
        return sense if self.gene.strand == "+" else reverse_complement(sense)

    @property
    def span(self) -> tuple[int, int]:
        """First and last base that is transcribed, 1-based."""
        return self.start + MARGIN + 1, self.start + self.gene.length - MARGIN

    def exons(self) -> NDArray[np.int64]:
        """First and last base of each exon, 1-based on the forward strand, int64 (n, 2), in order."""
        last = self.gene.length - 1
        inner = np.flatnonzero(self.gene.labels)
        sense = np.concatenate([[MARGIN], inner, [last - MARGIN]]).reshape(-1, 2)
        placed = sense if self.gene.strand == "+" else (last - sense)[::-1, ::-1]
        return placed + self.start + 1


@dataclass(frozen=True, eq=False)
class DemoGenome:
    """Genes on their contigs."""

    genes: tuple[PlacedGene, ...]
    seed: int

    @cached_property
    def contigs(self) -> dict[str, NDArray[np.uint8]]:
        """Codes of each contig."""
        names = dict.fromkeys(placed.gene.chrom for placed in self.genes)
        return {
            name: np.concatenate([placed.forward for placed in self.genes if placed.gene.chrom == name])
            for name in names
        }

    def scores(self, scorer: Scorer) -> pa.Table:
        """The long table of a base model: chrom, position (1-based), strand, donor, acceptor."""
        tables = []
        for placed in self.genes:
            values = scorer(placed.gene, self.seed)[:, list(SITE_CLASSES)].astype(np.float32)
            forward = values if placed.gene.strand == "+" else values[::-1]
            n = len(forward)
            tables.append(
                pa.table({
                    "chrom": [placed.gene.chrom] * n, "position": placed.start + np.arange(1, n + 1),
                    "strand": [placed.gene.strand] * n, "donor": forward[:, 0], "acceptor": forward[:, 1],
                })
            )  # fmt: skip
        return pa.concat_tables(tables)


def simulate(n_genes: int, seed: int) -> DemoGenome:
    """The first `n_genes` genes of a collection, side by side on their contigs."""
    ends: dict[str, int] = {}
    placed = []
    for index in range(n_genes):
        gene = _with_margins(make_gene(seed, index), seed)
        placed.append(PlacedGene(gene, ends.get(gene.chrom, 0)))
        ends[gene.chrom] = placed[-1].start + gene.length
    return DemoGenome(tuple(placed), seed)


def _with_margins(gene: Gene, seed: int) -> Gene:
    """The gene with bases around it that are scored like its own."""
    rng = np.random.default_rng([seed, gene.index, 6])
    before, after = (rng.integers(0, 4, MARGIN).astype(np.uint8) for _ in range(2))
    around = np.zeros(MARGIN, np.uint8)
    return replace(
        gene,
        sequence=np.concatenate([before, gene.sequence, after]),
        labels=np.concatenate([around, gene.labels, around]),
    )


def run_demo_genome(config: DemoGenomeConfig) -> ExitCode:
    """Do what ``meta-models demo-genome`` is asked to.

    Raises
    ------
    InputError
        If the folder is there already.
    WriteError
        If it cannot be written.
    """
    if is_taken(config.out):
        raise InputError(f"{config.out} must not exist", "Found it", "Give another --out")
    genome = simulate(config.n_genes, config.seed)
    work = temporary_for(config.out)
    try:
        (work / "scores").mkdir(parents=True)
        (work / "genome.fa").write_bytes(b"".join(fasta(genome)))
        (work / "annotation.gtf").write_text("".join(gtf(genome.genes)), encoding="utf-8")
        _write_scores(genome, work / "scores")
        work.rename(config.out)
    except OSError as error:
        raise write_error(error, config.out) from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
    _tell(config, genome)
    return ExitCode.DONE


def _write_scores(genome: DemoGenome, folder: Path) -> None:
    lengths = {name: len(codes) for name, codes in genome.contigs.items()}
    for key, scorer in SCORERS.items():
        table = genome.scores(scorer)
        with open_native(folder / f"{key}.parquet", "wb") as sink:
            pq.write_table(table, sink, compression="zstd", write_page_checksum=True)
        if find_spec("pyBigWig") is not None:
            write_bigwigs(table, lengths, folder / key)


def _tell(config: DemoGenomeConfig, genome: DemoGenome) -> None:
    logger.info("%d simulated genes on %d contigs in %s", len(genome.genes), len(genome.contigs), config.out)
    logger.info("Build it: %s", build_command(config.out))


def build_command(out: Path) -> str:
    """The command that builds from the genome in `out`, as README has it."""
    scores = [f"{key}={out / 'scores' / key}.parquet" for key in SCORERS]
    files = ["--genome", out / "genome.fa", "--annotation", out / "annotation.gtf"]
    words = ["meta-models", "build", *files, "--gene-types", "all", "--scores", *scores, "--out", "built"]
    return shlex.join(map(str, words))


def fasta(genome: DemoGenome) -> Iterator[bytes]:
    """The genome as FASTA."""
    for name, codes in genome.contigs.items():
        letters = _LETTERS[codes].tobytes()
        yield f">{name}\n".encode()
        yield from (letters[k : k + _LINE] + b"\n" for k in range(0, len(letters), _LINE))


def gtf(genes: Sequence[PlacedGene]) -> Iterator[str]:
    """The genes as GTF, each with one transcript."""
    for placed in genes:
        gene = placed.gene
        own = f'gene_id "{gene.gene_id}"; gene_name "{gene.gene_id}"; gene_type "{gene.gene_type}";'
        told = f'{own} transcript_id "{gene.gene_id}.1";'
        rows = [("gene", *placed.span, own), ("transcript", *placed.span, told)]
        rows += [("exon", start, end, told) for start, end in placed.exons().tolist()]
        for feature, start, end, attributes in rows:
            yield f"{gene.chrom}\tdemo\t{feature}\t{start}\t{end}\t.\t{gene.strand}\t.\t{attributes}\n"
