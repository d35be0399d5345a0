"""This trainer beside the tools that people would take instead, on genes that none of them saw, every position.

    python benchmarks/peers.py BUILT --out RESULT.json [--tools NAME ...] [--learners NAME ...] [--train OPTION ...]

BUILT is a folder of ``meta-models build``. A fixed third of the families is held out: every position of their genes is
scored, and is what the table shows. Trained is on the sampled rows of the others, by each tool in a process of its own
with one thread, as its documentation says: all features, ``sampling_weight`` as the weights of the rows. Each tool's
*own* figure is what it, or the usual cross-validation around it, reports from the rows that it was trained on.
RESULT.json holds all figures; the table goes to the terminal. AutoGluon, where it is not installed, has a row that says
so.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from meta_models.dataset.built import BuiltFolder
from meta_models.dataset.reading.open import open_dataset
from meta_models.dataset.stretches import Stretch, features_of, matrix_of, packs
from meta_models.features import column_names
from meta_models.inference.ensemble_model_loader import load_model_with_ensemble_support
from meta_models.metrics import SiteFigures

Floats = NDArray[np.float64]
THIRDS, HELD_OUT = 3, 0
FOLDS = 3  # of the usual cross-validation
AUTOGLUON_FOLDS = 5  # families in so many groups: it makes a fold of every value of its column of groups
AUTOGLUON_SECONDS = 1_200  # it stops there; without a limit it did not end within 50 minutes on a busy machine
CHUNK = 20_000
LABELS = ("neither", "donor", "acceptor")


def held_out(family: str) -> bool:
    """Whether a family is of the third that nobody trains on."""
    return zlib.crc32(family.encode()) % THIRDS == HELD_OUT


def write_tables(built: BuiltFolder, folder: Path) -> None:
    """``train/``: the sampled rows of two thirds of the families; ``test.parquet``: every position of the others."""
    frame = pl.read_parquet(built.master / "*.parquet")
    families = frame["gene_family"].cast(pl.String)
    mine = families.map_elements(lambda family: not held_out(family), return_dtype=pl.Boolean)
    (folder / "train").mkdir()
    frame.filter(mine).write_parquet(folder / "train" / "rows.parquet")
    (folder / "train" / "dataset_info.json").write_bytes((built.path / "dataset_info.json").read_bytes())
    names = column_names(built.recipe)
    schema = pa.schema([("label", pa.uint8()), *((name, pa.float32()) for name in names)])
    with pq.ParquetWriter(folder / "test.parquet", schema) as writer:
        for pack in packs(_stretches(built)):
            matrix = matrix_of(features_of(pack, built.recipe), names)
            labels = np.concatenate([stretch.gene.labels[stretch.rows] for stretch in pack])
            writer.write_table(pa.table([labels, *np.ascontiguousarray(matrix.T)], schema=schema))


def _stretches(built: BuiltFolder) -> Iterator[Stretch]:
    chosen = frozenset(entry.gene_id for entry in built.genes.entries if held_out(entry.family))
    for gene in built.genes.genes(chosen):
        yield Stretch(gene, np.flatnonzero(gene.counted))


def training_rows(folder: Path) -> tuple[tuple[str, ...], NDArray[np.float32], NDArray[np.int64], Floats]:
    """Names and values of the features, labels and weights of the rows."""
    dataset = open_dataset(folder / "train", work_dir=folder / "text")
    frame = pl.read_parquet(folder / "train" / "rows.parquet", columns=["splice_type", "sampling_weight"])
    named = frame["splice_type"].cast(pl.String).fill_null("neither")
    labels = np.array([max(LABELS.index(name), 0) if name in LABELS else 0 for name in named])
    weights = frame["sampling_weight"].to_numpy().astype(np.float64)
    return dataset.features, np.concatenate(list(dataset.iter_matrix(dataset.features))), labels, weights


def score(folder: Path, names: tuple[str, ...], predict: Callable[[Any], Floats]) -> None:
    """Write ``scores.npy``: the probabilities of every position that was held out."""
    batches = pq.ParquetFile(folder / "test.parquet").iter_batches(CHUNK, columns=list(names))
    matrices = (np.column_stack([batch.column(name).to_numpy() for name in names]) for batch in batches)
    np.save(folder / "scores.npy", np.concatenate([predict(matrix).astype(np.float32) for matrix in matrices]))


class OneVersusRest:
    """Three binary classifiers, normalised."""

    def __init__(self) -> None:
        import xgboost

        self.models = [xgboost.XGBClassifier(n_jobs=1, random_state=0) for _ in LABELS]

    def fit(self, x: Any, y: Any, sample_weight: Any) -> OneVersusRest:
        """Fit each."""
        for k, model in enumerate(self.models):
            model.fit(x, y == k, sample_weight=sample_weight)
        return self

    def predict_proba(self, x: Any) -> Floats:
        """Rows sum to 1."""
        raw = np.column_stack([model.predict_proba(x)[:, 1] for model in self.models])
        return np.asarray(raw / raw.sum(axis=1, keepdims=True))


def plain(make: Callable[[], Any], folder: Path, *, normalise: bool = False) -> float | None:
    """Fit and score one classifier; its own figure is that of the usual stratified cross-validation on the rows."""
    from sklearn.model_selection import StratifiedKFold

    names, x, y, weights = training_rows(folder)
    weights = weights / weights.mean() if normalise else weights
    score(folder, names, make().fit(x, y, sample_weight=weights).predict_proba)
    own = np.empty((len(y), len(LABELS)))
    for train, test in StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(x, y):
        own[test] = make().fit(x[train], y[train], sample_weight=weights[train]).predict_proba(x[test])
    return SiteFigures.of(y, own).mean


def lightgbm() -> Any:
    """LightGBM's classifier with its defaults."""
    module = importlib.import_module("lightgbm")
    return module.LGBMClassifier(n_jobs=1, random_state=0, verbose=-1)


