"""The options of ``benchmarks/parts.py``."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--table", help="Parquet file or folder to measure on (default: the demo table)")
    parser.addoption("--rounds", type=int, default=50, help="rounds of the boosters that explain and predict")
    parser.addoption("--shap-rows", type=int, default=500)
