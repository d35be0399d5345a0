"""Shared fixtures."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from meta_models.dataset.demo import write_demo_table
from meta_models.learners.registry import LEARNERS
from meta_models.resources import Gpu, NoGpu
from meta_models.training.devices import present_gpu

#: Variables that name a file of tests: those that pass are written to one, those in the other are not run again.
PASSED_TO, PASSED_BEFORE = "META_MODELS_PASSED_TO", "META_MODELS_PASSED_BEFORE"


class Passed:
    """Collects the tests that pass, in the process that all of them are reported to."""

    def __init__(self, file: Path) -> None:
        self.file, self.names = file, list[str]()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" and report.outcome == "passed":
            self.names.append(report.nodeid)

    def pytest_sessionfinish(self) -> None:
        self.file.write_text("".join(f"{name!r}\n" for name in self.names), encoding="utf-8")


def pytest_configure(config: pytest.Config) -> None:
    if PASSED_TO in os.environ and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Passed(Path(os.environ[PASSED_TO])))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if PASSED_BEFORE not in os.environ:
        return
    before = set(Path(os.environ[PASSED_BEFORE]).read_text(encoding="utf-8").splitlines())
    again = [item for item in items if repr(item.nodeid) in before]
    config.hook.pytest_deselected(items=again)
    items[:] = [item for item in items if repr(item.nodeid) not in before]


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
