"""Real genes of the worm as a person would have them: a genome, an annotation, tracks of scores."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from meta_models.build.inputs.regions import Region

_GENE_ID = re.compile(r'gene_id "([^"]+)"')


@dataclass(frozen=True)
class PseudoGenome:
    """What the maker wrote: ``genome.fa``, ``annotation.gtf``, ``scores/KEY.parquet``, ``scores/KEY/*.bw``."""

    folder: Path
    genes: tuple[Region, ...]

    @property
    def fasta(self) -> Path:
        return self.folder / "genome.fa"


#: Runs a script as if pyBigWig were not installed: writing bigWig takes most of the maker's time.
_WITHOUT_BIGWIG = """
import runpy, sys
sys.modules["pyBigWig"] = None
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def make_pseudo_genome(
    real_data: Path, folder: Path, *, genes: int, raw: str = "worm", bigwig: bool = True
) -> PseudoGenome:
    """Make one of the first genes of a raw file."""
    maker = real_data.parent / "tools" / "make_genome.py"
    if not maker.is_file():
        pytest.skip(f"{maker} is not there: it makes genomes from the raw files")
    started = [sys.executable] if bigwig else [sys.executable, "-c", _WITHOUT_BIGWIG]
    command = [*started, maker, real_data / "raw" / f"{raw}.npz", "--out", folder, "--genes", str(genes)]
    subprocess.run(command, check=True, capture_output=True)
    lines = (line.split("\t") for line in (folder / "annotation.gtf").read_text().splitlines())
    found = (
        Region(f[0], int(f[3]) - 1, int(f[4]), f[6], match[1])
        for f in lines
        if f[2] == "gene" and (match := _GENE_ID.search(f[8]))
    )
    return PseudoGenome(folder, tuple(found))
