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


_OF_WINDOWS = """
import json, sys
from pathlib import Path
import numpy as np
import polars as pl
from window_tables import COLUMNS, job, labels_of, training, window_frame, write_windows
from dataclasses import replace
from meta_models.dataset.reading.open import open_dataset
from meta_models.learners.registry import LEARNERS
from meta_models.learners.seam import Resources, Shape
from meta_models.resources import PeakSampler, tree_pss

folder, wide = Path(sys.argv[2]), [f"wide_{k}" for k in range(400)]
frame = window_frame(genes=60, window=201)
random = np.random.default_rng(0)
frame = frame.with_columns(pl.Series(name, random.normal(size=frame.height)) for name in wide)
dataset = open_dataset(write_windows(folder / "table", frame), work_dir=folder)
rows = replace(training(dataset, 201), evidence=(*COLUMNS, *wide))
(folder / "cache").mkdir()
learner, before = LEARNERS[sys.argv[1]], tree_pss()
config, resources = learner.Config(epochs=1), Resources(cache=folder / "cache")
with PeakSampler() as sampler, learner.prepare(rows, config, resources) as ready:
    ready.fit(job(frame), labels_of(frame), None, threads=1)
    on_disk = sum(file.stat().st_size for file in (folder / "cache").iterdir())
shape = Shape(frame.height, len(rows.columns), sites=360, positions=720 * 201, genes=720, inner=720, window=201)
found = learner.footprint(shape, config, resources)
predicted = max(found.building, found.held + found.job)
print(json.dumps({"measured": sampler.peak_bytes - before, "predicted": predicted, "disk": [on_disk, found.disk]}))
"""


def measured(script, *arguments):
    paths = os.pathsep.join(path for path in sys.path if path)
    ended = subprocess.run(
        [sys.executable, "-c", script, *arguments], env={**os.environ, "PYTHONPATH": paths},
        capture_output=True, text=True, check=True, timeout=300,
    )  # fmt: skip
    return json.loads(ended.stdout)


@pytest.mark.parametrize("name", ["tcn", "lstm", "transformer"])
def test_prediction_is_at_least_the_measured_peak(name, tmp_path):
    told = measured(_MEASURED, name, str(tmp_path))
    # the share of PyTorch's own pages that counts depends on who else has it loaded
    assert told["measured"] <= told["predicted"] < 1e9


def test_prediction_of_windows_of_many_columns_is_at_least_the_measured_peak(tmp_path):
    told = measured(_OF_WINDOWS, "tcn", str(tmp_path))
    assert told["measured"] <= told["predicted"] < 1.2e9
    assert told["disk"] == [720 * (201 + 2 * 406)] * 2
