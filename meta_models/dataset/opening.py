"""The tables that a configuration names, opened before anything is trained: a fault in one costs no training."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import polars as pl

from meta_models.config import TrainingConfig
from meta_models.dataset.built import BuiltFolder, is_built
from meta_models.dataset.demo import write_demo_table
from meta_models.dataset.genes.folder import GeneFolder
from meta_models.dataset.genes.table import GeneTable
from meta_models.dataset.genes.whole_genes import WholeGenes, choose_whole_genes
from meta_models.dataset.left_out import with_relatives, without_genes
from meta_models.dataset.plausibility.base_chromosomes import require_chromosomes
from meta_models.dataset.positions import Positions, choose_genes, read_positions
from meta_models.dataset.profile import DatasetProfile, profile_dataset
from meta_models.dataset.reading.open import open_dataset
from meta_models.dataset.reading.reader import Dataset
from meta_models.dataset.thinning import thin_negatives
from meta_models.dataset.windows import has_windows, needs_genes, window_of
from meta_models.errors import UsageError
from meta_models.local_paths import exists
from meta_models.places import TablePath, table_path
from meta_models.schema import GENE

#: Chooses genes of a table with these narrow columns: their ids, and why.
ChooseGenes = Callable[[Dataset, Positions], Mapping[str, str]]
#: The built-in table, and a name of it that no path has.
DEMO, BUILT_IN = "demo", "built-in:demo"


def no_genes(dataset: Dataset, positions: Positions) -> Mapping[str, str]:
    """Choose none."""
    del dataset, positions
    return {}


@dataclass(frozen=True)
class TrainingTable:
    """Made by `open_training_table`.

    Attributes
    ----------
    positions : Positions
        The narrow columns of `dataset`.
    left_out : mapping of str to str
        Genes that were left out of it, and why.
    """

    dataset: Dataset
    positions: Positions
    left_out: Mapping[str, str]


@dataclass(frozen=True)
class Tables:
    """Made by `open_tables`; of all but the training table no row is read yet.

    Attributes
    ----------
    dataset : Dataset
        The training table.
    positions : Positions
        Its narrow columns.
    pool : Dataset, GeneTable or None
        All positions of the training genes, to mine negatives from: of a built folder those of its genes.
    whole_genes, external : Dataset or None
        What is scored after training: all positions of the training genes, and genes not trained on.
    genes, external_genes : WholeGenes or None
        Genes of a built folder that are scored at every position, in place of `whole_genes` and of `external`.
    trained : GeneFolder or None
        The genes of the training table, where a learner reads them whole.
    window : int
        Bases of its column ``sequence``, where a learner of genes reads windows of that; 0 where none does.
    left_out : mapping of str to str
        Genes that were left out of the training table, and why.
    """

    dataset: Dataset
    positions: Positions
    pool: Dataset | GeneTable | None
    whole_genes: Dataset | None
    external: Dataset | None
    genes: WholeGenes | None = None
    external_genes: WholeGenes | None = None
    trained: GeneFolder | None = None
    window: int = 0
    left_out: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def pool_positions(self) -> Positions | None:
        """The narrow columns of `pool`, read once; None without one."""
        if self.pool is None:
            return None
        return self.pool.positions() if isinstance(self.pool, GeneTable) else read_positions(self.pool)

    def profile(self) -> DatasetProfile:
        """What strategies and their memory are chosen by."""
        scored = max(table.n_rows if table is not None else 0 for table in (self.whole_genes, self.external))
        whole = [genes.positions for genes in (self.genes, self.external_genes) if genes is not None]
        scored = max([scored, *whole])
        pool_rows = self.pool.n_rows if self.pool is not None else 0
        return profile_dataset(
            self.dataset, self.positions, pool_rows=pool_rows, scored_rows=scored, trained=self.trained,
            window=self.window,
        )  # fmt: skip


def named_tables(config: TrainingConfig) -> dict[str, TablePath]:
    """The tables on disk that `config` names, by option."""
    names = ("dataset", "mine_negatives", "oof_dataset", "eval_dataset")
    given = {f"--{name.replace('_', '-')}": getattr(config, name) for name in names}
    named = {option: name for option, name in given.items() if name is not None}
    return {o: table_path(name) for o, name in named.items() if not (o == "--dataset" and is_built_in(name))}


def open_tables(config: TrainingConfig, work_dir: Path, budget: int, left_out: ChooseGenes = no_genes) -> Tables:
    """Open every table that `config` names.

    Parameters
    ----------
    work_dir : Path
        Folder for working files.
    budget : int
        Memory budget in bytes: it tells how many whole genes are scored.
    left_out : callable
        As in `open_training_table`.

    Raises
    ------
    InputError
        If one of them is no table as the contract says.
    """

    def opened(source: str | None, name: str) -> Dataset | None:
        """The table that an option names; None where it names none."""
        if source is None:
            return None
        return open_dataset(table_path(source), work_dir=work_dir / name, base_score_columns=config.base_score_columns)

    table = open_training_table(config, work_dir, left_out)
    dataset, positions = table.dataset, table.positions
    genes = _whole_genes(config, positions, budget)
    whole_genes = None if genes is not None else opened(config.oof_dataset, "oof")
    external = opened(config.eval_dataset, "eval")
    return Tables(
        dataset,
        positions,
        pool=_mined_genes(config, positions) or opened(config.mine_negatives, "pool"),
        whole_genes=whole_genes,
        external=external,
        genes=genes,
        external_genes=_external_genes(config, budget),
        trained=trained_genes(config),
        window=_window(config, dataset, whole_genes, external),
        left_out=table.left_out,
    )


def trained_genes(config: TrainingConfig) -> GeneFolder | None:
    """The genes of the training table, where a learner reads them whole."""
    return sequences_read(config) if config.reads_genes else None


def sequences_read(config: TrainingConfig) -> GeneFolder | None:
    """The genes of the training table, where a learner reads them, or batches are grouped by their sequences."""
    path, read = table_path(config.dataset), config.reads_genes or config.batch_groups == "sketch"
    return BuiltFolder.open(path).genes if read and is_built(path) else None


def _window(config: TrainingConfig, dataset: Dataset, *scored: Dataset | None) -> int:
    """Bases of the windows of the training table, where a learner of genes reads them; those `scored` have as many."""
    if not config.reads_genes or is_built(table_path(config.dataset)):
        return 0
    window = 0
    for table in (dataset, *scored):
        if table is None:
            continue
        if not has_windows(table):
            raise needs_genes(config.gene_learners[0], table.source)
        found = window_of(table, window)
        window = window or found
    return window


def _mined_genes(config: TrainingConfig, positions: Positions) -> GeneTable | None:
    """The training genes in ``--mine-negatives`` where that is a built folder."""
    if config.mine_negatives is None or not is_built(table_path(config.mine_negatives)):
        return None
    trained = set(positions.frame[GENE].unique().cast(pl.String))
    return GeneTable.open(config.mine_negatives, BuiltFolder.open(table_path(config.mine_negatives)).genes, trained)


def _external_genes(config: TrainingConfig, budget: int) -> WholeGenes | None:
    """The genes of ``--eval-dataset`` where it is a built folder."""
    path, how = table_path(config.eval_dataset or ""), config.whole_genes
    if config.eval_dataset is None or how == "off" or not is_built(path):
        return None
    return choose_whole_genes(BuiltFolder.open(path).genes, how, only=None, budget=budget, seed=config.seed)


def _whole_genes(config: TrainingConfig, positions: Positions, budget: int) -> WholeGenes | None:
    """The genes that are scored at every position: of ``--oof-dataset``, or else of the training table's own folder."""
    path = table_path(config.dataset if config.oof_dataset is None else config.oof_dataset)
    how = config.whole_genes if config.oof_dataset is None or config.whole_genes != "off" else "auto"
    own = config.oof_dataset is None
    if how == "off" or (own and is_built_in(config.dataset)) or not is_built(path):
        return None
    trained = set(positions.frame[GENE].unique().cast(pl.String))
    only = trained if not own or config.sample_genes is not None or config.goes_on else None
    genes, beside = BuiltFolder.open(path).genes, config.contenders
    return choose_whole_genes(genes, how, only=only, budget=budget, seed=config.seed, contenders=beside)