def hist_gradient_boosting() -> Any:
    """Scikit-learn's."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(random_state=0)


def autogluon(folder: Path) -> float | None:
    """AutoGluon, medium quality, with weights and groups."""
    tabular = importlib.import_module("autogluon.tabular")
    names, x, y, weights = training_rows(folder)
    families = pl.read_parquet(folder / "train" / "rows.parquet", columns=["gene_family"])["gene_family"].cast(
        pl.String
    )
    folds = [zlib.crc32(f"fold of {family}".encode()) % AUTOGLUON_FOLDS for family in families.cast(pl.String)]
    import pandas as pd

    table = pd.DataFrame(x, columns=list(names)).assign(label=y, weight=weights, group=folds)
    predictor = tabular.TabularPredictor(
        label="label", problem_type="multiclass", eval_metric="log_loss", sample_weight="weight", groups="group",
        path=str(folder / "autogluon"),
    ).fit(table, presets="medium_quality", num_cpus=1, time_limit=AUTOGLUON_SECONDS)  # fmt: skip
    score(folder, names, lambda rows: predictor.predict_proba(pd.DataFrame(rows, columns=list(names))).to_numpy())
    return float(predictor.leaderboard()["score_val"].iloc[0])


def trainer(folder: Path, more: list[str]) -> float | None:
    """This package's command; its own figure is its headline."""
    run = Path(tempfile.mkdtemp(dir=folder)) / "run"
    options = [
        "--dataset",
        str(folder / "train"),
        "--out-dir",
        str(run),
        "--analyses",
        "base-vs-meta",
        "--threads",
        "1",
    ]
    command = [sys.executable, "-m", "meta_models", "train", *options, *more]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    model = load_model_with_ensemble_support(next(run.glob("model_multiclass*.pkl")))
    score(folder, model.feature_names, model.predict_proba)
    headline = json.loads((run / "meta_evaluation_summary.json").read_text())["headline"]
    return float(headline["best_base"]["meta"])


TOOLS: dict[str, Callable[[Path, list[str], list[str]], float | None]] = {
    "this trainer": lambda folder, _, more: trainer(folder, more),
    "this trainer, combined": lambda folder, learners, more: trainer(
        folder, ["--learners", *learners, "--keep-combination", *more]
    ),
    "LightGBM": lambda folder, *_: plain(lightgbm, folder),
    "LightGBM, weights / mean": lambda folder, *_: plain(lightgbm, folder, normalise=True),
    "HistGradientBoosting": lambda folder, *_: plain(hist_gradient_boosting, folder),
    "three XGBClassifiers": lambda folder, *_: plain(OneVersusRest, folder),
    "AutoGluon, medium": lambda folder, *_: autogluon(folder),
}
NEEDS = {"LightGBM": "lightgbm", "LightGBM, weights / mean": "lightgbm", "AutoGluon, medium": "autogluon"}


