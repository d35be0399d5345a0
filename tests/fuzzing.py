"""Texts as people, and accidents, write them, for the readers of `meta_models.build`."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

BOM = b"\xef\xbb\xbf"
#: More by hand: META_MODELS_FUZZ=10000.
FUZZ = settings(
    max_examples=int(os.environ.get("META_MODELS_FUZZ", "300")),
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
_ENDS = st.sampled_from([b"\n", b"\n", b"\n", b"\r\n", b"\n\n", b" \n", b"\r", b""])


def texts(fields: Sequence[st.SearchStrategy[str]], separators: Sequence[str] = ("\t",)) -> st.SearchStrategy[bytes]:
    """Files of lines with these fields, nearly: some fields are lost, some lines are others, some bytes are any."""
    good = st.builds(lambda values, separator: separator.join(values), st.tuples(*fields), st.sampled_from(separators))
    other = st.sampled_from(["", "# comment", "#", "track name=x", "browser position", " ", "\t\t\t", "\x00", "é\tü"])
    cut = st.builds(lambda line, size: line[:size], good, st.integers(0, 40))
    line = st.one_of(good, good, good, good, good, good, cut, other, st.text(max_size=20)).map(str.encode)
    body = st.lists(st.builds(bytes.__add__, line, _ENDS), max_size=8).map(b"".join)
    clean = st.lists(good.map(str.encode), max_size=8).map(lambda lines: b"".join(line + b"\n" for line in lines))
    return st.one_of(clean, body, body.map(BOM.__add__), st.binary(max_size=80))


PACKING: st.SearchStrategy[Callable[[bytes], bytes]] = st.sampled_from(
    [bytes, bytes, bytes, bytes, lambda data: gzip.compress(data, mtime=0), lambda data: gzip.compress(data)[:-5]]
)


def data_lines(raw: bytes) -> list[str]:
    """The lines that hold data, found another way than the readers do."""
    pieces = raw.removeprefix(BOM).split(b"\n")
    lines = [piece.decode().rstrip("\r") for piece in pieces]
    return [line for line in lines if line.strip() and not line.startswith("#")]


def without_headers(lines: Sequence[str]) -> list[str]:
    """Lines that are no ``track`` or ``browser`` line."""
    return [line for line in lines if line.split()[0] not in ("track", "browser")]


def written(folder: Path, name: str, data: bytes) -> Path:
    """A file with this content."""
    path = folder / name
    path.write_bytes(data)
    return path
