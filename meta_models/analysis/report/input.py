"""All that the summary and the report are made from. Filled by the pipeline at the very end of a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import polars as pl

from meta_models.analysis.comparison.table import EvaluationTable
from meta_models.analysis.framework.outcome import Status
from meta_models.analysis.performance.leaderboard import copy_warnings
from meta_models.analysis.runner import AnalysisRun
from meta_models.learners.registry import LEARNERS
from meta_models.model import FittedModel
from meta_models.result import Note, TrainingResult
from meta_models.schema import GENE, SEQUENCE
from meta_models.wording import counted

WHOLE_GENES = "On every position of the training genes"
#: What rows are called where they are all positions of some genes.
EVERY_POSITION = "these positions"


@dataclass(frozen=True)
class ArtifactCheck:
    """One file of the run folder after it was written.

    Attributes
    ----------
    sha256 : str
        As recorded when it was written.
    verified : bool
        Whether it was opened again and had that hash.
    """

    name: str
    bytes: int
    sha256: str
    verified: bool


@dataclass(frozen=True)
class ReportInput:
    """What :func:`render_summary` and :func:`render_report` show.

    Attributes
    ----------
    title : str
        Of the report: what the run and its table are called.
    run : AnalysisRun
        Outcomes, their seconds and the evaluation.
    whole_genes : EvaluationTable or None
        Evaluation on all positions of the training genes, out of fold; `whole_genes_title` says of which genes.
    external : EvaluationTable or None
        Evaluation on ``--eval-dataset``; `external_lines` say which table that is.
    profile, screening, plan : tuple of str
        Lines about the table, what screening looked at and found, and how the strategy was chosen.
    screening_table : polars.DataFrame or None
        Rows of ``leakage_screening.csv``.
    model_file : str
        Name of the model file in the run folder.
    artifacts : tuple of ArtifactCheck
        Files written so far, in order. The summary and the report themselves cannot be among them.
    provenance : mapping of str to str
        Command, start, end, host, versions, input hashes, as they are to be shown.
    """

    title: str
    result: TrainingResult
    run: AnalysisRun
    model_file: str
    profile: tuple[str, ...] = ()
    screening: tuple[str, ...] = ()
    screening_table: pl.DataFrame | None = None
    plan: tuple[str, ...] = ()
    whole_genes: EvaluationTable | None = None
    whole_genes_title: str = WHOLE_GENES
    external: EvaluationTable | None = None
    external_rows: str = "its rows"
    external_lines: tuple[str, ...] = ()
    artifacts: tuple[ArtifactCheck, ...] = ()
    provenance: Mapping[str, str] = field(default_factory=dict)

    def verdict(self) -> tuple[str, ...]:
        """What must be read first: missing genes, and headlines of the external table, of whole genes, of the table."""
        lines = []
        if self._missing_genes:
            lines.append(
                f"INCOMPLETE ENSEMBLE: {len(self._missing_genes):,} genes were not trained on, because their batches "
                "failed and --allow-missing-batches was given."
            )
        if self.external is not None:
            lines.append(f"On the external table: {self.external.headline.sentence(self.external_rows)}")
        if self.whole_genes is not None:
            lines.append(f"{self.whole_genes_title}, out of fold: {self.whole_genes.headline.sentence(EVERY_POSITION)}")
        if self.run.evaluation is not None:
            alone = self.external is None and self.whole_genes is None
            prefix = "" if alone else "On the training table, out of fold: "
            lines.append(prefix + self.run.evaluation.headline.sentence())
        else:
            lines.append("Base and meta-model were not compared: see the analyses below.")
        return tuple(lines)

    def warnings(self, *, measured: bool = False) -> tuple[str, ...]:
        """Warnings of a copy, of training, failed analyses and findings, without the headline, each once.

        With `measured` those of its speed, too, which differ between equal runs.
        """
        board = self.result.leaderboard
        texts = [] if board is None else [*copy_warnings(board, measured=measured)]
        texts += [note.text for note in self.result.notes if note.level == "warning"]
        texts += [
            f"The analysis '{outcome.title}' failed ({outcome.reason}); its artifacts are missing or incomplete."
            for outcome in self.run.failed
        ]
        texts += [n.text for outcome in self.run.outcomes for n in outcome.findings if n.level == "warning"]
        texts += [f"The artifact {a.name} is not as it was written." for a in self.artifacts if not a.verified]
        headline = self.run.evaluation.headline.sentence() if self.run.evaluation else None
        return tuple(text for text in dict.fromkeys(texts) if text != headline)

    def notes(self) -> tuple[Note, ...]:
        """What training wants the reader to know, short of warnings."""
        return tuple(note for note in self.result.notes if note.level != "warning")

    def skipped(self) -> tuple[str, ...]:
        """Analyses that did not run, with the reason."""
        idle = (Status.SKIPPED, Status.NOT_APPLICABLE)
        return tuple(f"{o.code}: {o.status.value} ({o.reason})" for o in self.run.outcomes if o.status in idle)

    def memory_lines(self) -> tuple[str, ...]:
        """Predicted and measured peak."""
        memory = self.result.memory
        predicted = f"predicted {memory.predicted / 1e9:.2f} GB"
        if memory.measured is None:
            return (f"Peak memory: {predicted}, not measured",)
        ratio = memory.measured / memory.predicted if memory.predicted else float("nan")
        return (f"Peak memory: {predicted}, measured {memory.measured / 1e9:.2f} GB ({ratio:.2f} of the prediction)",)

    def training_lines(self) -> tuple[str, ...]:
        """What was trained on what."""
        result, config = self.result, self.result.config
        oof = self.trained_on
        features = len(result.kept_features)
        genes, families = (oof[column].n_unique() for column in (GENE, "family"))
        rounds: dict[str, list[int]] = {}
        for fit in result.fits:
            if fit.fold < 0 and fit.rounds:
                rounds.setdefault(fit.of, []).append(fit.rounds)
        spans = ", ".join(f"{name} {_span(counts)}" for name, counts in rounds.items())
        trained = f"{spans} (limit {config.rounds_limit}){_added(result.model)}" if spans else "not applicable"
        held_out = ", ".join(f"{fold.held_out_genes:,}" for fold in result.folds)
        ensemble = result.ensemble
        scored = () if ensemble is None else (f"Ensemble scored by {ensemble.cv} ({ensemble.cv_reason})",)
        size = f"{counted(oof.height, 'row')}, {counted(features, 'feature')}"
        return (
            f"Strategy: {result.strategy} ({result.strategy_reason})",
            f"Trained on {counted(genes, 'gene')} in {counted(families, 'family', 'families')}, {size}",
            *whole_gene_lines(result.model),
            *scored,
            f"Split: {len(result.folds)} folds by {config.split}, held-out genes {held_out}; seed {config.seed}",
            f"Learner: {learner_titles(self.result)}",
            f"Rounds of the final model: {trained}",
            f"Row weights of the figures: {_WEIGHTING[result.weighting]}",
            f"Base model's own training chromosomes: {self.base_train_chroms}",
            *self.memory_lines(),
            "Seconds: "
            + (", ".join(f"{name} {value:.1f}" for name, value in result.seconds.items()) or "not recorded"),
        )

    @property
    def base_train_chroms(self) -> str:
        """Chromosomes that the base model was trained on, in words where none is known or named."""
        chroms = self.result.base_train_chroms
        return "not known" if chroms is None else ", ".join(chroms) or "none"

    @property
    def trained_on(self) -> pl.DataFrame:
        """Rows of the out-of-fold table that the final model was trained on: not those of batches that failed."""
        return self.result.oof.filter(~pl.col(GENE).cast(pl.String).is_in(self._missing_genes))

    @property
    def _missing_genes(self) -> tuple[str, ...]:
        return () if self.result.ensemble is None else self.result.ensemble.missing_genes

    def load_lines(self) -> tuple[str, ...]:
        """Python that loads the model."""
        return (
            "from meta_models.inference.ensemble_model_loader import load_model_with_ensemble_support",
            f'model = load_model_with_ensemble_support("RUN_DIR/{self.model_file}")',
            "probabilities = model.predict_proba(table)  # (rows, 3): neither, donor, acceptor; columns by name",
        )


_WEIGHTING = {
    "sampling_weight": "sampling_weight of the table: genomic figures are the headline, the table's beside them",
    "true_prevalence": "class ratio of true_prevalence: genomic figures are the headline, the table's beside them",
    "none": "none known: figures are of the table's rows, which may be down-sampled and flatter the meta-model",
}


def _span(counts: list[int]) -> str:
    low, high = min(counts), max(counts)
    return str(low) if low == high else f"{low} to {high}"


def _added(model: FittedModel) -> str:
    """What rounds were added to."""
    return f", added to {model.earlier_trees:,} earlier trees" if model.earlier_trees else ""


def learner_titles(result: TrainingResult) -> str:
    """What was fitted, as far as it counts in the model."""
    names = dict.fromkeys(single.learner for single in result.model.singles)
    return ", ".join(LEARNERS[name].title for name in names)


def whole_gene_lines(model: FittedModel) -> Iterator[str]:
    """What learners of whole genes read: nothing of them is a feature of the table."""
    for single in model.gene_readers:
        predictor = single.gene_predictor
        if predictor is None:
            continue
        scores = [f"scores of {key}" for key in predictor.base_models]
        facts = ", ".join(f"{name.replace('_', ' ')} {value:,}" for name, value in predictor.facts().items()
                          if isinstance(value, int))  # fmt: skip
        if predictor.window:
            columns = counted(len(predictor.evidence), "other column")
            inputs = f"{predictor.window} bases around each row (column {SEQUENCE}), {', '.join(scores)}, {columns}"
        else:
            inputs = f"every position of these genes: {', '.join(['sequence', *scores, *predictor.evidence])}"
        yield f"{single.learner} reads {inputs} ({facts})"