def measured(tool: str, folder: Path, more: list[str]) -> dict[str, Any]:
    """Run a tool in a process of its own: its figures, CPU seconds, the most memory that one process held, wall."""
    if tool in NEEDS and importlib.util.find_spec(NEEDS[tool]) is None:
        return {"tool": tool, "why": "not installed"}
    started = time.monotonic()
    process = subprocess.Popen([sys.executable, __file__, "--one", tool, "--folder", str(folder), *more])
    _, status, used = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status) != 0:
        return {"tool": tool, "why": f"failed with {os.waitstatus_to_exitcode(status)}"}
    labels = pl.read_parquet(folder / "test.parquet", columns=["label"])["label"].to_numpy()
    figures = SiteFigures.of(labels, np.load(folder / "scores.npy").astype(np.float64))
    return {
        "tool": tool, "donor": figures.donor, "acceptor": figures.acceptor, "mean": figures.mean,
        "log_loss": figures.log_loss, "own": json.loads((folder / "own.json").read_text()),
        "cpu_seconds": used.ru_utime + used.ru_stime, "peak_gb": used.ru_maxrss / 1e6,
        "seconds": time.monotonic() - started,
    }  # fmt: skip


def base_rows(folder: Path) -> list[dict[str, Any]]:
    """The base models on the same positions."""
    columns = pq.read_schema(folder / "test.parquet").names
    keys = sorted(name.removesuffix("donor_score") for name in columns if name.endswith("donor_score"))
    rows = []
    for key in keys:
        names = [f"{key}{label}_score" for label in LABELS]
        frame = pl.read_parquet(folder / "test.parquet", columns=["label", *names])
        found = SiteFigures.of(frame["label"].to_numpy(), frame.select(names).to_numpy().astype(np.float64))
        name = f"base model {key.rstrip('_') or 'main'}"
        rows.append({"tool": name, **{k: getattr(found, k) for k in ("donor", "acceptor", "mean", "log_loss")}})
    return rows


def markdown(rows: list[dict[str, Any]]) -> str:
    """The table, the best first."""
    lines = [
        "| | AP donor | AP acceptor | mean | log-loss | its own figure | CPU s | peak GB |", "| --- " * 8 + "|",
    ]  # fmt: skip
    forms = {
        "donor": ".4f", "acceptor": ".4f", "mean": ".4f", "log_loss": ".6f", "own": ".4f", "cpu_seconds": ".0f",
        "peak_gb": ".2f",
    }  # fmt: skip
    for row in sorted(rows, key=lambda row: -(row.get("mean") or 0)):
        cells = ["" if row.get(name) is None else format(row[name], form) for name, form in forms.items()]
        lines.append(f"| {row['tool']} | {row['why'] if 'why' in row else ' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """The command; with ``--one``, the process of one tool."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("built", type=Path, nargs="?")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--tools", nargs="+", choices=list(TOOLS), default=list(TOOLS))
    parser.add_argument("--learners", nargs="+", default=["xgboost", "lightgbm", "random_forest", "logistic"])
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--train", nargs=argparse.REMAINDER, default=[], help="options of train; the last option")
    given = parser.parse_args()
    if given.one is not None:
        own = TOOLS[given.one](given.folder, given.learners, given.train)
        (given.folder / "own.json").write_text(json.dumps(own))
        return 0
    more = ["--learners", *given.learners, "--train", *given.train]
    rows = []
    with tempfile.TemporaryDirectory() as name:
        tables = Path(name)
        write_tables(BuiltFolder.open(given.built), tables)
        rows = [*base_rows(tables), *(measured(tool, tables, more) for tool in given.tools)]
    if given.out is not None:
        given.out.write_text(json.dumps({"built": given.built.name, "rows": rows}, indent=1) + "\n")
    sys.stdout.write(markdown(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
