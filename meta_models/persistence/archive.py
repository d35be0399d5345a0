"""A strict zip archive: exactly what :func:`write` writes, and nothing that makes reading it costly.

The reader accepts entries without gaps, overlaps, duplicates, comments, extra fields, encryption or paths that leave
the archive, and inflates nothing before all sizes were checked.

References
----------
PKWARE, APPNOTE.TXT (.ZIP File Format Specification), sections 4.3.7, 4.3.12 and 4.3.16.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

from meta_models.errors import UnsafeModelFile

#: An entry above SMALL bytes may not be more than MAX_RATIO times its compressed size.
MAX_RATIO = 50
SMALL = 1_000_000
MAX_ENTRIES = 10_000
#: Most bytes of all entries together: what a zip archive without extensions can hold with all readers.
MAX_BYTES = 2**31 - 1
_STORED, _DEFLATED = 0, 8
_NAME = re.compile(r"[a-z0-9_]+(?:/[a-z0-9_]+)*\.(?:json|ubj|npy|safetensors|zip)")
#: 1980-01-01 00:00:00, the first moment that the format knows.
_TIME, _DATE = 0, (1 << 5) | 1
_MADE_ON_UNIX = (3 << 8) | 20
_REGULAR_FILE = 0o100600 << 16

_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")


@dataclass(frozen=True)
class Entry:
    """One entry: where its compressed bytes stand in the archive, and its size when inflated."""

    name: str
    method: int
    start: int
    compressed: int
    size: int
    crc: int


def write(members: Mapping[str, bytes]) -> bytes:
    """The archive of `members`, in the order of their names and without a date: equal members give equal bytes.

    Raises
    ------
    ValueError
        If they are more than `MAX_BYTES` together.
    """
    total = sum(map(len, members.values()))
    if total > MAX_BYTES or len(members) > MAX_ENTRIES:
        raise ValueError(f"a model file holds at most {MAX_BYTES} bytes, found {total} in {len(members)} entries")
    body, directory = bytearray(), bytearray()
    for name in sorted(members):
        method, raw = _packed(members[name])
        sizes = (zlib.crc32(members[name]), len(raw), len(members[name]))
        text, offset = name.encode("ascii"), len(body)
        body += _LOCAL.pack(b"PK\3\4", 20, 0, method, _TIME, _DATE, *sizes, len(text), 0) + text + raw
        entry = Entry(name, method, offset + _LOCAL.size + len(text), sizes[1], sizes[2], sizes[0])
        directory += _central(entry)
    count = len(members)
    return bytes(body + directory + _END.pack(b"PK\5\6", 0, 0, count, count, len(directory), len(body), 0))


def _central(entry: Entry) -> bytes:
    """What stands in the directory for an entry."""
    text = entry.name.encode("ascii")
    offset = entry.start - len(text) - _LOCAL.size
    sizes = (entry.crc, entry.compressed, entry.size, len(text))
    attributes = (0, 0, 0, 0, _REGULAR_FILE, offset)
    fixed = (b"PK\1\2", _MADE_ON_UNIX, 20, 0, entry.method, _TIME, _DATE)
    return _CENTRAL.pack(*fixed, *sizes, *attributes) + text


def _packed(data: bytes) -> tuple[int, bytes]:
    """Method and bytes: deflated, unless that does not help, or helps so much that the reader would suspect a bomb."""
    machine = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)
    deflated = machine.compress(data) + machine.flush()
    if len(deflated) >= len(data) or _suspicious(len(deflated), len(data)):
        return _STORED, data
    return _DEFLATED, deflated


def _suspicious(compressed: int, size: int) -> bool:
    return size > SMALL and size > MAX_RATIO * compressed


class Archive:
    """Entries of an archive, checked; each is inflated only when it is read.

    Parameters
    ----------
    data : bytes
    max_bytes : int
        Most bytes of all entries together when inflated.

    Raises
    ------
    UnsafeModelFile
        If it is not exactly as :func:`write` writes it.
    """

    def __init__(self, data: bytes, *, max_bytes: int) -> None:
        self._data = data
        self.entries = _entries(data)
        total = sum(entry.size for entry in self.entries.values())
        if total > max_bytes:
            raise damaged(f"entries of {total} bytes together, more than the limit of {max_bytes}")
        for entry in self.entries.values():
            if _suspicious(entry.compressed, entry.size):
                raise damaged(f"{entry.name} of {entry.compressed} bytes that claims to inflate to {entry.size}")

    def check_directory(self) -> None:
        """Compare every byte of the directory with what :func:`write` writes; raises UnsafeModelFile if one differs."""
        if not self._data[: -_END.size].endswith(b"".join(map(_central, self.entries.values()))):
            raise damaged("a directory with other versions, dates or attributes than are written")

    def read(self, name: str) -> bytes:
        """The inflated bytes of one entry.

        Raises
        ------
        UnsafeModelFile
            If they do not inflate to exactly the declared size and checksum.
        """
        entry = self.entries[name]
        raw = self._data[entry.start : entry.start + entry.compressed]
        data = raw if entry.method == _STORED else _inflate(raw, entry)
        if len(data) != entry.size or zlib.crc32(data) != entry.crc:
            raise damaged(f"{name} with a wrong size or checksum")
        return data


def damaged(found: str) -> UnsafeModelFile:
    """The error for an archive that was damaged or altered."""
    return UnsafeModelFile("An undamaged model file is needed", f"Found {found}", "Copy or train the model again")


def _inflate(raw: bytes, entry: Entry) -> bytes:
    machine = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        data = machine.decompress(raw, entry.size + 1)
    except zlib.error as error:
        raise damaged(f"{entry.name} that cannot be inflated ({error})") from None
    if not machine.eof or machine.unused_data:
        raise damaged(f"{entry.name} that inflates to another size than {entry.size}")
    return data


def _entries(data: bytes) -> dict[str, Entry]:
    count, central = _end_record(data)
    entries: dict[str, Entry] = {}
    position, offset = 0, central
    for _ in range(count):
        entry, offset = _entry(data, offset, position)
        if entry.name in entries:
            raise damaged(f"{entry.name} twice")
        entries[entry.name] = entry
        position = entry.start + entry.compressed
    if position != central or offset != len(data) - _END.size:
        raise damaged("bytes between the entries of the archive")
    return entries


def _end_record(data: bytes) -> tuple[int, int]:
    """Count of entries and offset of the central directory."""
    if len(data) < _END.size:
        raise damaged(f"an archive of {len(data)} bytes")
    magic, disk, first, here, count, size, offset, comment = _END.unpack_from(data, len(data) - _END.size)
    if magic != b"PK\5\6" or disk or first or comment or here != count:
        raise damaged("no end of a zip archive, or one with a comment or several parts")
    if not 0 < count <= MAX_ENTRIES or offset + size + _END.size != len(data):
        raise damaged(f"a directory of {count} entries at {offset} that does not fit into the archive")
    return count, offset


def _entry(data: bytes, offset: int, position: int) -> tuple[Entry, int]:
    """The entry described at `offset` in the central directory, whose local header must stand at `position`."""
    if offset + _CENTRAL.size > len(data):
        raise damaged("a directory that is cut off")
    fields = _CENTRAL.unpack_from(data, offset)
    magic, _, _, flags, method, _, _, crc, compressed, size, length, extra, comment, disk, _, _, local = fields
    raw_name = data[offset + _CENTRAL.size : offset + _CENTRAL.size + length]
    name = raw_name.decode("latin-1")
    if magic != b"PK\1\2" or not _NAME.fullmatch(name):
        raise damaged(f"an entry with the name {name[:100]!r}")
    if flags or extra or comment or disk or method not in (_STORED, _DEFLATED):
        raise damaged(f"{name} with flags, comments, extra fields or an unknown compression")
    if local != position or position + _LOCAL.size + length > len(data):
        raise damaged(f"{name} at {local} where {position} was due: entries overlap or leave gaps")
    if method == _STORED and compressed != size:
        raise damaged(f"{name}, stored, of two sizes")
    expected = _LOCAL.pack(b"PK\3\4", *fields[2:7], crc, compressed, size, length, 0) + raw_name
    start = position + len(expected)
    if data[position:start] != expected or start + compressed > len(data):
        raise damaged(f"{name} whose two headers differ")
    return Entry(name, method, start, compressed, size, crc), offset + _CENTRAL.size + length
