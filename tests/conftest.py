"""Shared fixtures."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from meta_models.dataset.demo import write_demo_table


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of the real tables."""
    folder = os.environ.get("META_MODELS_DATA")
    if folder is None:
        pytest.skip("META_MODELS_DATA is unset: it names the folder with human_chr1/master, worm/master and raw/*.npz")
    return Path(folder)


@pytest.fixture(scope="session")
def demo_table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built-in table, 60 genes."""
    return write_demo_table(tmp_path_factory.mktemp("demo"), n_genes=60)
