"""The table that a configuration names, restricted as the configuration asks."""

from __future__ import annotations

from pathlib import Path

from meta_models.config import TrainingConfig
from meta_models.dataset.demo import write_demo_table
from meta_models.dataset.positions import Positions, choose_genes, read_positions
from meta_models.dataset.reader import Dataset, open_dataset
from meta_models.dataset.thinning import thin_negatives

DEMO = "demo"


def open_training_table(config: TrainingConfig, work_dir: Path) -> tuple[Dataset, Positions]:
    """The table (or so many of its genes and negatives as the configuration asks for) and its narrow columns.

    Parameters
    ----------
    work_dir : Path
        Where the built-in table, or a text table as Parquet, is put.

    Raises
    ------
    InputError
        If the files are no table as the contract says.
    """
    source = write_demo_table(work_dir / "demo") if config.dataset == DEMO else Path(config.dataset)
    dataset = open_dataset(
        source, work_dir=work_dir / "text", base_score_columns=config.base_score_columns, label=config.dataset
    )
    positions = read_positions(dataset)
    if config.sample_genes is not None:
        rows = choose_genes(positions, config.sample_genes, config.seed)
        dataset, positions = dataset.with_rows(rows), positions.filter(rows)
    if config.thin_negatives is not None:
        rows, positions = thin_negatives(positions, config.thin_negatives, config.thin_below, config.seed)
        dataset = dataset.with_rows(rows)
    return dataset, positions
