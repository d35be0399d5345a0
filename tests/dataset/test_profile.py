"""What is said of a table."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tables import make_frame, write_table

from meta_models.config import TrainingConfig
from meta_models.dataset.opening import open_tables


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ({"base_model": {"name": "osai10k"}}, "Base models: main (osai10k); weights"),
        ({"base_model": {"name": "main"}}, "Base models: main; weights"),
        ({}, "Base models: main; weights"),
    ],
)
def test_the_main_base_model_has_the_name_that_it_was_built_with(
    tmp_path: Path, said: dict[str, object], line: str
) -> None:
    table = write_table(tmp_path / "table", make_frame(20))
    (table / "dataset_info.json").write_text(json.dumps(said))
    profile = open_tables(TrainingConfig(dataset=str(table)), tmp_path / "work", 10**10).profile()
    assert next(text for text in profile.lines() if text.startswith("Base models")).startswith(line)
