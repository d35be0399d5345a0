"""Plain FASTA, mapped into memory; the index of its contigs is made in one pass and never written."""

from __future__ import annotations

import mmap
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from meta_models.build.inputs.genome import A, C, G, Genome, N, T
from meta_models.build.inputs.text_lines import shown
from meta_models.errors import InputError

_BAD = 255
_BLOCK = 2**24
_BOM = b"\xef\xbb\xbf"
_ONE_LENGTH = "Write each sequence with lines of one length, for example: seqkit seq -w 60"


def _codes() -> NDArray[np.uint8]:
    codes = np.full(256, _BAD, np.uint8)
    for letters, code in (("RYSWKMBDHVN-", N), ("A", A), ("C", C), ("G", G), ("TU", T)):
        codes[np.frombuffer((letters + letters.lower()).encode(), np.uint8)] = code
    return codes


#: Code of each byte of a sequence; 255 where it is no letter of a nucleotide.
CODES = _codes()


@dataclass(frozen=True)
class _Contig:
    """Where a sequence lies: `length` bases from byte `offset`, `bases` of each `width` bytes."""

    length: int
    offset: int
    bases: int
    width: int

    def byte(self, position: int) -> int:
        """Where a base stands in the file."""
        return self.offset + position // self.bases * self.width + position % self.bases


class PlainGenome(Genome):
    """A plain FASTA file.

    Raises
    ------
    InputError
        If it cannot be read, or is no FASTA file of nucleotides whose lines have one length (within a sequence).
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._data = _map(path)
        try:
            self._where = _Index(path, self._data).contigs()
        except InputError:
            self._data.close()
            raise
        self.lengths = {name: contig.length for name, contig in self._where.items()}

    def close(self) -> None:
        """Unmap the file."""
        self._data.close()

    def _inside(self, contig: str, start: int, end: int) -> NDArray[np.uint8]:
        where = self._where[contig]
        raw = np.frombuffer(self._data[where.byte(start) : where.byte(end - 1) + 1], np.uint8)
        codes: NDArray[np.uint8] = CODES[raw]
        bases: NDArray[np.uint8] = codes[codes != _BAD]
        return bases


def _map(path: Path) -> mmap.mmap:
    try:
        with path.open("rb") as file:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except ValueError as error:  # an empty file cannot be mapped
        raise InputError(f"The genome {path} must hold sequences", "Found an empty file") from error
    except OSError as error:
        raise InputError(f"The genome {path} must be readable", f"Found: {error.strerror or error}") from error


class _Index:
    """The pass over a file that finds its contigs and checks every byte of them."""

    def __init__(self, path: Path, data: mmap.mmap) -> None:
        self._path, self._data, self._size = path, data, len(data)

    def contigs(self) -> dict[str, _Contig]:
        """The contigs by name, in the order of the file."""
        found: dict[str, _Contig] = {}
        at = self._first_header()
        while at < self._size:
            end_of_header = self._find(b"\n", at)
            name = self._name(at, end_of_header)
            if name in found:
                raise self._error(at, "a name that no contig before has", name, "Rename or remove one of them")
            following = self._find(b"\n>", end_of_header) + 1
            found[name] = self._contig(end_of_header + 1, min(following, self._size))
            at = following
        return found

    def _first_header(self) -> int:
        at = len(_BOM) if self._data[: len(_BOM)] == _BOM else 0
        while at < self._size and self._data[at : at + 1] != b">":
            end = self._find(b"\n", at)
            line = self._data[at : min(end, at + 100)].strip()
            if line and line[:1] not in b"#;":
                raise self._error(at, "a FASTA header, >NAME", _text(line), "Is this a FASTA file?")
            at = end + 1
        if at >= self._size:
            raise InputError(f"The genome {self._path} must hold sequences", "Found none")
        return at

    def _name(self, start: int, end: int) -> str:
        try:
            words = self._data[start + 1 : end].decode("utf-8").split(maxsplit=1)
        except UnicodeDecodeError as error:
            raise self._error(start, "a name in UTF-8", _text(self._data[start:end])) from error
        if not words or "\r" in self._data[start:end].rstrip(b"\r").decode("utf-8"):
            action = "Give each sequence a name; lines must end with a line feed"
            raise self._error(start, "a FASTA header, >NAME", _text(self._data[start:end]), action)
        return words[0]

    def _contig(self, start: int, stop: int) -> _Contig:
        """Measure the sequence in the bytes ``[start, stop)`` by its first line, and check that all lines are so."""
        stop = self._without_end(start, stop)
        if stop <= start:
            return _Contig(0, start, 1, 1)
        end = min(self._find(b"\n", start), stop)
        bases = end - start - (self._data[end - 1 : end] == b"\r")
        ending = b"" if end == stop else self._data[start + bases : end + 1]
        contig = _Contig(0, start, max(bases, 1), max(bases, 1) + len(ending))
        if bases < 1:
            raise self._error(start, "a line of bases", "an empty line within a sequence", _ONE_LENGTH)
        self._check_lines(contig, stop, ending)
        full, rest = divmod(stop - start, contig.width)
        return _Contig(full * bases + rest, start, bases, contig.width)

    def _without_end(self, start: int, stop: int) -> int:
        while stop > start and self._data[stop - 1 : stop] in (b"\n", b"\r"):
            stop -= 1
        return stop

    def _check_lines(self, contig: _Contig, stop: int, ending: bytes) -> None:
        step = max(_BLOCK // contig.width, 1) * contig.width
        for at in range(contig.offset, stop, step):
            raw = np.frombuffer(self._data[at : min(at + step, stop)], np.uint8)
            good = CODES[raw] != _BAD
            for k, byte in enumerate(ending):
                column = slice(contig.bases + k, None, contig.width)
                good[column] = raw[column] == byte
            if not good.all():
                raise self._bad_byte(at + int(good.argmin()))

    def _bad_byte(self, at: int) -> InputError:
        byte = self._data[at : at + 1]
        line_start = self._data.rfind(b"\n", 0, at) + 1
        ends = (b"\n", b"\r")
        if byte in ends or CODES[byte[0]] != _BAD:
            length = len(self._data[line_start : self._find(b"\n", line_start)].rstrip(b"\r"))
            return self._error(
                line_start, "as many bases as on the first line of the sequence", str(length), _ONE_LENGTH
            )
        column = at - line_start + 1
        return self._error(at, f"a nucleotide (IUPAC letter or -) in column {column:,}", _text(byte))

    def _find(self, what: bytes, start: int) -> int:
        """Where `what` comes next, or the end of the file."""
        found = self._data.find(what, start)
        return self._size if found < 0 else found

    def _error(self, at: int, expected: str, found: str, action: str = "") -> InputError:
        blocks = range(0, at, _BLOCK)
        line = 1 + sum(self._data[k : min(k + _BLOCK, at)].count(b"\n") for k in blocks)
        return InputError(f"{self._path}, line {line:,}: expected {expected}", f"Found: {shown(found)}", action)


def _text(raw: bytes) -> str:
    """Bytes of the file for a message; what is no UTF-8 is shown as escapes."""
    return raw.decode("utf-8", "backslashreplace")
