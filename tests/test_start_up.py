"""What a command may load before it knows what to do."""

from __future__ import annotations

import subprocess
import sys

HEAVY = {"matplotlib", "numpy", "polars", "pyarrow", "scipy", "shap", "sklearn", "xgboost"}


def test_help_loads_none_of_the_heavy_libraries() -> None:
    program = "import sys; from meta_models.cli import build_parser; build_parser().format_help(); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert "meta_models.config" in loaded
    assert not HEAVY & set(loaded)
