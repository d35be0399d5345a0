"""Equal runs leave equal bytes, however many threads they have and in whatever order the system lists files."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from runs import hashes
from tables import make_frame, write_table

from meta_models.cli import main
from meta_models.result_files import RESULT_FILE

OPTIONS = (
    "--n-estimators",
    "5",
    "--n-folds",
    "2",
    "--bootstrap-samples",
    "10",
    "--analyses",
    "base-vs-meta",
    "features",
)


def reversed_walk(walk: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
    def listed(*arguments: Any, **options: Any) -> Iterator[Any]:
        for folder, folders, files in walk(*arguments, **options):
            folders.reverse()
            yield folder, folders, files[::-1]

    return listed


def without_peaks(value: Any) -> Any:
    """`value` without predicted peaks: more threads are predicted to take more memory, and nothing else may differ."""
    if isinstance(value, dict):
        return {k: without_peaks(v) for k, v in value.items() if k != "predicted_peak"}
    return [without_peaks(inner) for inner in value] if isinstance(value, list) else value


@pytest.mark.parametrize("more", [("--strategy", "single_model"), ("--train-all-genes", "--max-genes-per-batch", "6")])
def test_threads_and_the_order_of_files_change_no_byte(
    more: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = write_table(tmp_path / "table", make_frame(n_genes=18), files=5)
    command = ["train", "--dataset", str(table), *OPTIONS, *more]
    assert main([*command, "--out-dir", str(tmp_path / "one"), "--threads", "1"]) == 0
    monkeypatch.setattr(os, "walk", reversed_walk(os.walk))
    assert main([*command, "--out-dir", str(tmp_path / "two"), "--threads", "2"]) == 0
    one, two = (hashes(tmp_path / name) for name in ("one", "two"))
    one.pop(RESULT_FILE), two.pop(RESULT_FILE)
    assert one == two
    stored = [json.loads((tmp_path / name / RESULT_FILE).read_text()) for name in ("one", "two")]
    assert without_peaks(stored[0]) == without_peaks(stored[1])
