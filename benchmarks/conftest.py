"""The option of ``benchmarks/parts.py``."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--table", help="Parquet file or folder to measure on (default: the demo table)")
