"""The Python in the README runs as it stands, and is the one in ``examples/``."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks() -> list[str]:
    return BLOCK.findall((ROOT / "README.md").read_text(encoding="utf-8"))


def test_the_readme_shows_the_example() -> None:
    example = (ROOT / "examples" / "quickstart.py").read_text(encoding="utf-8")
    assert example.strip() in [block.strip() for block in blocks()]


@pytest.mark.slow
def test_every_python_block_of_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    found = blocks()
    assert found, "README.md has no python block"
    monkeypatch.chdir(tmp_path)
    for block in found:
        exec(compile(block, "README.md", "exec"), {"__name__": "readme"})
    assert "Mean AP of donor and acceptor" in capsys.readouterr().out
