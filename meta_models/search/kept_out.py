"""The families that take no part in a search, and the one figure that they give at its end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from meta_models.analysis.comparison.evaluate import best_base_overall
from meta_models.analysis.comparison.table import TABLE, EvaluationTable
from meta_models.choice import SINGLE
from meta_models.dataset.built import BuiltFolder, is_built
from meta_models.dataset.genes.whole_genes import choose_whole_genes
from meta_models.dataset.opening import is_built_in
from meta_models.dataset.positions import Positions
from meta_models.dataset.reading.reader import Dataset
from meta_models.errors import InputError
from meta_models.experiments.comparison.differences import Comparison, Difference, differences_to
from meta_models.experiments.comparison.rows import SharedRows, shared_rows
from meta_models.inference.gene_scoring import score_genes
from meta_models.inference.scoring import score_table
from meta_models.learners.seam import LearnerConfig
from meta_models.pipeline.evaluations import save_evaluation
from meta_models.places import table_path
from meta_models.result import TrainingResult
from meta_models.run_folder import RunFolder
from meta_models.schema import CLASS_NAMES, GENE
from meta_models.search.chance import Chance, chance_precision
from meta_models.search.options import TuneConfig
from meta_models.training.fitting.folds import held_together, require_classes
from meta_models.training.fitting.task import TrainingTask
from meta_models.training.several.contestants import Contestant
from meta_models.training.strategies import STRATEGIES

DEFAULT, WINNER = "default", "winner"
#: Name of what the winner scores against the base models.
EVALUATION = "kept_out_evaluation"


@dataclass(frozen=True)
class Split:
    """A table in two parts that share no family.

    Attributes
    ----------
    kept_out : ndarray of bool (n_rows,)
        Rows that the search never sees.
    """

    dataset: Dataset
    positions: Positions
    kept_out: NDArray[np.bool_]

    @property
    def searched(self) -> tuple[Dataset, Positions]:
        """The part that the search sees."""
        return self.dataset.with_rows(~self.kept_out), self.positions.filter(~self.kept_out)

    @property
    def kept(self) -> tuple[Dataset, Positions]:
        """The part that it does not."""
        return self.dataset.with_rows(self.kept_out), self.positions.filter(self.kept_out)

    @property
    def genes(self) -> tuple[str, ...]:
        """Genes kept out, sorted."""
        return tuple(self.positions.frame[GENE].filter(self.kept_out).unique().cast(str).sort())


@dataclass(frozen=True)
class KeptOut:
    """What the families kept out say.

    Attributes
    ----------
    where : str
        What of their genes was scored.
    genes, families : int
    differences : tuple of Difference
        Default first, winner second; mean average precision of the headline's population stands first. What rows that
        no weight is known of are is the name of their population: ``"table"``, or ``"every position"`` of the genes.
    evaluation : EvaluationTable
        The winner against the base models.
    chance : Chance
        On the same rows.
    """

    where: str
    genes: int
    families: int
    differences: tuple[Difference, ...]
    evaluation: EvaluationTable
    chance: Chance

    @property
    def headline(self) -> Difference:
        """The difference that decides."""
        return self.differences[0]

    @property
    def above_chance(self) -> bool | None:
        """Whether the winner's figure lies above what chance gives; None where there is no figure."""
        return None if self.headline.b is None else self.headline.b > self.chance.upper


def keep_out(dataset: Dataset, positions: Positions, config: TuneConfig) -> Split:
    """Keep whole families (or chromosomes) out of the search, about ``tune_share`` of the rows, drawn by the seed.

    Raises
    ------
    InputError
        If there are too few families, or a class is absent from either part.
    """
    groups, unit = held_together(positions, config)
    n_groups = len(np.unique(groups))
    if n_groups <= config.n_folds:
        raise InputError(
            f"A search with --n-folds {config.n_folds} needs at least {config.n_folds + 1} {unit}: some are kept out",
            f"Found {n_groups}",
            "Give a larger table or fewer folds",
        )
    labels = positions.labels
    chosen = _drawn(groups, config.tune_share, config.seed)
    for rows, where in ((chosen, "kept out (--tune-share)"), (~chosen, "searched")):
        require_classes(labels[rows], labels, CLASS_NAMES, f"the {unit} that are {where}")
    return Split(dataset, positions, chosen)


