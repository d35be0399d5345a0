"""What can be said without PyTorch, and what is refused."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from simulated_genes import Genes

from meta_models.errors import UsageError
from meta_models.learners.neural import library
from meta_models.learners.registry import LEARNERS
from meta_models.learners.seam import Resources, Shape, TrainingRows
from meta_models.learners.seam.tables import ArrayTable

NAMES = ["tcn", "gru", "lstm", "transformer"]


@pytest.mark.parametrize("name", NAMES)
def test_the_extra_is_named_where_it_is_absent(monkeypatch, name):
    monkeypatch.setitem(sys.modules, "torch", None)
    learner = LEARNERS[name]
    assert learner.traits.extra == "neural"
    with pytest.raises(UsageError, match=r"'\.\[neural\]'"):
        learner.restore({}, 4, 3)
    with (
        pytest.raises(UsageError, match="needs torch"),
        learner.prepare(Genes().training(), learner.Config(), Resources()),
    ):
        pass


@pytest.mark.parametrize("name", NAMES)
def test_rows_of_a_table_are_refused_with_the_reason(name):
    learner = LEARNERS[name]
    values = np.zeros((1, 1), np.float32)
    rows = TrainingRows(ArrayTable(values), ("a",), values)
    with (
        pytest.raises(UsageError, match="learn how it was sampled"),
        learner.prepare(rows, learner.Config(), Resources()),
    ):
        pass


@pytest.mark.parametrize("name", NAMES)
def test_memory_follows_positions_only_where_they_are_held(name, tmp_path):
    learner = LEARNERS[name]
    one, two = (Shape(1000, 6, positions=n * 10_000_000) for n in (1, 2))
    for resources, share in ((Resources(), 1), (Resources(cache=tmp_path), 0)):
        found = [learner.footprint(shape, learner.Config(), resources) for shape in (one, two)]
        cache = 14 * 10_000_000  # base, label, two bytes for each of six tracks
        assert found[1].held - found[0].held == pytest.approx(share * cache, abs=0.04 * cache)
        assert found[1].disk - found[0].disk == (1 - share) * cache
        assert found[1].job == found[0].job


def test_neither_learner_nor_options_import_pytorch():
    code = (
        "import sys; from meta_models.learners.registry import LEARNERS; LEARNERS['tcn'].Config(); "
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.parametrize("name", NAMES)
def test_a_wider_net_needs_more_of_a_gpu_and_longer_genes_do_not(name, monkeypatch):
    learner = LEARNERS[name]
    small, wide = (learner.device_bytes(Shape(1, 6, positions=1), learner.Config(channels=c)) for c in (32, 128))
    assert 1.5e9 < small < wide
    assert learner.device_bytes(Shape(1, 6, positions=10**9), learner.Config()) == small
    monkeypatch.setattr(library, "find_spec", lambda wanted: None)
    assert learner.gpu_obstacle() == "PyTorch is not installed"
    assert learner.versions() == {}
