"""Any bytes as a FASTA file: read whole, or refused."""

from __future__ import annotations

import numpy as np
import pytest
from fuzzing import FUZZ, written
from hypothesis import given
from hypothesis import strategies as st

from meta_models.build.inputs.genome import open_genome
from meta_models.errors import InputError

LINES = st.sampled_from(
    [b">a", b">b", b">c x y", b">", b"ACGT", b"ACGT", b"ACGT", b"nnnn", b"RYKM", b"AC", b"ACGTA", b"A-GU", b"", b"#x",
     b";old", b"AC GT", b"AC9T", b"\xff", b">\xc3\xa9"]
)  # fmt: skip
ENDS = st.sampled_from([b"\n", b"\n", b"\n", b"\n", b"\r\n", b"\r", b""])
RECORDS = st.lists(st.tuples(st.integers(0, 30), st.integers(1, 9)), min_size=1, max_size=4)


def records(sizes: list[tuple[int, int]]) -> bytes:
    """Good records of so many bases, so many on a line."""
    text = b""
    for k, (bases, width) in enumerate(sizes):
        letters = (b"ACGTN" * 6)[:bases]
        text += b">c%d\n" % k + b"".join(letters[i : i + width] + b"\n" for i in range(0, bases, width))
    return text


def disturbed(sizes: list[tuple[int, int]], at: int, more: bytes) -> bytes:
    """Good records with some bytes too many."""
    text = records(sizes)
    return text[:at] + more + text[at:]


FILES = st.one_of(
    RECORDS.map(records),
    st.builds(disturbed, RECORDS, st.integers(0, 60), st.binary(max_size=2)),
    st.lists(st.builds(bytes.__add__, LINES, ENDS), max_size=10).map(b"".join),
    st.binary(max_size=60),
)  # fmt: skip


def expected(raw: bytes) -> dict[str, str]:
    """The sequences, by a parser of another kind."""
    found: dict[str, str] = {}
    name = ""
    for line in raw.removeprefix(b"\xef\xbb\xbf").decode().split("\n"):
        line = line.rstrip("\r")
        if line.startswith(">"):
            name = line[1:].split()[0]
            assert name not in found
            found[name] = ""
        elif name:
            found[name] += line.upper()
    return found


@FUZZ
@given(raw=FILES)
def test_any_file_is_read_whole_or_refused(raw: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = written(tmp_path_factory.getbasetemp(), "fuzz.fa", raw)
    try:
        genome = open_genome(path)
    except InputError:
        return
    with genome:
        sequences = expected(raw)
        assert list(genome.lengths) == list(sequences)
        for name, letters in sequences.items():
            codes = ["ACGT".find(letter.replace("U", "T")) % 5 for letter in letters]
            assert genome.fetch(name, 0, len(letters)).tolist() == codes
            assert genome.lengths[name] == len(letters)


@FUZZ
@given(sizes=RECORDS)
def test_good_files_are_never_refused(sizes: list[tuple[int, int]], tmp_path_factory: pytest.TempPathFactory) -> None:
    with open_genome(written(tmp_path_factory.getbasetemp(), "good.fa", records(sizes))) as genome:
        assert list(genome.lengths.values()) == [bases for bases, _ in sizes]
        assert all(np.array_equal(genome.fetch(f"c{k}", 0, n), np.arange(n) % 5) for k, (n, _) in enumerate(sizes))