def open_training_table(config: TrainingConfig, work_dir: Path, left_out: ChooseGenes = no_genes) -> TrainingTable:
    """The table (or so many of its genes and negatives as the configuration asks for) and its narrow columns.

    Parameters
    ----------
    work_dir : Path
        Where the built-in table, or a text table as Parquet, is put.
    left_out : callable
        Which genes are left out of the table, with all that no split may part from them.

    Raises
    ------
    UsageError
        If ``--base-train-chroms`` names chromosomes without a row.
    InputError
        If the files are no table as the contract says.
    """
    dataset = open_rows(config, work_dir)
    positions = read_positions(dataset)
    require_chromosomes(positions.frame, config.base_train_chroms, dataset.info, dataset.source)
    why = with_relatives(positions, left_out(dataset, positions))
    if why:
        rows = without_genes(positions, why, dataset.source)
        dataset, positions = dataset.with_rows(rows), positions.filter(rows)
    if config.sample_genes is not None:
        rows = choose_genes(positions, config.sample_genes, config.seed)
        dataset, positions = dataset.with_rows(rows), positions.filter(rows)
    if config.thin_negatives is not None:
        rows, positions = thin_negatives(positions, config.thin_negatives, config.thin_below, config.seed)
        dataset = dataset.with_rows(rows)
    return TrainingTable(dataset, positions, why)


def open_rows(config: TrainingConfig, work_dir: Path) -> Dataset:
    """The whole table; as `open_training_table`, without a look at its rows."""
    source = write_demo_table(work_dir / "demo") if is_built_in(config.dataset) else table_path(config.dataset)
    return open_dataset(
        source, work_dir=work_dir / "text", base_score_columns=config.base_score_columns, label=config.dataset
    )


def is_built_in(dataset: str) -> bool:
    """Whether ``--dataset`` names the built-in table."""
    return dataset in (DEMO, BUILT_IN)


def require_one_meaning(dataset: str) -> None:
    """Refuse a ``--dataset`` that names the built-in table and a path that is here.

    Raises
    ------
    UsageError
        Saying how to name either.
    """
    if dataset == DEMO and exists(DEMO):
        raise UsageError(
            f"--dataset {DEMO} must mean one table",
            f"{DEMO!r} is both a path here and the built-in table",
            f"Say ./{DEMO} for what is here, or {BUILT_IN} for the built-in table",
        )
