"""Four bigWig files."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from fuzzing import written
from pseudo_genome import PseudoGenome

from meta_models.build.inputs.genome import open_genome
from meta_models.build.scores import ScoreSource, open_scores
from meta_models.errors import InputError, UsageError
from meta_models.workers import run_jobs

SIZES = [("c", 100), ("d", 50)]


def four(folder: Path, donor_plus: list[tuple[str, int, float]], acceptor_plus: list[tuple[str, int, float]]) -> Path:
    """A folder of bigWig files from (contig, 0-based position, score); the minus strand has a score on c only."""
    library = pytest.importorskip("pyBigWig")
    folder.mkdir()
    minus = [("c", 3, 0.5)]
    for name, rows in {
        "spliceAiDonorPlus": donor_plus, "spliceAiAcceptorPlus": acceptor_plus, "spliceAiDonorMinus": minus,
        "spliceAiAcceptorMinus": minus,
    }.items():  # fmt: skip
        file = library.open(str(folder / f"{name}.bw"), "w")
        file.addHeader(SIZES)
        for contig, start, score in rows:
            file.addEntries([contig], [start], ends=[start + 1], values=[float(score)])
        file.close()
    return folder


def test_positions_strands_and_contigs(tmp_path: Path) -> None:
    folder = four(tmp_path / "s", [("c", 0, 0.25), ("c", 2, 0.5)], [("c", 1, 0.75), ("d", 1, 0.5)])
    with open_scores(f"main={folder / 'spliceAi'}") as source:
        assert source.kind == "bigwig"
        assert source.sparse
        assert source.fetch("c", 0, 3, "+").tolist() == [[0.25, 0], [0, 0.75], [0.5, 0]]
        assert source.fetch("c", 2, 5, "-").tolist() == [[0, 0], [0.5, 0.5], [0, 0]]
        assert np.isnan(source.fetch("d", 0, 3, "+")).all(), "no donors there"
        assert np.isnan(source.fetch("d", 0, 3, "-")).all()
        source.match_contigs({"c": 100, "d": 50})
        assert np.isnan(source.fetch("c", 99, 102, "+")[1:]).all()
        assert np.isnan(source.fetch("c", -2, 1, "+")[:2]).all()


def test_scores_that_are_none_are_refused_with_their_place(tmp_path: Path) -> None:
    folder = four(tmp_path / "s", [("c", 0, -2.5), ("c", 2, 0.5)], [("c", 1, 0.75)])
    with open_scores(f"main={folder}") as source, pytest.raises(InputError, match=r"donor -2.5 at c:1\. .*log-odds"):
        source.fetch("c", 0, 10, "+")


@pytest.mark.parametrize("data", [b"", b"text", b"\x26\xfc\x8f\x88broken"])
def test_no_bigwig(tmp_path: Path, data: bytes) -> None:
    folder = four(tmp_path / "s", [("c", 0, 0.5)], [("c", 0, 0.5)])
    written(folder, "spliceAiDonorPlus.bw", data)
    with pytest.raises(InputError, match="bigWig"):
        open_scores(f"main={folder}")


def test_without_the_library_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = four(tmp_path / "s", [("c", 0, 0.5)], [("c", 0, 0.5)])
    monkeypatch.setitem(sys.modules, "pyBigWig", None)
    with pytest.raises(UsageError, match=r"Run pip install '\.\[genomics\]'"):
        open_scores(f"main={folder}")


def all_scores(source: ScoreSource, lengths: dict[str, int]) -> list[np.ndarray]:
    return [source.fetch(contig, -5, lengths[contig] + 5, strand) for contig in lengths for strand in "+-"]


@pytest.mark.real_data
@pytest.mark.parametrize("key", ["osai400", "honeybee400"])
def test_bigwig_and_parquet_give_the_same_arrays(worm: PseudoGenome, key: str) -> None:
    with (
        open_genome(worm.fasta) as genome,
        open_scores(f"main={worm.folder / 'scores' / key}") as bigwig,
        open_scores(f"main={worm.folder / 'scores' / key}.parquet") as table,
    ):
        for source in (bigwig, table):
            source.match_contigs(genome.lengths)
        lengths = dict(genome.lengths)
        for one, other in zip(all_scores(bigwig, lengths), all_scores(table, lengths), strict=True):
            np.testing.assert_array_equal(one, other)
        for gene in worm.genes:
            assert not np.isnan(bigwig.fetch(*gene)).any()
        assert {k: bigwig.facts()[k] for k in ("floor", "decimals", "absent")} == {
            k: table.facts()[k] for k in ("floor", "decimals", "absent")
        }


@pytest.mark.real_data
def test_forked_children_read_what_the_parent_reads(worm: PseudoGenome) -> None:
    with open_scores(f"main={worm.folder / 'scores' / 'osai400'}") as source:
        expected = {gene: source.fetch(*gene).tobytes() for gene in worm.genes}
        found = dict(run_jobs(worm.genes[:20], lambda gene: source.fetch(*gene).tobytes(), processes=4))
        assert {gene: source.fetch(*gene).tobytes() for gene in worm.genes} == expected
    assert found == {gene: expected[gene] for gene in worm.genes[:20]}
