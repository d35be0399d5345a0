"""How much of a table is in memory while it is streamed. Nothing is imported: learners tell their memory by it."""

from __future__ import annotations

#: Bytes of a chunk of float32 columns.
CHUNK_BYTES = 8_000_000
#: Most bytes of rows, in the types that they have on disk, that one scan covers: row groups may be as large as files.
SCAN_BYTES = 64_000_000
#: Bytes that a column of bases around each row is taken to have in a row.
BASES_BYTES = 512


def rows_of_chunk(n_columns: int, parts: int = 1, size: int = CHUNK_BYTES) -> int:
    """Rows of a chunk of float32 columns, so that `parts` chunks together take `size` bytes; 1,024 at least."""
    return max(1024, size // (4 * max(1, n_columns) * parts))


def reading_bytes(rows: int, features: int, chunk: int = CHUNK_BYTES) -> float:
    """Bytes of what reader and consumer hold of a table that is streamed; on disk a value takes 1 to 4 bytes.

    A chunk is a frame, an array, a copy without missing values, and the next one is read meanwhile.
    """
    return min(SCAN_BYTES, 2 * rows * features) + 4 * min(chunk, 4 * rows * features)
