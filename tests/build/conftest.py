"""Fixtures of the readers."""

from __future__ import annotations

from pathlib import Path

import pytest
from pseudo_genome import PseudoGenome, make_pseudo_genome


@pytest.fixture(scope="session")
def worm(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> PseudoGenome:
    """200 real genes of the worm on six contigs."""
    pytest.importorskip("pyBigWig", reason="tracks are written by pyBigWig")
    return make_pseudo_genome(real_data, tmp_path_factory.mktemp("worm") / "made", genes=200)
