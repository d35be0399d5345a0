"""The genome: bases of plain and packed FASTA files, and files that are refused."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from fuzzing import written

from meta_models.build.inputs.genome import open_genome, reverse_complement
from meta_models.errors import InputError

FASTA = b"# made by hand\n>one first contig\nACGTN\nacgtr\nAC\n>two\nTTTT\n\n>three\nU-\n"


def packed(folder: Path, data: bytes) -> Path:
    """`data` as BGZF."""
    pysam = pytest.importorskip("pysam")
    plain = written(folder, "plain.fa", data)
    pysam.tabix_compress(str(plain), str(folder / "packed.fa.gz"), force=True)
    return folder / "packed.fa.gz"


@pytest.mark.parametrize("data", [FASTA, FASTA.replace(b"\n", b"\r\n"), b"\xef\xbb\xbf" + FASTA])
def test_bases_of_a_plain_file(tmp_path: Path, data: bytes) -> None:
    with open_genome(written(tmp_path, "g.fa", data)) as genome:
        assert genome.lengths == {"one": 12, "two": 4, "three": 2}
        assert genome.contigs == ("one", "two", "three")
        assert genome.fetch("one", 0, 12).tolist() == [0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1]
        assert genome.fetch("one", 4, 6).tolist() == [4, 0]
        assert genome.fetch("three", 0, 2).tolist() == [3, 4]
        assert genome.fetch("one", 3, 3).tolist() == []


def test_beyond_the_ends_there_is_n(tmp_path: Path) -> None:
    with open_genome(written(tmp_path, "g.fa", FASTA)) as genome:
        assert genome.fetch("two", -2, 6).tolist() == [4, 4, 3, 3, 3, 3, 4, 4]
        assert genome.fetch("two", 10, 12).tolist() == [4, 4]
        assert genome.fetch("two", -9, -7).tolist() == [4, 4]


def test_an_unknown_contig_is_an_error_that_names_those_there_are(tmp_path: Path) -> None:
    with open_genome(written(tmp_path, "g.fa", FASTA)) as genome, pytest.raises(InputError, match="one, two, three"):
        genome.fetch("chr9", 0, 1)


def test_every_interval_of_random_sequences(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    letters = "".join(rng.choice(list("ACGTN"), 61))
    lines = "\n".join(letters[k : k + 7] for k in range(0, 61, 7))
    expected = np.array(["ACGTN".index(letter) for letter in letters])
    with open_genome(written(tmp_path, "g.fa", f">a\n{lines}\n>b\n{letters}\n".encode())) as genome:
        for start in range(61):
            for end in range(start, 62):
                for contig in "ab":
                    assert np.array_equal(genome.fetch(contig, start, end), expected[start:end])


def test_bgzf_has_the_same_bases_and_nothing_is_written_beside_it(tmp_path: Path) -> None:
    data = b">one\nACGTN\nacgtr\nAC\n>two\nTTTT\n"
    path = packed(tmp_path, data)
    before = sorted(tmp_path.iterdir())
    with open_genome(path) as genome, open_genome(tmp_path / "plain.fa") as plain:
        assert genome.lengths == plain.lengths
        for contig in plain.contigs:
            assert np.array_equal(genome.fetch(contig, -3, 20), plain.fetch(contig, -3, 20))
        assert genome.sha256(genome.contigs) == plain.sha256(plain.contigs)
    assert sorted(tmp_path.iterdir()) == before


def test_a_stale_index_beside_the_file_is_not_used(tmp_path: Path) -> None:
    path = packed(tmp_path, b">one\nACGT\n")
    written(tmp_path, "packed.fa.gz.fai", b"one\t1000\t5\t60\t61\n")
    with open_genome(path) as genome:
        assert genome.lengths == {"one": 4}


@pytest.mark.parametrize("data", [b">a\nAC\n>a\nGG\n", b">a\nAC\nGGGG\nA\n", b">a\nA!\n", b"no FASTA\n"])
def test_bad_bgzf_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(InputError), open_genome(packed(tmp_path, data)) as genome:
        genome.fetch("a", 0, 2)


def test_gzip_is_refused_with_the_commands_that_mend_it(tmp_path: Path) -> None:
    path = written(tmp_path, "g.fa.gz", gzip.compress(FASTA))
    with pytest.raises(InputError, match=r"gunzip -c g.fa.gz > g.fa; .* \| bgzip > g.fa.bgz"):
        open_genome(path)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty file"),
        (b"\n\n# nothing\n", "Found none"),
        (b"ACGT\n", "line 1: expected a FASTA header"),
        (b"chr1\tdemo\tgene\n", r"Found: 'chr1\\tdemo\\tgene'\. Is this a FASTA file\?$"),
        (b"\n>\nACGT\n", "line 2: expected a FASTA header"),
        (b">a\nAC\n>b\nA\n>a\nAC\n", "line 5: expected a name that no contig before has"),
        (b">a\nACGT\nAC\nACGT\n", "line 3: expected as many bases as on the first line"),
        (b">a\nAC\nACGT\n", "line 3: expected as many bases as on the first line"),
        (b">a\nAC\n\nAC\n", "line 3: expected as many bases as on the first line"),
        (b">a\n\nAC\n", "line 2: expected a line of bases"),
        (b">a\nACGT\nAC9T\n", r"line 3: expected a nucleotide .* in column 3"),
        (b">a\nMKLVEQ\n", r"line 2: expected a nucleotide .* in column 3"),
        (b">a\r>b\rAC\r", "line 1: expected a FASTA header"),
        (b">\xff\nAC\n", "line 1: expected a name in UTF-8"),
    ],
)
def test_bad_files_are_refused_by_line(tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        open_genome(written(tmp_path, "g.fa", data))


def test_digest_is_of_names_and_bases_only(tmp_path: Path) -> None:
    with (
        open_genome(written(tmp_path, "a.fa", b">x\nACGT\n>y\nA\n")) as a,
        open_genome(written(tmp_path, "b.fa", b">y other\na\n>x\nac\ngt\n")) as b,
        open_genome(written(tmp_path, "c.fa", b">x\nACGA\n>y\nA\n")) as c,
    ):
        assert a.sha256(("x", "y")) == b.sha256(("y", "x"))
        assert a.sha256(("x",)) != a.sha256(("x", "y"))
        assert a.sha256(("x", "y")) != c.sha256(("x", "y"))


def test_reverse_complement() -> None:
    codes = np.array([0, 0, 1, 2, 3, 4], np.uint8)  # AACGTN
    assert reverse_complement(codes).tolist() == [4, 0, 1, 2, 3, 3]  # NACGTT
    assert np.array_equal(reverse_complement(reverse_complement(codes)), codes)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="must be readable"):
        open_genome(tmp_path / "none.fa")
