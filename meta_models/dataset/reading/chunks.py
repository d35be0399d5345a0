"""How much of a table is in memory while it is streamed. Nothing is imported: learners tell their memory by it."""

from __future__ import annotations

#: Bytes of a chunk of float32 columns.
CHUNK_BYTES = 8_000_000
#: Most bytes of rows, in the types that they have on disk, that one scan covers: row groups may be as large as files.
SCAN_BYTES = 64_000_000
#: Bytes that the reader takes for itself, and the share of a scan that is in memory at once, as values of float32
#: (``python benchmarks/footprints.py``: .5 to .95).
_READER_BYTES, _OF_SCAN = 5_000_000, 0.85
#: Bytes that a column of bases around each row is taken to have in a row.
BASES_BYTES = 512


def rows_of_chunk(n_columns: int, parts: int = 1, size: int = CHUNK_BYTES) -> int:
    """Rows of a chunk of float32 columns, so that `parts` chunks together take `size` bytes; 1,024 at least."""
    return max(1024, size // (4 * max(1, n_columns) * parts))


def reading_bytes(rows: int, features: int, chunk: int = CHUNK_BYTES) -> float:
    """Bytes of what reader and consumer hold of a table that is streamed: a scan, and two arrays of its values.

    The next array is read while the consumer works on one.
    """
    values = 4 * rows * features
    return _READER_BYTES + _OF_SCAN * min(SCAN_BYTES, values) + min(2 * chunk, values)


def parked_bytes(rows: int, features: int) -> float:
    """Bytes that reading a table leaves with Polars' allocator, which gives them back after half a second or so."""
    return min(2 * CHUNK_BYTES, reading_bytes(rows, features))
