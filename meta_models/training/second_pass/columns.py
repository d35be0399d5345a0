"""Columns of the table's rows that are computed from the first pass, as they are for each fold.

Rows of fold j have them from the model of fold j where j is held out, and from the model that saw neither j nor k where
the second pass of fold k is trained. The final second pass is trained on the former, which saw none of the genes that
they score.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from meta_models.dataset.genes.folder import Gene, GeneFolder
from meta_models.dataset.reading.read_ahead import shares, side_by_side
from meta_models.dataset.stretches import PACK_ROWS, Stretch, packs
from meta_models.dataset.widened import widened
from meta_models.model import FittedModel
from meta_models.model.first_pass import first_pass_columns, first_pass_names, site_scores
from meta_models.places import describe_input
from meta_models.progress import Progress
from meta_models.run_folder import UnitHit, UnitStore
from meta_models.schema import GENE, POSITION
from meta_models.training.fitting.folds import Folds
from meta_models.training.fitting.one_vs_rest import FINAL
from meta_models.training.fitting.pairs import Pair
from meta_models.training.fitting.task import TrainingTask

Floats32 = NDArray[np.float32]


@dataclass(frozen=True)
class FirstPassColumns:
    """Made by :func:`compute_columns`.

    Attributes
    ----------
    names : tuple of str
        Names of the columns.
    units : tuple of UnitHit
        For each fold, of its rows.
    """

    names: tuple[str, ...]
    folds: Folds
    units: tuple[UnitHit, ...]

    def of(self, fold: int) -> dict[str, Floats32]:
        """The columns (n_rows,) of all rows, as they are where `fold` (-1: none) is held out from the second pass."""
        matrix = np.empty((len(self.names), len(self.folds.of_row)), np.float32)
        for own, unit in enumerate(self.units):
            data = unit.read(_file(own if fold == FINAL else fold))
            matrix[:, self.folds.held_out(own)] = np.load(io.BytesIO(data), allow_pickle=False)
        return dict(zip(self.names, matrix, strict=True))

    def task(self, task: TrainingTask, fold: int) -> TrainingTask:
        """`task` with these columns behind its own."""
        added = self.of(fold)
        digest = hashlib.sha256(b"".join(values.tobytes() for values in added.values())).hexdigest()
        return replace(
            task, dataset=widened(task.dataset, added), features=(*task.features, *self.names),
            input_hashes=(*task.input_hashes, digest),
        )  # fmt: skip


def compute_columns(
    task: TrainingTask,
    folds: Folds,
    genes: GeneFolder,
    first: Mapping[int, FittedModel],
    pairs: Mapping[Pair, FittedModel],
) -> FirstPassColumns:
    """Score the genes of each fold at every position, and compute the columns of the rows of the table.

    Parameters
    ----------
    first : mapping of fold to FittedModel
        Uncalibrated; each never saw the genes of its fold.
    pairs : mapping of two folds to FittedModel
        Likewise of neither fold.

    Raises
    ------
    InputError
        If a gene of the table is not among `genes`.
    """
    names, hashes = first_pass_names(genes.recipe), [describe_input(path).sha256 for path in genes.files]
    units = []
    for fold in range(folds.n_folds):
        models = [first[fold] if k == fold else pairs[Pair((k, fold))] for k in range(folds.n_folds)]
        of_fold = _Scan(task, folds.held_out(fold), genes, models)
        key = UnitStore.key(of_fold.key(hashes))
        unit = task.units.get(f"first-pass-of-fold-{fold}", key)
        if not isinstance(unit, UnitHit):
            unit = task.units.put(f"first-pass-of-fold-{fold}", key, of_fold.files(fold))
            task.require_time()
        units.append(unit)
    return FirstPassColumns(names, folds, tuple(units))


@dataclass(frozen=True)
class _Scan:
    """The genes of some rows (a mask) of the table, and the models that score them."""

    task: TrainingTask
    rows: NDArray[np.bool_]
    genes: GeneFolder
    models: Sequence[FittedModel]

    def key(self, hashes: Sequence[str]) -> dict[str, object]:
        """All that the columns depend on."""
        files = [single.predictor.files() for model in self.models for single in model.singles]
        return {
            "inputs": [*self.task.input_hashes, *hashes],
            "models": [hashlib.sha256(data).hexdigest() for found in files for _, data in sorted(found.items())],
            "recipe": self.genes.recipe.sha256,
            "rows": hashlib.sha256(np.packbits(self.rows).tobytes()).hexdigest(),
        }

    def files(self, fold: int) -> dict[str, bytes]:
        """The columns (C, n) by each model, for these rows."""
        where = self._where()
        found = np.empty((len(self.models), len(first_pass_names(self.genes.recipe)), int(self.rows.sum())), np.float32)
        workers, for_each = shares(self.task.threads)
        for model in self.models:
            model.set_threads(for_each)
        total = sum(entry.length for entry in self.genes.entries if entry.gene_id in where)
        with Progress(f"First pass of the genes of fold {fold}", "positions").started(total) as progress:
            blocks = _blocks(self.genes.genes(where))
            for block, columns in side_by_side(blocks, lambda block: (block, self._columns(block, where)), workers):
                for at, values in columns:
                    found[:, :, at] = values
                progress.advance(sum(map(len, block)))
        return {_file(k): _npy(values) for k, values in enumerate(found)}

    def _where(self) -> dict[str, tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """For each gene the positions of its rows, increasing, and their numbers among these rows."""
        frame = self.task.positions.frame.filter(self.rows).select(pl.col(GENE).cast(pl.String), POSITION)
        grouped = frame.with_row_index("row").sort(POSITION).group_by(GENE).agg(POSITION, "row")
        return {
            gene: (np.array(positions, np.int64), np.array(numbers, np.int64))
            for gene, positions, numbers in grouped.iter_rows()
        }

    def _columns(
        self, block: tuple[Gene, ...], where: Mapping[str, tuple[NDArray[np.int64], NDArray[np.int64]]]
    ) -> list[tuple[NDArray[np.int64], Floats32]]:
        """Numbers of rows, and their columns (models, C, n)."""
        recipe, found = self.genes.recipe, []
        scores = {gene.gene_id: values for gene, values in zip(block, self._scores(block), strict=True)}
        for pack in packs(Stretch(gene, where[gene.gene_id][0]) for gene in block):
            at = np.concatenate([_numbers(stretch, *where[stretch.gene.gene_id]) for stretch in pack])
            of_genes = [scores[stretch.gene.gene_id] for stretch in pack]
            columns = [
                first_pass_columns(pack, [values[k] for values in of_genes], recipe) for k in range(len(self.models))
            ]
            found.append((at, np.stack(columns)))
        return found

    def _scores(self, block: tuple[Gene, ...]) -> list[Floats32]:
        return site_scores(self.models, block, self.genes.recipe)


def _numbers(stretch: Stretch, positions: NDArray[np.int64], numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Those of `numbers` that are of the positions of a stretch."""
    first = int(np.searchsorted(positions, stretch.rows[0]))
    return numbers[first : first + len(stretch.rows)]


def _blocks(genes: Iterator[Gene]) -> Iterator[tuple[Gene, ...]]:
    """Small genes together, until they have as many positions as are worked on in one go."""
    held: list[Gene] = []
    for gene in genes:
        held.append(gene)
        if sum(map(len, held)) >= PACK_ROWS:
            yield tuple(held)
            held = []
    if held:
        yield tuple(held)


def _file(k: int) -> str:
    return f"fold-{k}.npy"


def _npy(values: Floats32) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, values, allow_pickle=False)
    return buffer.getvalue()
