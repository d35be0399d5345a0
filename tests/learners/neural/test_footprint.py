"""Predicted memory against measured memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

pytest.importorskip("torch", reason="needs the extra 'neural': PyTorch is absent")

pytestmark = pytest.mark.neural

_MEASURED = """
import json, sys
from pathlib import Path
from simulated_genes import Genes, job
from meta_models.learners.registry import LEARNERS
from meta_models.learners.seam import Resources, Shape
from meta_models.resources import PeakSampler, tree_pss

world = Genes(number=16, mean_length=2000)
genes = world.training()
labels = world.row_labels(genes)
learner, before = LEARNERS[sys.argv[1]], tree_pss()
config, resources = learner.Config(epochs=1), Resources(cache=Path(sys.argv[2]))
with PeakSampler() as sampler, learner.prepare(genes, config, resources) as ready:
    ready.fit(job(genes), labels, None, threads=1)
positions = int((genes.lengths + 2 * genes.flank).sum())
found = learner.footprint(Shape(len(labels), 5, positions=positions), config, resources)
predicted = max(found.building, found.held + found.job)
print(json.dumps({"measured": sampler.peak_bytes - before, "predicted": predicted}))
"""


@pytest.mark.parametrize("name", ["tcn", "lstm", "transformer"])
def test_prediction_is_at_least_the_measured_peak(name, tmp_path):
    paths = os.pathsep.join(path for path in sys.path if path)
    ended = subprocess.run(
        [sys.executable, "-c", _MEASURED, name, str(tmp_path)], env={**os.environ, "PYTHONPATH": paths},
        capture_output=True, text=True, check=True, timeout=300,
    )  # fmt: skip
    told = json.loads(ended.stdout)
    # the share of PyTorch's own pages that counts depends on who else has it loaded
    assert told["measured"] <= told["predicted"] < 1e9
