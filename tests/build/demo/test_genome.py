from __future__ import annotations

import shlex
from pathlib import Path

import numpy as np
import pytest
from build_places import digests, require_bigwig

from meta_models.build.annotation import read_annotation
from meta_models.build.demo.genome import build_command, simulate
from meta_models.build.inputs.genome import open_genome
from meta_models.build.scores import open_scores
from meta_models.cli import main


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("demo") / "genome"
    assert main(["demo-genome", "--out", str(out), "--n-genes", "8", "--seed", "4"]) == 0
    return out


def test_equal_seeds_give_equal_files(made: Path, tmp_path: Path) -> None:
    out = tmp_path / "again"
    assert main(["demo-genome", "--out", str(out), "--n-genes", "8", "--seed", "4"]) == 0
    assert digests(out) == digests(made)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["again"]


def test_genes_lie_side_by_side_on_whole_contigs(made: Path) -> None:
    placed = simulate(8, 4).genes
    genes = {gene.gene_id: gene for gene in read_annotation(made / "annotation.gtf").genes}
    with open_genome(made / "genome.fa") as genome:
        ends: dict[str, int] = {}
        for one in placed:
            assert one.start == ends.get(one.gene.chrom, 0)
            ends[one.gene.chrom] = one.start + one.gene.length
            assert (genes[one.gene.gene_id].start, genes[one.gene.gene_id].end) == one.span
        assert genome.lengths == ends


def test_tracks_of_both_kinds_hold_the_same_scores(made: Path) -> None:
    require_bigwig()
    one = simulate(8, 4).genes[1]
    place = (one.gene.chrom, one.start, one.start + one.gene.length, one.gene.strand)
    found = []
    for path in (made / "scores" / "main.parquet", made / "scores" / "main"):
        with open_scores(f"main={path}") as source:
            found.append(source.fetch(*place))
    np.testing.assert_array_equal(found[0], found[1])
    assert np.isfinite(found[0]).all()


def test_a_folder_that_is_there_is_refused(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = digests(made)
    assert main(["demo-genome", "--out", str(made)]) == 3
    assert "must not exist" in capsys.readouterr().err
    assert digests(made) == before


def test_the_command_that_is_told_is_that_of_the_readme() -> None:
    readme = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8").replace("\\\n", " ")
    commands = [shlex.split(line) for line in readme.splitlines() if line.startswith("meta-models build")]
    assert shlex.split(build_command(Path("genome"))) == commands[0]


def test_odd_names_are_quoted() -> None:
    words = shlex.split(build_command(Path("my demo")))
    assert "main=my demo/scores/main.parquet" in words
