"""The runs that a run goes on from: opened and checked before anything is trained; what they saw is left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import polars as pl

from meta_models.config import TrainingConfig
from meta_models.dataset.opening import Tables
from meta_models.dataset.positions import Positions
from meta_models.dataset.reading.reader import Dataset
from meta_models.errors import InputError, UsageError
from meta_models.features import Recipe
from meta_models.finished_run import FinishedRun, read_run
from meta_models.inference.checks.overlap import TrainedOn, copies_of, refuse_overlap
from meta_models.learners.registry import LEARNERS
from meta_models.learners.seam.start import Start
from meta_models.model import FittedModel, SingleModel
from meta_models.persistence import load_model
from meta_models.pipeline.pretraining import EarlierGenes, open_earlier_genes, renamed_recipe
from meta_models.places import TablePath
from meta_models.result import Note
from meta_models.run_folder import hash_file
from meta_models.schema import GENE, BaseModel
from meta_models.training.fitting.origin import Origin
from meta_models.wording import counted

_SHOWN = 8


@dataclass(frozen=True)
class EarlierRun:
    """A finished run and its model."""

    run: FinishedRun
    model: FittedModel

    @property
    def name(self) -> str:
        """What it is called in messages."""
        return self.run.name

    @property
    def seen(self) -> TrainedOn:
        """What its model was trained on, and what models that it went on from were."""
        return TrainedOn.of_model(self.model.info)

    @property
    def rows(self) -> pl.DataFrame:
        """The rows of the table that it was trained on last."""
        return self.run.oof

    @property
    def bases(self) -> tuple[BaseModel, ...]:
        """Base models of that table."""
        return self.run.stored.bases

    @property
    def learners(self) -> tuple[str, ...]:
        """Names of what its model consists of, each once."""
        return tuple(dict.fromkeys(single.learner for single in self.model.singles))

    def singles(self, learner: str) -> list[SingleModel]:
        """The single models of a learner in its model."""
        return [single for single in self.model.singles if single.learner == learner]


@dataclass(frozen=True)
class Beginnings:
    """Made by `open_beginnings`.

    Attributes
    ----------
    runs : tuple of EarlierRun
        Each is of use for one learner or more.
    origins : mapping of str to Origin
        What each learner goes on from; one that is not named begins anew.
    folders : tuple of EarlierGenes
        What learners of genes are trained on first.
    """

    runs: tuple[EarlierRun, ...] = ()
    origins: Mapping[str, Origin] = field(default_factory=dict)
    folders: tuple[EarlierGenes, ...] = ()

    @property
    def sources(self) -> tuple[EarlierRun | EarlierGenes, ...]:
        """All that was, or is, trained on earlier."""
        return (*self.runs, *self.folders)

    @property
    def files(self) -> dict[str, list[TablePath]]:
        """What is read of them, by option: the model files of runs, and the genes of folders."""
        models: list[TablePath] = [earlier.run.path / earlier.run.stored.model_file for earlier in self.runs]
        genes: list[TablePath] = [
            file for folder in self.folders for file in (*folder.dataset.paths, *folder.built.genes.files)
        ]
        return {"init_from": models, "pretrain": genes}

    def known_genes(self, dataset: Dataset, positions: Positions) -> Mapping[str, str]:
        """Genes of a table that an earlier training knows, and how it does."""
        found: dict[str, str] = {}
        for gene, why in self._known(dataset, positions):
            found.setdefault(gene, why)
        return found

    def _known(self, dataset: Dataset, positions: Positions) -> Iterator[tuple[str, str]]:
        families = positions.frame.select(pl.col(GENE, "family").cast(pl.String)).unique()
        for earlier in self.sources:
            shared = earlier.seen.shared(positions, dataset.info.genome)
            yield from ((gene, "trained on") for gene in sorted(shared.genes))
            of_families = families.filter(pl.col("family").is_in(list(shared.families)))[GENE].sort()
            yield from ((gene, "of families that were trained on") for gene in of_families)
            yield from ((gene, "overlapping with what was trained on") for gene in sorted(shared.overlapping))
            yield from ((gene, "with the rows of genes that were trained on") for gene in _copies(earlier, positions))

    def refuse_known(self, positions: Positions, dataset: Dataset, table: str) -> None:
        """Refuse a table of genes that an earlier training knows; raises InputError."""
        for earlier in self.sources:
            refuse_overlap(earlier.seen, positions, dataset, table=table)
            if copies := _copies(earlier, positions):
                raise InputError(
                    f"{table} must hold other genes than those of {earlier.name}",
                    f"{dataset.source!r} has {counted(len(copies), 'gene')} with their rows: "
                    f"{', '.join(copies[:_SHOWN])}",
                    "Take them out",
                )

    def require_same_inputs(self, tables: Tables, config: TrainingConfig) -> None:
        """See that each learner reads here what the model read that it goes on from, and makes the same of it.

        Raises
        ------
        UsageError
            With all differences.
        """
        for folder in self.folders:
            if differences := [*_track_differences(folder.recipe, tables.dataset.info.recipe)]:
                raise _other_inputs("What learners are trained on first has", folder.name, differences)
        for name, origin in self.origins.items():
            differences = [*self._input_differences(name, origin, tables.dataset)]
            differences = differences or [*LEARNERS[name].start_differences(origin.start, config.sections[name])]
            if differences:
                raise _other_inputs(f"{name} goes on from a model of", origin.start.run, differences)

    def _input_differences(self, learner: str, origin: Origin, dataset: Dataset) -> Iterator[str]:
        ours, theirs = dataset.info.recipe, origin.info.recipe
        if (ours is None) != (theirs is None):
            yield f"columns of a built folder {'there' if ours is None else 'here'} alone"
        elif ours is not None and theirs is not None:
            theirs = renamed_recipe(theirs, origin.start.renamed)
            whole = LEARNERS[learner].traits.inputs == "rows"
            yield from theirs.differences(ours) if whole else _track_differences(theirs, ours)
        if LEARNERS[learner].traits.inputs == "rows":
            yield from _column_differences(self._run_of(origin), dataset)

    def _run_of(self, origin: Origin) -> FinishedRun:
        return next(earlier.run for earlier in self.runs if earlier.run.name == origin.start.run)

    def require_kept(self, features: Sequence[str]) -> None:
        """See that screening left no column out that a model reads which is gone on from: it would bring it back.

        Raises
        ------
        UsageError
            With the columns.
        """
        for name, origin in self.origins.items():
            if lost := sorted({*origin.start.features} - {*features}):
                raise UsageError(
                    f"{name} goes on from a model of columns that screening keeps",
                    f"{origin.start.run} reads {len(lost)} that were left out here: {', '.join(lost[:_SHOWN])}",
                    "Leave them out of that run, too (--exclude-features), or train without --init-from",
                )

    def notes(self, left_out: Mapping[str, str], config: TrainingConfig) -> tuple[Note, ...]:
        """What a reader must know of what was gone on from, and of what was left out for its sake."""
        if not self.sources:
            return ()
        told = [Note("info", self._told(name, config)) for name in config.learners]
        counts = Counter(left_out.values())
        why = "; ".join(f"{count:,} {reason}" for reason, count in sorted(counts.items()))
        lost = f"Left out of training and of every score for its sake: {counted(len(left_out), 'gene')} ({why})."
        return (*told, Note("info", lost if left_out else "The earlier training saw none of these genes."))

    def _told(self, learner: str, config: TrainingConfig) -> str:
        origin = self.origins.get(learner)
        if self.folders and LEARNERS[learner].traits.inputs == "genes":
            genes = sum(len(folder.info.genes) for folder in self.folders)
            names = " and ".join(folder.name for folder in self.folders)
            how = LEARNERS[learner].going_on(config.sections[learner])
            return f"{learner} was first trained on all {genes:,} genes of {names}, and went on from that{how}."
        if origin is None:
            return f"{learner} began anew: there is nothing that it could go on from."
        how = LEARNERS[learner].going_on(config.sections[learner])
        return (
            f"{learner} went on from the model of the run {origin.start.run}, which was trained on "
            f"{len(origin.info.genes):,} genes (model file {origin.model_sha256[:12]}){how}."
        )


def open_beginnings(config: TrainingConfig) -> Beginnings:
    """The runs that ``--init-from`` names, and the models in them that learners can go on from.

    Raises
    ------
    UsageError
        If one is no finished run, or of no use here, or it is not clear which model is meant.
    InputError, UnsafeModelFile
        If a model file is not as its run wrote it.
    """
    renamed = {there: here for here, there in (text.split("=") for text in config.init_inputs)}
    names = Counter(path.resolve().name for path in config.init_from)
    runs = tuple(
        _opened(read_run(path, str(path) if names[path.resolve().name] > 1 else "")) for path in config.init_from
    )
    possible = [name for name in config.learners if LEARNERS[name].traits.starts]
    origins = {name: origin for name in possible if (origin := _origin(name, runs, renamed)) is not None}
    used = {origin.start.run for origin in origins.values()}
    for earlier in runs:
        if earlier.run.name not in used:
            raise UsageError(
                f"--init-from {earlier.run.path} must have a model that a learner can go on from",
                f"It has {' and '.join(earlier.learners)}; of the learners here ({' '.join(config.learners)}) "
                f"{' and '.join(possible) or 'none'} can, from a model of the same learner",
                "Name another run, or another learner",
            )
    return Beginnings(runs, origins, open_earlier_genes(config, renamed))


def _opened(run: FinishedRun) -> EarlierRun:
    run.read(run.stored.model_file)  # as the run wrote it
    return EarlierRun(run, load_model(run.path / run.stored.model_file))


def _origin(learner: str, runs: Sequence[EarlierRun], renamed: Mapping[str, str]) -> Origin | None:
    found = [(earlier, single) for earlier in runs for single in earlier.singles(learner)]
    if len(found) > 1:
        raise UsageError(
            f"{learner} goes on from one model",
            f"Found {len(found)} of it in {' and '.join(dict.fromkeys(earlier.run.name for earlier, _ in found))}",
            "Name one run, trained by --strategy single_model",
        )
    if not found:
        return None
    earlier, single = found[0]
    features = () if single.gene_predictor is not None else single.own_columns
    start = Start(
        earlier.run.name, learner, single.predictor.files(), single.predictor.n_inputs, single.predictor.n_targets,
        features, dict(renamed),
    )  # fmt: skip
    return Origin(start, earlier.model.info, hash_file(earlier.run.path / earlier.run.stored.model_file))


def _copies(earlier: EarlierRun | EarlierGenes, positions: Positions) -> list[str]:
    """Genes that hold rows of what was trained on earlier."""
    scores = [c for base in earlier.bases if base in positions.bases for c in base.columns]
    return sorted(copies_of(earlier.rows, positions.frame, scores))


def _track_differences(theirs: Recipe, ours: Recipe | None) -> tuple[str, ...]:
    """Differences of what nets read: base models, evidence, and where these come from beyond a gene."""
    if ours is None:
        return ("a built folder there alone",)
    return replace(theirs, groups=ours.groups, flank=ours.flank).differences(ours)


def _other_inputs(who: str, where: str, differences: Sequence[str]) -> UsageError:
    return UsageError(
        f"{who} the same inputs and options as here",
        f"{where} differs: {'; '.join(differences[:_SHOWN])}",
        "Give the same options (--NAME.option), say with --init-inputs HERE=THERE what inputs are called there, or "
        "train without it",
    )


def _column_differences(run: FinishedRun, dataset: Dataset) -> Iterator[str]:
    theirs, ours = {record.name for record in run.stored.features}, {*dataset.features}
    for where, names in (("there", theirs - ours), ("here", ours - theirs)):
        if names:
            yield f"{counted(len(names), 'column')} {where} alone: {', '.join(sorted(names)[:_SHOWN])}"
