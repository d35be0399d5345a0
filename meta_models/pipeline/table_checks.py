"""What is checked of all tables of a run before anything is trained."""

from __future__ import annotations

import logging

from meta_models.config import TrainingConfig
from meta_models.dataset.genes.table import GeneTable
from meta_models.dataset.opening import Tables
from meta_models.dataset.positions import Positions, read_positions
from meta_models.errors import UsageError
from meta_models.inference.checks.overlap import TrainedOn, refuse_copies, refuse_overlap, require_genes
from meta_models.inference.genome.stretches import require_columns, require_same_recipe
from meta_models.model.inputs import resolve_columns
from meta_models.pipeline.starts import Beginnings
from meta_models.result import Note
from meta_models.schema import CLASS_NAMES, GENE
from meta_models.training.fitting.folds import require_classes, require_enough_groups
from meta_models.training.fitting.inputs.motif_columns import require_base_codes
from meta_models.training.mining.pool import match_pool, require_features
from meta_models.training.screening.table import requested
from meta_models.training.several.contestants import feature_groups, require_groups
from meta_models.training.stages.requirements import check_stages

logger = logging.getLogger(__name__)


def check_tables(tables: Tables, config: TrainingConfig, beginnings: Beginnings) -> tuple[Note, ...]:
    """See that ``--eval-dataset`` is free of training genes, ``--oof-dataset`` has some, and all variants are there.

    That ``--mine-negatives`` has the positions of the training table, too; that every class occurs, there are as many
    groups of genes as folds, and options name what the table has.

    Parameters
    ----------
    beginnings : Beginnings
        What is gone on from: it reads the same inputs, and knows nothing of ``--eval-dataset``.

    Returns
    -------
    tuple of Note
        What a reader of their figures should know.

    Raises
    ------
    InputError, UsageError
        If it is not so.
    """
    if config.variants:
        require_groups(config.variants, feature_groups(tables.dataset))
    require_classes(tables.positions.labels, tables.positions.labels, CLASS_NAMES, "the table")
    require_enough_groups(tables.positions, config)
    requested(tables.dataset, config)
    require_base_codes(tables.dataset, config)
    _require_genes_to_score(tables, config)
    check_stages(config, tables.dataset, tables.positions)
    beginnings.require_same_inputs(tables, config)
    ours, external, whole = tables.positions, tables.external, tables.whole_genes
    found = [*(Note("warning", text) for text in ours.warnings), *(Note("info", text) for text in ours.joined)]
    if external is not None:
        positions = read_positions(external)
        known = TrainedOn.of_table(ours, tables.dataset.info.genome)
        refuse_overlap(known, positions, external, table="--eval-dataset")
        refuse_copies(ours, positions, external.source)
        beginnings.refuse_known(positions, external, "--eval-dataset")
        found += _notes_of(positions, "--eval-dataset")
        found += [Note("info", f"--eval-dataset: {text}") for text in positions.joined]
    if whole is not None:
        positions = read_positions(whole)
        require_genes(ours.frame[GENE], positions.frame[GENE], whole.source)
        found += _notes_of(positions, "--oof-dataset")
    if tables.pool is not None and tables.pool_positions is not None:
        match_pool(tables.pool, tables.pool_positions, ours, ())  # features are chosen later, see `check_features`
    for note in found:
        logger.log(logging.WARNING if note.level == "warning" else logging.INFO, "%s", note.text)
    return tuple(found)


def _require_genes_to_score(tables: Tables, config: TrainingConfig) -> None:
    if config.whole_genes == "all" and tables.genes is None and tables.external_genes is None:
        raise UsageError(
            "--whole-genes all needs a folder of meta-models build, which has the genes",
            f"{tables.dataset.source!r} is a table of rows",
            "Give every position with --oof-dataset, or leave --whole-genes out",
        )


def check_features(tables: Tables, features: tuple[str, ...]) -> None:
    """See that the features that are kept stand in the other tables, too.

    Raises
    ------
    InputError
        If one does not.
    """
    own = tables.dataset.info.recipe
    for option, genes in (("--eval-dataset", tables.external_genes), ("the genes of --oof-dataset", tables.genes)):
        if genes is not None:
            require_same_recipe(own, genes.folder.recipe, option)
            require_columns(features, genes.folder.recipe)
    for option, table in (("--eval-dataset", tables.external), ("--oof-dataset", tables.whole_genes)):
        if table is not None:
            logger.debug("%s has %d of the features", option, len(resolve_columns(table.columns, features)))
    if isinstance(tables.pool, GeneTable):
        require_same_recipe(own, tables.pool.recipe, "--mine-negatives")
    if tables.pool is not None:
        require_features(tables.pool, features)


def _notes_of(positions: Positions, option: str) -> list[Note]:
    return [Note("warning", f"{option}: {text}") for text in (*positions.notes, *positions.warnings)]