def _drawn(groups: NDArray[np.int64], share: float, seed: int) -> NDArray[np.bool_]:
    """Rows (n_rows,) of groups drawn in turn, as far as they fit into `share` of the rows; one of them at least.

    Folds are made as even as they can be, and always hold the same families out first: here chance alone decides.
    """
    found, sizes = np.unique(groups, return_counts=True)
    drawn, room = list[int](), share * len(groups)
    for at in np.random.default_rng(seed).permutation(len(found)):
        if sizes[at] <= room:
            drawn.append(int(found[at]))
            room -= sizes[at]
    return np.isin(groups, drawn or [int(found[np.argmin(sizes)])])


def judge(
    split: Split, task: TrainingTask, sections: Mapping[str, tuple[str, LearnerConfig]], folder: RunFolder
) -> KeptOut:
    """Train default and winner on the genes of the search, and score both on those that were kept out of it.

    Parameters
    ----------
    task : TrainingTask
        The genes of the search.
    sections : mapping of str to (str, LearnerConfig)
        Learner and options of `DEFAULT` and of `WINNER`.
    """
    results = {DEFAULT: _trained(task, DEFAULT, *sections[DEFAULT])}
    same = sections[WINNER] == sections[DEFAULT]
    results[WINNER] = results[DEFAULT] if same else _trained(task, WINNER, *sections[WINNER])
    frames = [_scored(split, result, task) for result in results.values()]
    config = task.config
    rows = shared_rows([_weighted(frame) for frame, _ in frames], list(results))
    differences = differences_to(rows, 0, Comparison(config.bootstrap_samples, config.seed))[1]
    frame, (where, called) = frames[1]
    return KeptOut(
        where=where,
        genes=len(split.genes),
        families=rows.n_families,
        differences=tuple(replace(d, population=called) if d.population == TABLE else d for d in differences),
        evaluation=_evaluated(results[WINNER], frame, called, folder),
        chance=_chance(rows, config.seed),
    )


def _trained(task: TrainingTask, name: str, learner: str, section: LearnerConfig) -> TrainingResult:
    own = Contestant(learner, None, learner).task(task)
    config = own.config.model_copy(update={"sections": {learner: section}})
    return STRATEGIES[SINGLE].train(replace(own, config=config, units=task.units.within(f"kept-out-{name}")))


def _scored(split: Split, result: TrainingResult, task: TrainingTask) -> tuple[pl.DataFrame, tuple[str, str]]:
    """The rows kept out with their scores, at every position where genes are known; two names of them, long first."""
    dataset, positions = split.kept
    config = task.config
    path = table_path(config.dataset)
    if config.whole_genes != "off" and not is_built_in(config.dataset) and is_built(path):
        folder = BuiltFolder.open(path).genes
        genes = choose_whole_genes(folder, config.whole_genes, only=split.genes, budget=task.budget, seed=config.seed)
        frame = score_genes(result.model, genes, result.bases, task.threads)
        return frame, (f"{genes.title[0].lower()}{genes.title[1:]} kept out", "every position")
    frame = score_table(result.model, dataset, positions, task.threads)
    weighted = positions.weighting != "none"
    return frame, ("on the rows of the table" + (", weighted to all positions" if weighted else ""), TABLE)


def _weighted(frame: pl.DataFrame) -> pl.DataFrame:
    """Rows that have no weight stand for themselves."""
    return frame if "weight" in frame.columns else frame.with_columns(pl.lit(1, pl.Float32).alias("weight"))


def _evaluated(result: TrainingResult, frame: pl.DataFrame, called: str, folder: RunFolder) -> EvaluationTable:
    """The winner against the base models, of which the best was chosen on the genes of the search."""
    weighting = result.weighting if "weight" in frame.columns else "none"
    best = best_base_overall(result.oof, result.bases, weighting=result.weighting)
    return save_evaluation(
        result, frame, result.bases, weighting, best, EVALUATION, folder, combiner_frame=result.oof, called=called
    )


def _chance(rows: SharedRows, seed: int) -> Chance:
    return chance_precision(rows.labels, rows.weight, [np.ones(len(rows.labels), bool)], seed=seed)
