"""OpenSpliceAI's predictions, as its versions wrote them."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from fuzzing import FUZZ, PACKING, data_lines, texts, written
from hypothesis import given
from hypothesis import strategies as st
from pseudo_genome import PseudoGenome

from meta_models.build.inputs.genome import open_genome
from meta_models.build.scores import ScoreSource, open_scores
from meta_models.build.scores.openspliceai_rows import read_rows
from meta_models.build.tracks.alignment import measure_shift, require_aligned
from meta_models.build.tracks.shifts import ShiftedScores, Shifts
from meta_models.errors import InputError

NAN = np.nan


def folder_of(where: Path, donors: Iterable[str], acceptors: Iterable[str]) -> Path:
    where.mkdir(parents=True)
    for kind, rows in (("Donor", donors), ("Acceptor", acceptors)):
        lines = [row.format(kind) for row in rows]
        written(where, f"{kind.lower()}_predictions.bed", "".join(f"{line}\n" for line in lines).encode())
    return where


def test_genomic_coordinates_are_taken_and_padding_is_cut_off(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    plus = "chr1\t{}\t{}\tg1 chr1:11-15(+)_{{}}\t{}\t+"
    minus = "chr1\t{}\t{}\tg2 chr1:31-34(-)_{{}}\t{}\t-"
    folder = folder_of(
        tmp_path / "SpliceAI_5000_400",
        [plus.format(10, 11, "0.500000"), plus.format(14, 15, "0.250000"), plus.format(15, 16, "0.900000"),
         minus.format(33, 34, "0.125000"), minus.format(29, 30, "0.900000")],
        [plus.format(11, 12, "0.300000"), minus.format(30, 31, "0.750000")],
    )  # fmt: skip
    with open_scores(f"main={folder.parent}", scratch=tmp_path) as source:
        assert (source.kind, source.contigs, source.facts()["absent"]) == ("openspliceai", ("chr1",), "zero")
        assert "2 rows beyond the sequences that were predicted are left out" in caplog.text
        found = source.fetch("chr1", 9, 16, "+")
        np.testing.assert_array_equal(found[:, 0], np.float32([NAN, 0.5, 0, 0, 0, 0.25, NAN]))
        np.testing.assert_array_equal(found[:, 1], np.float32([NAN, 0, 0.3, 0, 0, 0, NAN]))
        found = source.fetch("chr1", 29, 35, "-")
        np.testing.assert_array_equal(found[:, 0], np.float32([NAN, 0.125, 0, 0, 0, NAN]))
        np.testing.assert_array_equal(found[:, 1], np.float32([NAN, 0, 0, 0, 0.75, NAN]))


def test_relative_coordinates_are_turned_by_the_header_not_by_the_strand_column(tmp_path: Path) -> None:
    row = "g2 I:31-34(-):+\t{}\t{}\tg2 I:31-34(-):+_{{}}\t{}\t+\tabsolute_coordinates"
    folder = folder_of(tmp_path / "s", [row.format(0, 1, 0.5), row.format(3, 4, 0.25), row.format(4, 5, 0.9)], [])
    with open_scores(f"main={folder}") as source:
        found = source.fetch("I", 30, 34, "-")
        assert np.isnan(source.fetch("I", 30, 34, "+")).all()
    assert found[:, 0].tolist() == [0.5, 0, 0, 0.25]


def test_a_plain_genome_and_pieces_that_overlap(tmp_path: Path) -> None:
    pieces = ["chr1:1-100(.):+", "chr1:91-200(.):+"]
    split = [f"chr1\t95\t96\t{name}_{{}}\t0.{2 + 3 * k}\t+" for k, name in enumerate(pieces)]
    whole = "2 dna of yeast:+\t7\t8\t2 dna of yeast:+_{}\t0.500000\t+\tabsolute_coordinates"
    with open_scores(f"main={folder_of(tmp_path / 's', [*split, whole], [])}") as source:
        assert source.contigs == ("chr1", "2")
        assert source.fetch("chr1", 95, 97, "+")[:, 0].tolist() == [np.float32(0.5), 0], "the higher one"
        assert source.fetch("2", 7, 9, "+").tolist() == [[0.5, 0], [0, 0]]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("chr1\t1\t2\tg chr1:1-9(+)_{}\t0.5", "line 1: expected chrom, start, end, NAME_Donor"),
        ("chr1\t1\t2\tg chr1:1-9(+)\t0.5\t+", "line 1: expected a name with _Donor"),
        ("chr1\t1\t2\tg chr1:1-9(+)_{}\t0.5\t-", "line 1: expected a name with _Donor"),
        ("chr1\t1\t9\tg chr1:1-9(+)_{}\t0.5\t+", "line 1: expected a name with _Donor"),
        ("chr1\t1\t2\tg chr1:1-9(+)_{}\tx\t+", "line 1: expected a name with _Donor"),
        ("x:-\t1\t2\tx:-_{}\t0.5\t-\tabsolute_coordinates", "line 1: expected a name with _Donor"),
        ("chr1\t1\t2\tg chr1:1-9(+)_{}\t1.5\t+", "Found 1 others, the first: 1.5 at line 1"),
        ("", "must hold predictions"),
    ],
)
def test_bad_rows(tmp_path: Path, row: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        open_scores(f"main={folder_of(tmp_path / 's', [row], [])}", scratch=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["s"]


#: What versions wrote for a labelled base z: the interval from z, in the direction of the strand.
VERSIONS = {
    "early": {"donor": (1, 3), "acceptor": (-2, 0)},
    "0.0.7": {"donor": (0, 1), "acceptor": (-1, 0)},
}
EXPECTED = {"early": Shifts(-1, -1, 2, 2), "0.0.7": Shifts(0, 0, 1, 1)}


def predicted(worm: PseudoGenome, source: ScoreSource, where: Path, version: str, *, relative: bool) -> Path:
    """The scores of real genes as a version of OpenSpliceAI would have written them."""
    rows: dict[str, list[str]] = {"donor": [], "acceptor": []}
    for gene in worm.genes:
        header = f"{gene.gene_id} {gene.contig}:{gene.start + 1}-{gene.end}({gene.strand})"
        scores = source.fetch(*gene)
        for column, kind in enumerate(rows):
            first, last = VERSIONS[version][kind]
            for k in np.flatnonzero(scores[:, column] > 1e-6):
                if relative:
                    if k + first >= 0:
                        place = f"{header}:+\t{k + first}\t{k + last}\t{header}:+_{kind.title()}"
                        rows[kind].append(f"{place}\t{scores[k, column]:.6f}\t+\tabsolute_coordinates")
                    continue
                at = (gene.start + k + first, gene.start + k + last)
                at = at if gene.strand == "+" else (gene.end - k - last, gene.end - k - first)
                if at[0] >= 0:
                    place = f"{gene.contig}\t{at[0]}\t{at[1]}\t{header}_{kind.title()}"
                    rows[kind].append(f"{place}\t{scores[k, column]:.6f}\t{gene.strand}")
    return folder_of(where, rows["donor"], rows["acceptor"])


@pytest.mark.real_data
@pytest.mark.parametrize(("version", "relative"), [("early", False), ("0.0.7", False), ("0.0.7", True)])
def test_the_shift_of_each_version_is_measured_and_undone(
    worm: PseudoGenome, tmp_path: Path, version: str, *, relative: bool
) -> None:
    with (
        open_genome(worm.fasta) as genome,
        open_scores(f"main={worm.folder / 'scores' / 'osai400'}") as truth,
        open_scores(f"main={predicted(worm, truth, tmp_path / 's', version, relative=relative)}") as source,
    ):
        source.match_contigs(genome.lengths)
        found = measure_shift(source, genome, worm.genes)
        assert found.shifts == EXPECTED[version]
        with pytest.raises(InputError, match=r"at a shift: .*Give --shift main:donor=.*or --shift auto"):
            require_aligned([found])
        mended = ShiftedScores(source, found.shifts)
        require_aligned([measure_shift(mended, genome, worm.genes)])
        for gene in worm.genes:
            inner = slice(3, gene.end - gene.start - 3)
            np.testing.assert_allclose(mended.fetch(*gene)[inner], truth.fetch(*gene)[inner], atol=1.1e-6)


FIELDS = [
    st.sampled_from(["chr1", "I", "g I:3-9(-):+"]), st.integers(-3, 12).map(str), st.integers(0, 12).map(str),
    st.sampled_from(["g chr1:1-9(+)_Donor", "g I:3-9(-):+_Acceptor", "x_Donor", "g chr1:9-1(+)_Donor", "g"]),
    st.sampled_from(["0.5", "nan", "x"]), st.sampled_from(["+", "-"]),
]  # fmt: skip


@FUZZ
@given(raw=st.one_of(texts(FIELDS), texts([*FIELDS, st.just("absolute_coordinates")])), pack=PACKING)
def test_any_file_is_read_whole_or_refused(raw: bytes, pack: object, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = written(tmp_path_factory.getbasetemp(), "fuzz.bed", pack(raw))  # type: ignore[operator]
    try:
        rows = list(read_rows(path))
    except InputError:
        return
    assert len(rows) == len(data_lines(raw))
