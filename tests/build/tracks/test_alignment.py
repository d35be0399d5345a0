"""Scores that lie elsewhere than the sequence says are found out, and it is said how they lie."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import pytest
from fuzzing import written
from pseudo_genome import PseudoGenome

from meta_models.build.inputs.genome import Genome, open_genome
from meta_models.build.scores import ScoreSource, open_scores
from meta_models.build.tracks.alignment import SHIFTS, Alignment, Region, measure_shift, require_aligned
from meta_models.build.tracks.shifts import ShiftedScores, Shifts
from meta_models.errors import InputError

#: 18 bases, donor at 4 (G of GT behind it), acceptor at 13 (AG before it).
GENE = "CCAAGGTAAGTCAGCCTT"


def tiny(folder: Path, copies: int, donor: int, acceptor: int) -> tuple[Genome, ScoreSource, list[Region]]:
    """Copies of one gene with a donor and an acceptor score at these places."""
    genome = open_genome(written(folder, "g.fa", f">c\n{GENE * copies}\n".encode()))
    rows = ["chrom\tposition\tstrand\tdonor\tacceptor"]
    for k in range(copies):
        rows += [f"c\t{k * 18 + p + 1}\t+\t{0.9 * (p == donor):g}\t{0.9 * (p == acceptor):g}" for p in range(18)]
    source = open_scores(f"main={written(folder, 't.tsv', chr(10).join(rows).encode())}")
    return genome, source, [Region("c", k * 18, k * 18 + 18, "+") for k in range(copies)]


def test_shares_by_hand(tmp_path: Path) -> None:
    genome, source, regions = tiny(tmp_path, 20, donor=4, acceptor=14)
    with genome, source:
        donor, acceptor, *minus = measure_shift(source, genome, regions).measured
    assert (donor.score, donor.strand, donor.count, donor.shift) == ("donor", "+", 20, 0)
    assert donor.shares == tuple(float(shift == 0) for shift in SHIFTS)
    assert acceptor.shares == tuple(float(shift == 0) for shift in SHIFTS)
    assert [(m.count, m.shift) for m in minus] == [(0, None), (0, None)]


def test_too_few_positions_are_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    genome, source, regions = tiny(tmp_path, 5, donor=0, acceptor=9)
    with genome, source:
        require_aligned([measure_shift(source, genome, regions)])
    assert "the donor scores of strand + reach 0.1 at 5 positions only: their shift was not checked" in caplog.text


def test_few_positions_of_each_score_are_judged_together(tmp_path: Path) -> None:
    genome, source, regions = tiny(tmp_path, 6, donor=5, acceptor=15)
    words = r"Found 0 of 12 there \(donor \+ most at -1, 6 of 6, acceptor \+ most at -1, 6 of 6\)"
    with genome, source, pytest.raises(InputError, match=words):
        require_aligned([measure_shift(source, genome, regions)])


def test_few_positions_that_lie_right_are_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    genome, source, regions = tiny(tmp_path, 6, donor=4, acceptor=14)
    with genome, source:
        require_aligned([measure_shift(source, genome, regions)])
    assert "the donor scores of strand + reach 0.1 at 6 positions only: their shift was not checked" in caplog.text


def test_another_genome_is_told_with_counts(tmp_path: Path) -> None:
    genome, source, regions = tiny(tmp_path, 20, donor=0, acceptor=14)
    words = r"must be next to GT or GC\. Found at most 0 of 20 there, whatever shift was tried \(-3 to \+3\)\."
    with genome, source, pytest.raises(InputError, match=words):
        require_aligned([measure_shift(source, genome, regions)])


def test_a_shift_names_the_option(tmp_path: Path) -> None:
    genome, source, regions = tiny(tmp_path, 20, donor=3, acceptor=14)
    with genome, source, pytest.raises(InputError) as error:
        require_aligned([measure_shift(source, genome, regions)])
    assert "donor + at +1 (1.00; 0.00 at 0), acceptor + at +0 (1.00; 1.00 at 0)" in str(error.value)
    assert "Give --shift main:donor_plus=1,donor_minus=0,acceptor_plus=0,acceptor_minus=0, or --shift auto" in str(
        error.value
    )


@pytest.fixture
def genome(worm: PseudoGenome) -> Iterator[Genome]:
    with open_genome(worm.fasta) as opened:
        yield opened


def aligned(source: ScoreSource, genome: Genome, worm: PseudoGenome) -> Alignment:
    source.match_contigs(genome.lengths)
    alignment = measure_shift(source, genome, worm.genes)
    require_aligned([alignment])
    return alignment


@pytest.mark.real_data
@pytest.mark.parametrize("key", ["osai400", "osai80", "honeybee400"])
def test_right_tracks_pass_by_a_wide_margin(
    worm: PseudoGenome, genome: Genome, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    with open_scores(f"main={worm.folder / 'scores' / key}") as source:
        alignment = aligned(source, genome, worm)
    assert alignment.shifts == Shifts()
    assert not caplog.records
    for measured in alignment.measured:
        assert measured.count >= 50
        assert measured.shares[SHIFTS.index(0)] > 0.95
        wrong = (*measured.shares[:3], *measured.shares[4:], *measured.exchanged, *measured.antisense)
        assert max(wrong) < 0.45


@pytest.mark.real_data
@pytest.mark.parametrize(
    "shifts", [Shifts(1, 1, 0, 0), Shifts(0, 0, -1, -1), Shifts(1, -1, 1, -1), Shifts(3, -3, -2, 2)]
)
def test_any_shift_is_measured(worm: PseudoGenome, genome: Genome, shifts: Shifts) -> None:
    back = Shifts(*(-shift for shift in vars(shifts).values()))
    with open_scores(f"main={worm.folder / 'scores' / 'honeybee400'}") as source:
        moved = ShiftedScores(source, shifts)
        with pytest.raises(InputError, match="Found most of them at a shift") as error:
            aligned(moved, genome, worm)
        assert f"--shift main:{back}" in str(error.value)
        assert aligned(ShiftedScores(moved, back), genome, worm).shifts == Shifts()


def table(worm: PseudoGenome, folder: Path, change: Callable[[pl.DataFrame], pl.DataFrame]) -> str:
    frame = pl.read_parquet(worm.folder / "scores" / "osai400.parquet")
    change(frame.with_columns(pl.col("chrom", "strand").cast(pl.String))).write_parquet(folder / "t.parquet")
    return f"main={folder / 't.parquet'}"


def exchanged(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.rename({"donor": "acceptor", "acceptor": "donor"})


def other_strand(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(pl.col("strand").replace({"+": "-", "-": "+"}))


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (exchanged, "Donor and acceptor are exchanged: 1.00 have the bases of the other"),
        (other_strand, "Plus and minus strand are exchanged: 1.00 fit on the other strand"),
        (lambda frame: exchanged(other_strand(frame)), "Donor plus and acceptor minus, .* are exchanged: 1.00 fit so"),
        (lambda frame: frame.with_columns(pl.col("position") + 40), "looks like another genome, or another build"),
    ],
)
def test_other_layouts_are_named(
    worm: PseudoGenome, genome: Genome, tmp_path: Path, change: Callable[[pl.DataFrame], pl.DataFrame], message: str
) -> None:
    with open_scores(table(worm, tmp_path, change)) as source, pytest.raises(InputError, match=message):
        aligned(source, genome, worm)


@pytest.mark.real_data
def test_arrays_of_minus_genes_in_forward_direction(worm: PseudoGenome, genome: Genome, tmp_path: Path) -> None:
    def mirrored(frame: pl.DataFrame) -> pl.DataFrame:
        spans = {gene.start + 1: gene.start + 1 + gene.end for gene in worm.genes if gene.strand == "-"}
        parts = [frame.filter(pl.col("strand") == "+")]
        for gene in worm.genes:
            if gene.strand == "-":
                inside = (pl.col("chrom") == gene.contig) & pl.col("position").is_between(gene.start + 1, gene.end)
                rows = frame.filter((pl.col("strand") == "-") & inside)
                parts.append(rows.with_columns((spans[gene.start + 1] - pl.col("position")).alias("position")))
        return pl.concat(parts)

    with (
        open_scores(table(worm, tmp_path, mirrored)) as source,
        pytest.raises(InputError, match=r"Strand \+ is right: were the scores of - given in the wrong direction"),
    ):
        aligned(source, genome, worm)
