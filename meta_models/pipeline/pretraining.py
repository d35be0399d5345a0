"""Training on the genes of other species' built folders first: what learners of genes go on from then."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from meta_models.config import TrainingConfig
from meta_models.dataset.built import BuiltFolder
from meta_models.dataset.positions import Positions, read_positions
from meta_models.dataset.reading.open import open_dataset
from meta_models.dataset.reading.reader import Dataset
from meta_models.errors import MemoryBudgetError, UsageError
from meta_models.features import Recipe
from meta_models.inference.checks.overlap import TrainedOn
from meta_models.learners.gene_bridge import evidence_names, model_keys
from meta_models.learners.registry import LEARNERS
from meta_models.learners.seam import FitJob, Fitted, Shape
from meta_models.learners.seam.genes import GenePrepared, LabelledGene, TrainingGenes
from meta_models.learners.seam.start import Start
from meta_models.model import ModelInfo
from meta_models.model.origin import started_from
from meta_models.places import describe_input
from meta_models.run_folder import UnitHit, UnitKey, UnitStore
from meta_models.schema import CLASSES, GENE, BaseModel
from meta_models.training.fitting.inputs.genes import genes_of_rows
from meta_models.training.fitting.origin import Origin
from meta_models.training.fitting.task import TrainingTask
from meta_models.training.fitting.unit_codec import decode, encode, library_versions

logger = logging.getLogger(__name__)
_UNIT, _STATE = "pretraining", "state"


@dataclass(frozen=True)
class EarlierGenes:
    """A built folder of another species, all of whose genes are trained on first; made by `open_earlier_genes`.

    Attributes
    ----------
    renamed : mapping of str to str
        What its inputs are called here, where that is otherwise.
    """

    path: Path
    built: BuiltFolder
    dataset: Dataset
    positions: Positions
    renamed: Mapping[str, str]

    @property
    def name(self) -> str:
        """What it is called in messages."""
        return self.path.name

    @property
    def seen(self) -> TrainedOn:
        """All of its genes that are trained on."""
        return TrainedOn.of_table(self.positions, self.dataset.info.genome)

    @property
    def rows(self) -> pl.DataFrame:
        """The narrow columns of its table."""
        return self.positions.frame

    @property
    def bases(self) -> tuple[BaseModel, ...]:
        """Base models of its table."""
        return self.positions.bases

    @property
    def recipe(self) -> Recipe:
        """Its recipe, by the names that inputs have here."""
        return renamed_recipe(self.built.recipe, self.renamed)

    @property
    def info(self) -> ModelInfo:
        """Of a model that is trained on it."""
        genes = tuple(sorted({*self.rows[GENE].cast(pl.String)}))
        genome = self.dataset.info.genome
        facts = {"dataset": {"name": self.name, "assembly": genome.assembly, "contigs": dict(genome.contigs)}}
        families = tuple(sorted(self.positions.families()))
        return ModelInfo("pretraining", genes, families, loci=self.positions.loci(), provenance=facts)

    def genes(self, seed: int) -> TrainingGenes:
        """Its genes, by the names that inputs have here."""
        return replace(
            genes_of_rows(self.built.genes, self.rows, seed), genes=_Renamed(self),
            base_models=model_keys(self.recipe), evidence=evidence_names(self.recipe),
        )  # fmt: skip


@dataclass(frozen=True)
class _Renamed:
    """The genes of a folder, whose inputs have the names that they have here."""

    folder: EarlierGenes

    def __iter__(self) -> Iterator[LabelledGene]:
        theirs, ours = self.folder.built.recipe, self.folder.recipe
        keys = dict(zip(model_keys(theirs), model_keys(ours), strict=True))
        names = dict(zip(evidence_names(theirs), evidence_names(ours), strict=True))
        for gene in genes_of_rows(self.folder.built.genes, self.folder.rows, 0).genes:
            tracks = gene.tracks
            scores = {keys[key]: values for key, values in tracks.scores.items()}
            evidence = {names[name]: values for name, values in tracks.evidence.items()}
            yield replace(gene, tracks=replace(tracks, scores=scores, evidence=evidence))


@dataclass(frozen=True)
class _Chained:
    """The genes of several, one after another."""

    parts: Sequence[TrainingGenes]

    def __iter__(self) -> Iterator[LabelledGene]:
        return (gene for part in self.parts for gene in part.genes)


def open_earlier_genes(config: TrainingConfig, renamed: Mapping[str, str]) -> tuple[EarlierGenes, ...]:
    """The folders that ``--pretrain`` names.

    Raises
    ------
    UsageError
        If no learner reads genes.
    InputError
        If one is no built folder, or its table is none.
    """
    if config.pretrain and not config.reads_genes:
        raise UsageError(
            "--pretrain needs a learner of genes, which is trained on other genes first",
            f"Found {' '.join(config.learners)}",
            "Take tcn, gru, lstm or transformer; boosters go on from a run (--init-from)",
        )
    return tuple(_opened(path, renamed) for path in config.pretrain)


def _opened(path: Path, renamed: Mapping[str, str]) -> EarlierGenes:
    built = BuiltFolder.open(path)
    dataset = open_dataset(path, work_dir=path)  # Parquet: nothing is converted
    return EarlierGenes(path, built, dataset, read_positions(dataset), renamed)


def pretrained(folders: Sequence[EarlierGenes], task: TrainingTask) -> dict[str, Origin]:
    """What each learner of genes goes on from: itself, fitted to all genes of `folders`. Each fit is a unit.

    Raises
    ------
    MemoryBudgetError
        If the genes do not fit into memory.
    """
    if not folders:
        return {}
    names = [name for name in task.config.learners if LEARNERS[name].traits.inputs == "genes"]
    title, info = f"pretraining on {' and '.join(folder.name for folder in folders)}", _seen_by_all(folders)
    found = {}
    for name in names:
        own = replace(task, config=task.config.of_learner(name), units=task.units.within(_UNIT))
        predictor = _fitted(folders, own).predictor
        start = Start(title, name, predictor.files(), predictor.n_inputs, predictor.n_targets)
        found[name] = Origin(start, info, start.sha256)
    return found


def _seen_by_all(folders: Sequence[EarlierGenes]) -> ModelInfo:
    """Of a model that is trained on all folders."""
    info = folders[0].info
    for folder in folders[1:]:
        info = started_from(info, folder.info, {"run": folder.name})
    return info


def _fitted(folders: Sequence[EarlierGenes], task: TrainingTask) -> Fitted:
    learner, config = task.config.learner, task.config
    job_name, key = config.learners[0], UnitStore.key(_key(folders, task))
    found = task.units.get(job_name, key)
    if isinstance(found, UnitHit):
        return decode(learner, found.files())
    genes = joined_genes([folder.genes(config.seed) for folder in folders])
    _require_room(genes, task)
    labels = np.concatenate([folder.positions.labels for folder in folders])
    everything, nothing = np.ones(len(labels), bool), np.zeros(len(labels), bool)
    job = FitJob(job_name, -1, tuple(map(int, CLASSES)), everything, nothing, nothing)
    logger.info("Training %s on %d genes of other species first", job_name, len(genes.lengths))
    with learner.prepare(genes, config.section, task.resources) as prepared:
        fitted = _fit_or_go_on(prepared, job, labels, task, key)
    files = encode(fitted)
    task.units.put(job_name, key, files)
    _states(task).remove(job_name)
    return decode(learner, files)


def _fit_or_go_on(prepared: object, job: FitJob, labels: NDArray[np.uint8], task: TrainingTask, key: UnitKey) -> Fitted:
    if not isinstance(prepared, GenePrepared):
        raise AssertionError("learners of genes prepare genes")
    states = _states(task)

    def keep(payload: bytes) -> None:
        states.put(job.name, key, {_STATE: payload})

    found = states.get(job.name, key)
    state = found.read(_STATE) if isinstance(found, UnitHit) else None
    return prepared.fit(job, labels, None, threads=1, state=state, keep=keep)


def _states(task: TrainingTask) -> UnitStore:
    return UnitStore(task.units.folder / "part-way")


def _key(folders: Sequence[EarlierGenes], task: TrainingTask) -> dict[str, object]:
    config = task.config
    files = [file for folder in folders for file in (*folder.dataset.paths, *folder.built.genes.files)]
    return {
        "learner": config.learners[0], "options": config.section.model_dump(mode="json"), "seed": config.seed,
        "files": [describe_input(file).sha256 for file in files],
        "renamed": [dict(folder.renamed) for folder in folders],
        "device": task.device, "versions": library_versions(config),
    }  # fmt: skip


def joined_genes(parts: Sequence[TrainingGenes]) -> TrainingGenes:
    """The genes of all, one after another."""
    first = np.cumsum([0, *(len(part.lengths) for part in parts)])
    return replace(
        parts[0], genes=_Chained(parts), lengths=np.concatenate([part.lengths for part in parts]),
        gene_of_row=np.concatenate([part.gene_of_row + at for part, at in zip(parts, first, strict=False)]),
        position_of_row=np.concatenate([part.position_of_row for part in parts]),
    )  # fmt: skip


def _require_room(genes: TrainingGenes, task: TrainingTask) -> None:
    inner, config = int(genes.lengths.sum()), task.config
    whole = inner + 2 * genes.flank * len(genes.lengths)
    tracks = 2 * len(genes.base_models) + len(genes.evidence)
    shape = Shape(len(genes.gene_of_row), tracks, positions=whole, genes=len(genes.lengths), inner=inner)
    footprint = config.learner.footprint(shape, config.section, task.resources)
    if (need := footprint.held + footprint.job) > task.budget:
        raise MemoryBudgetError(
            f"Pretraining must fit into the memory budget of {task.budget / 1e9:.2f} GB",
            f"{config.learners[0]} would take {need / 1e9:.2f} GB for the genes of --pretrain",
            "Raise --max-memory-gb, or give fewer genes",
        )


def renamed_recipe(recipe: Recipe, names: Mapping[str, str]) -> Recipe:
    """`recipe` whose base models and evidence have other names."""
    models = tuple(replace(track, key=names.get(track.key, track.key)) for track in recipe.models)
    evidence = tuple(replace(track, name=names.get(track.name, track.name)) for track in recipe.evidence)
    return replace(recipe, models=models, evidence=evidence)
