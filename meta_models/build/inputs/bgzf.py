"""FASTA packed as BGZF, read by pysam; its index lies in a temporary folder."""

from __future__ import annotations

import gzip
import os
import tempfile
import zlib
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from meta_models.build.inputs.fasta import CODES
from meta_models.build.inputs.genome import Genome
from meta_models.errors import InputError, UsageError
from meta_models.run_folder.native_files import plain_name

if TYPE_CHECKING:
    import pysam

_PIECE = 2**22
_BAD = 255


def is_bgzf(head: bytes) -> bool:
    """Whether the first 18 bytes of a gzip file are those of a BGZF block: an extra field named BC."""
    return len(head) >= 18 and bool(head[3] & 4) and head[12:14] == b"BC"


class BgzfGenome(Genome):
    """A FASTA file packed as BGZF.

    Raises
    ------
    InputError
        If it is no such file, is damaged, or names a contig twice.
    UsageError
        If pysam is not installed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._folder = tempfile.TemporaryDirectory(prefix="meta-models-fasta-")
        self._owner = os.getpid()
        self._open: tuple[int, pysam.FastaFile] | None = None
        try:
            file = self._file()
            self.lengths = dict(zip(file.references, file.lengths, strict=True))
            _check_headers(path, len(self.lengths))
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file and remove its index."""
        if self._open is not None and self._open[0] == os.getpid():
            self._open[1].close()
        self._open = None
        if self._owner == os.getpid():
            self._folder.cleanup()

    def _inside(self, contig: str, start: int, end: int) -> NDArray[np.uint8]:
        letters = np.frombuffer(self._file().fetch(contig, start, end).encode("latin-1"), np.uint8)
        codes = CODES[letters]
        if len(codes) != end - start or codes.max() == _BAD:
            raise InputError(
                f"The genome {self.path} must hold nucleotides (IUPAC letters or -)",
                f"Found others in {contig}:{start + 1:,}-{end:,}",
            )
        return codes

    def _file(self) -> pysam.FastaFile:
        """The open file of this process: a forked child must not share the place where its parent reads."""
        if self._open is None or self._open[0] != os.getpid():
            self._open = os.getpid(), self._opened()
        return self._open[1]

    def _opened(self) -> pysam.FastaFile:
        library = _library()
        index, packed = (str(Path(self._folder.name) / name) for name in ("index.fai", "index.gzi"))
        try:
            with plain_name(self.path) as name:
                if not Path(index).exists():
                    library.faidx("--fai-idx", index, "--gzi-idx", packed, name)
                file: pysam.FastaFile = library.FastaFile(name, filepath_index=index, filepath_index_compressed=packed)
        except (OSError, ValueError, library.SamtoolsError) as error:
            raise InputError(
                f"The genome {self.path} must be FASTA packed as BGZF, its sequences with lines of one length",
                f"Found: {' '.join(str(error).split())}",
            ) from error
        return file


def _library() -> ModuleType:
    try:
        return import_module("pysam")
    except ImportError as error:
        action = "Run pip install '.[genomics]', or unpack the genome"
        raise UsageError("A genome packed as BGZF needs pysam", "It is not installed", action) from error


def _check_headers(path: Path, n_contigs: int) -> None:
    """Compare the number of headers with the contigs of the index, which leaves out names that come twice."""
    headers, last = 0, b"\n"
    try:
        with gzip.open(path) as file:
            while piece := file.read(_PIECE):
                headers += (last + piece).count(b"\n>")
                last = piece[-1:]
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"The genome {path} must be readable to its end", f"Found: {error}") from error
    if headers != n_contigs:
        raise InputError(
            f"The genome {path} must name each contig once", f"Found {headers:,} headers and {n_contigs:,} names"
        )
