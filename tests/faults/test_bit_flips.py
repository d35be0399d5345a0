"""One bit of any intermediate is flipped, 400 times over: it is never taken for what was written."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from fitted_models import single
from tables import make_frame

from meta_models.dataset.reading.open import open_dataset
from meta_models.dataset.reading.reader import Dataset
from meta_models.errors import MetaModelsError
from meta_models.persistence import dump_model, load_model
from meta_models.run_folder import RunFolder, RunManifest, UnitHit, UnitStore, parquet_bytes, read_artifact

FRAME = make_frame(n_genes=20, rows=15)
KEY = UnitStore.key({"seed": 1, "rows": "all"})
FLIPS = 50


def unit(folder: Path) -> tuple[list[Path], Callable[[], object]]:
    """A checkpoint as training and prediction leave it; read back whole, or not at all."""
    store = UnitStore(folder)
    scores = np.random.default_rng(0).random(300).astype(np.float32).tobytes()
    store.put("fold-0", KEY, {"booster.ubj": scores[::-1], "scores.npy": scores, "rows.parquet": parquet_bytes(FRAME)})

    def read() -> object:
        found = store.get("fold-0", KEY)
        return {name: found.read(name) for name in found.hashes} if isinstance(found, UnitHit) else None

    return [path for path in (folder / "fold-0").iterdir() if path.name != "timing.json"], read


def table(folder: Path) -> tuple[list[Path], Callable[[], object]]:
    """A text table, converted."""
    folder.mkdir()
    FRAME.write_csv(folder / "table.csv")
    dataset: Dataset = open_dataset(folder / "table.csv", work_dir=folder / "work")
    return [file.path for file in dataset.files], lambda: pl.concat(dataset.iter_frames([pl.all()], 1000)).to_dict()


def artifact(folder: Path) -> tuple[list[Path], Callable[[], object]]:
    """The out-of-fold table of a run."""
    with RunFolder.open(folder) as run:
        run.write_parquet("oof.parquet", FRAME)
    return [folder / "oof.parquet"], lambda: read_artifact(folder, "oof.parquet").to_dict()


def manifest(folder: Path) -> tuple[list[Path], Callable[[], object]]:
    """The manifest of a run; what is repeated later takes its configuration."""
    with RunFolder.open(folder) as run:
        run.update(config={"seed": 1, "learning_rate": 0.1}, seeds={"seed": 1})
        run.write_text("a.txt", "a")
    return [folder / "run_manifest.json"], lambda: RunManifest.read(folder)


def model(folder: Path) -> tuple[list[Path], Callable[[], object]]:
    """A model file."""
    folder.mkdir()
    path = folder / "model.pkl"
    path.write_bytes(dump_model(single()))
    return [path], lambda: dump_model(load_model(path))


def flips(path: Path, count: int, rng: random.Random) -> Iterator[int]:
    """Flip one bit of the file at a time, whose times stay; it is as it was in the end."""
    data, times = path.read_bytes(), path.stat()
    for _ in range(count):
        bit = rng.randrange(8 * len(data))
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        path.write_bytes(changed)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
        yield bit
    path.write_bytes(data)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def same(one: object, other: object) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    return one.equals(other) if isinstance(one, pl.Series) and isinstance(other, pl.Series) else bool(one == other)


@pytest.mark.parametrize("make_files", [unit, table, artifact, manifest, model])
def test_no_flipped_bit_is_silent(make_files: Callable[[Path], object], tmp_path: Path) -> None:
    paths, read = make_files(tmp_path / "files")  # type: ignore[misc]
    expected = read()
    assert expected is not None
    found = 0
    rng = random.Random(0)
    for path in sorted(paths):
        for bit in flips(path, FLIPS, rng):
            try:
                value = read()
            except MetaModelsError:
                value = None
            found += value is None
            assert value is None or same(value, expected), f"bit {bit} of {path.name} was not seen"
    assert found > 0.9 * FLIPS * len(paths)
    assert same(read(), expected)
