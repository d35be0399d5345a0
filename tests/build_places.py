"""A small simulated genome to build from, and the commands that do."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from meta_models.build.command import run_build
from meta_models.build.config import BuildConfig, DemoGenomeConfig
from meta_models.build.demo.genome import run_demo_genome

GENES = 16


@dataclass(frozen=True)
class Place:
    """Files of a genome."""

    folder: Path

    @property
    def genome(self) -> Path:
        return self.folder / "genome.fa"

    @property
    def annotation(self) -> Path:
        return self.folder / "annotation.gtf"

    def scores(self, key: str = "main") -> Path:
        return self.folder / "scores" / f"{key}.parquet"

    def options(self, **changes: object) -> dict[str, object]:
        """What `BuildConfig` is made from; short flanks make small tests quick."""
        return {
            "genome": self.genome, "annotation": self.annotation, "gene_types": ("all",), "flank": 400, "threads": 1,
            "scores": (f"main={self.scores()}", f"alt={self.scores('alt')}"), **changes,
        }  # fmt: skip

    def build(self, out: Path, **changes: object) -> Path:
        run_build(BuildConfig.from_mapping(self.options(out=out, **changes)))
        return out


def make_place(folder: Path, *, genes: int = GENES, seed: int = 3) -> Place:
    run_demo_genome(DemoGenomeConfig(out=folder, n_genes=genes, seed=seed))
    return Place(folder)


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below a folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def rows(out: Path) -> dict[str, list[object]]:
    """The table of a built folder by column."""
    return pq.read_table(out / "master").to_pydict()


def require_bigwig() -> None:
    pytest.importorskip("pyBigWig", reason="tracks are written by pyBigWig")
