"""Shared fixtures."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from meta_models.dataset.demo import write_demo_table
from meta_models.learners.registry import LEARNERS
from meta_models.resources import Gpu, NoGpu
from meta_models.training.devices import present_gpu


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of the real tables."""
    folder = os.environ.get("META_MODELS_DATA")
    if folder is None:
        pytest.skip("META_MODELS_DATA is unset: it names the folder with human_chr1/master, worm/master and raw/*.npz")
    return Path(folder)


@pytest.fixture(scope="session")
def gpu() -> Gpu:
    """The GPU that boosters can be trained on."""
    found = present_gpu(LEARNERS["xgboost"])
    if isinstance(found, NoGpu):
        pytest.skip(f"no GPU to train on: {found.reason}")
    return found


@pytest.fixture(scope="session")
def demo_table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built-in table, 60 genes."""
    return write_demo_table(tmp_path_factory.mktemp("demo"), n_genes=60)
