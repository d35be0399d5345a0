"""``<out>.report.json``: what stands beside a file of predictions."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from meta_models.errors import InputError
from meta_models.run_folder import atomic_write, hash_file, json_bytes

FORMAT = 1


def report_path(out: Path) -> Path:
    """Where the report of `out` stands."""
    return out.with_name(f"{out.name}.report.json")


def write_report(out: Path, content: Mapping[str, object]) -> None:
    """Write it, atomically; raises WriteError if that cannot be done."""
    atomic_write(report_path(out), json_bytes({"format_version": FORMAT, **content}))


def is_finished(out: Path, key: str, tracks: Iterable[Path]) -> bool:
    """Whether `out` was written with this key and is as it was written, and its `tracks` are there."""
    if not all(track.is_file() for track in tracks):
        return False
    try:
        report = json.loads(report_path(out).read_bytes())
        return isinstance(report, dict) and report.get("key") == key and report.get("output_sha256") == hash_file(out)
    except (OSError, ValueError, InputError):
        return False
