"""The configuration of a training run. The command line is derived from its fields (see ``cli``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, SerializeAsAny, field_validator, model_validator

from meta_models.config.base import (
    Configuration,
    OfAnalysis,
    OfModel,
    OfResources,
    OfStart,
    OfUnit,
    PositiveInt,
    Scope,
    Share,
    ValueNames,
)
from meta_models.config.cluster import CLUSTERS, Cluster
from meta_models.config.sections import flat, upgraded, with_sections
from meta_models.errors import UsageError
from meta_models.learners.registry import LEARNERS
from meta_models.learners.seam import Learner, LearnerConfig
from meta_models.local_paths import LocalPath, TableName

#: Ways of combining members.
Method = Literal["voting", "weighted", "greedy", "stacking", "blending", "per-bin", "best", "routed"]
#: Those of them, and of batches, that have no parameters.
UNFITTED = ("mean", "voting")
#: What batches are grouped by.
BatchGroups = Literal["none", "chromosome", "gene-type"]
#: What rows count in training.
Weighting = Literal["none", "sampling", "balanced", "effective", "balanced-draws", "oversampling"]
SCORE_NAMES = ValueNames(("DONOR", "ACCEPTOR", "NEITHER"))
CLASS_VALUES = ValueNames(("NEITHER", "DONOR", "ACCEPTOR"))
Above0 = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class TrainingConfig(Configuration):
    """Everything that determines a training run.

    The effective configuration stands in ``run_manifest.json`` and can be fed back (see `read_yaml`).
    """

    # ---- input and output
    dataset: OfModel[TableName] = Field(
        "demo",
        description="Parquet/CSV/TSV file or folder, or 'demo' for the built-in table ('built-in:demo' where a path "
        "has that name).",
    )
    out_dir: OfStart[LocalPath | None] = Field(None, description="Run folder; must be empty or absent.")
    eval_dataset: OfAnalysis[TableName | None] = Field(
        None, description="Second table, of genes not trained on, to evaluate on (all positions count most)."
    )
    oof_dataset: OfAnalysis[TableName | None] = Field(
        None,
        description="Table of all positions of the training genes, or built folder; each is scored by the model "
        "of its fold.",
    )
    whole_genes: OfAnalysis[Literal["auto", "all", "off"]] = Field(
        "auto",
        description="Score every position of the genes of a built folder out of fold: all genes up to 50 million "
        "positions and as memory allows, above that a sample (auto); all; or none.",
    )
    overwrite: OfStart[bool] = Field(
        default=False, description="Replace the run in the run folder, once table and options were checked."
    )
    resume: OfStart[bool] = Field(
        default=False, description="Reuse the finished units of an earlier run in the run folder."
    )
    dry_run: OfStart[bool] = Field(default=False, description="Print the plan as JSON and write nothing.")
    plan_only: OfStart[bool] = Field(
        default=False,
        description="Write the units of the run into the run folder and leave: `meta-models unit` does them, and train "
        "--resume collects them.",
    )
    track: OfStart[str | None] = Field(
        None,
        description="Record the finished run in a tracker of experiments: mlflow, mlflow:URI, wandb or wandb:FOLDER "
        "(offline); one that fails never costs the run.",
    )
    distributed: OfStart[Cluster] = Field(None, description=f"Do the units of the run on a Dask cluster: {CLUSTERS}.")
    verbose: OfStart[bool] = Field(default=False, description="Log details.")

    # ---- learners
    learners: OfModel[tuple[str, ...]] = Field(
        ("xgboost",),
        min_length=1,
        description="What is fitted: names that `meta-models learners` lists, or auto: xgboost, and tcn where the "
        "table is a built folder and PyTorch is installed, combined by what the other folds say.",
    )
    sections: OfModel[dict[str, SerializeAsAny[LearnerConfig]]] = Field(
        {}, description="The options of each learner, by its name.", repr=False
    )
    monotone: OfUnit[bool] = Field(
        default=True,
        description="A higher score of a base model for a class never lowers the probability of that class, all else "
        "being equal, and one for neither never raises that of a site.",
    )
    cut_sample_rows: OfUnit[PositiveInt] = Field(
        100_000, description="Rows (half uniform, half with high base scores; labels unseen) that set the bins."
    )
    motifs: OfUnit[Literal["auto", "on", "off"]] = Field(
        "auto",
        description="Two more features, how much the bases around look like those of donors and acceptors, fitted "
        "inside each fold; auto: where the table was built with base codes.",
    )
    rounds: OfModel[Literal["cross-validation", "early-stopping", "fixed"]] = Field(
        "fixed",
        description="How many rounds: all (fixed), those best on the other folds, or until inner genes stop gaining.",
    )
    early_stopping_share: OfModel[Annotated[float, Field(gt=0, le=0.5)]] = Field(
        0.1, description="Share of a fold's training genes that only decide when to stop."
    )
    training_weights: OfUnit[Weighting] = Field(
        "sampling",
        description="Weights of the rows in training: none; the table's sampling_weight where it has one; classes of "
        "equal total (balanced); classes weighted by their effective number of rows; or how often rows are drawn, as "
        "many of each class as the rarest (balanced-draws) or the most frequent (oversampling) has.",
    )
    class_weights: OfUnit[Annotated[tuple[Above0, Above0, Above0] | None, CLASS_VALUES]] = Field(
        None, description="What the weights of each class in training are multiplied by; their mean stays."
    )
    second_stage: OfModel[Share | None] = Field(
        None,
        description="Train again, from the beginning, with this share of rows, those of the largest loss out of fold, "
        "counting --second-stage-weight times as much; taken where the other folds gain by it.",
    )
    second_stage_weight: OfModel[Annotated[float, Field(gt=1)]] = Field(
        4.0, description="How much more the hardest rows count in the second stage."
    )
    second_pass: OfModel[bool] = Field(
        default=False,
        description="Train a second time, on what the first models say out of fold around each position of a built "
        "folder's genes, too; kept where the other folds gain by it. It takes about four times as many fits.",
    )
    mine_negatives: OfModel[TableName | None] = Field(
        None,
        description="Table of all positions of the training genes, of which the hardest negatives are trained on, too.",
    )
    mining_rounds: OfModel[PositiveInt] = Field(
        1, description="Most rounds of mining; it ends when average precision on all positions stops rising."
    )
    mined_per_site: OfModel[Annotated[float, Field(gt=0)]] = Field(
        5.0, description="Hardest negatives taken for each site of the training genes."
    )
    thin_negatives: OfUnit[Share | None] = Field(
        None,
        description="Train on this share only of the negatives that no base model scores above --thin-below, weighted.",
    )
    thin_below: OfUnit[Annotated[float, Field(gt=0, le=1)]] = Field(
        0.003, description="Highest donor or acceptor score of any base model below which negatives are thinned."
    )

    init_from: OfModel[tuple[LocalPath, ...]] = Field(
        (),
        description="Folders of finished runs, of another species say: a learner goes on from its model in one of "
        "them; genes that the earlier training saw are left out of this run and of every score.",
    )
    init_inputs: OfModel[tuple[Annotated[str, Field(pattern=r"^[^=]+=[^=]+$")], ...]] = Field(
        (),
        description="Inputs that the runs of --init-from name otherwise, as HERE=THERE: keys of base models, names of "
        "evidence.",
    )
    teacher: OfModel[LocalPath | None] = Field(
        None,
        description="Folder of a finished run on the same table: the learner is fitted to its out-of-fold scores "
        "instead of the labels, by its folds (meta-models distil sets this).",
    )

    # ---- honesty
    n_folds: OfModel[Annotated[int, Field(ge=2)]] = Field(5, description="Cross-validation folds.")
    split: OfModel[Literal["gene", "chromosome"]] = Field("gene", description="What is held out together.")
    calibrate: OfModel[bool] = Field(default=True, description="Calibrate the probabilities, cross-fitted out of fold.")
    calibrate_per_class: OfModel[bool] = Field(
        default=True, description="A calibrator for each class; otherwise one for all three."
    )
    calib_method: OfModel[Literal["blend", "platt", "isotonic"]] = Field(
        "blend",
        description="Calibration method: logistic regression on the score and the base models' scores (blend), on the "
        "score alone (platt), or a rising step function of the score (isotonic).",
    )
    base_train_chroms: OfAnalysis[tuple[str, ...] | None] = Field(
        None, description="Chromosomes the base model was trained on (default: from dataset_info.json)."
    )
    base_score_columns: OfModel[Annotated[tuple[str, str, str] | None, SCORE_NAMES]] = Field(
        None, description="Main base model's donor, acceptor and neither score columns, if named otherwise."
    )
    bootstrap_samples: OfAnalysis[PositiveInt] = Field(
        1000, description="Resamples of families behind each 95 % interval."
    )

    # ---- screening and features
    leakage_threshold: OfModel[Annotated[float, Field(gt=0.5, le=1)]] = Field(
        0.95, description="Correlation with the label above which a feature is judged a leak."
    )
    keep_leaky: OfModel[bool] = Field(default=False, description="Report leaks but keep them.")
    screening_share: OfModel[Share] = Field(0.1, description="Share of the genes that screening looks at.")
    screening_min_genes: OfModel[PositiveInt] = Field(50, description="Least number of genes that screening looks at.")
    protect_features: OfModel[tuple[str, ...]] = Field((), description="Features that screening may not remove.")
    max_features: OfModel[PositiveInt | Literal["auto"] | None] = Field(
        None,
        description="Train on the features that matter only: those that carry 99.9 % of the gain of short boosters on "
        "genes of two other folds or more ('auto'), at most so many (a number), base scores always among them.",
    )
    exclude_features: OfModel[tuple[str, ...]] = Field(
        (), description="Features to leave out: names, or @FILE with one a line."
    )

    # ---- analysis
    analyses: OfAnalysis[tuple[str, ...]] = Field(
        ("default",),
        description="Analyses to run: default (all but the slow ones), all, or codes, which analysis_outcomes.json "
        "lists; slow are group-ablation, learning-curve and shuffled-labels.",
    )
    targets: OfAnalysis[LocalPath | None] = Field(
        None,
        description="YAML file of limits on the figures out of fold, weighted to all positions where the table has "
        "weights; exit code 5 when one is missed.",
    )
    chosen_by: OfAnalysis[str | None] = Field(
        None, description="How these options were chosen, for the report; a search says what its own figures are worth."
    )
    tags: OfAnalysis[tuple[Annotated[str, Field(pattern=r"^[^=]+=")], ...]] = Field(
        (), description="Notes on the run as KEY=VALUE, which trackers of experiments are told."
    )
    plot_points: OfAnalysis[Annotated[int, Field(ge=10)]] = Field(800, description="Most points of a drawn curve.")
    shap_rows: OfAnalysis[PositiveInt] = Field(
        1000, description="Rows explained by SHAP, spread over classes and genes."
    )
    explained_sites: OfAnalysis[Annotated[int, Field(ge=0)]] = Field(
        200, description="Most fixed and most broken sites whose top features are named by SHAP."
    )
    explained_positions: OfAnalysis[PositiveInt] = Field(
        200_000, description="Positions of whole genes from which inputs of learners of genes are taken away."
    )
    gradient_sites: OfAnalysis[Annotated[int, Field(ge=0)]] = Field(
        24, description="Fixed and broken sites that learners of genes explain by gradients and by mutations."
    )
    importance_rows: OfAnalysis[PositiveInt] = Field(
        20_000, description="Rows behind one-feature average precision and correlation of features."
    )
    permutation_rows: OfAnalysis[PositiveInt] = Field(1000, description="Rows behind permutation importance.")
    permutation_features: OfAnalysis[PositiveInt] = Field(
        40, description="Features of the highest gain that are permuted alone; the others by feature group."
    )

    # ---- combination of learners
    variants: OfModel[tuple[str, ...]] = Field(
        (),
        description="Train on several sets of features, compared and combined like learners: groups joined by '+', or "
        "all; base,base+context,all say. An unknown group is refused with the list of those that the table has.",
    )
    combine: OfModel[Method] = Field(
        "weighted",
        description="How several learners are combined, by what the other folds say: mean of log-odds (voting), "
        "weights of least log-loss (weighted), greedy selection by average precision (greedy), logistic regression "
        "on log-probabilities (stacking), the same on one fold alone (blending; stacking, cross-fitted, is better), "
        "weights for each bin of the best base score (per-bin), the single best (best), or weights that depend on GC, "
        "gene length and k-mers around (routed; no gain was seen).",
    )
    optimiser: OfModel[Literal["slsqp", "differential-evolution"]] = Field(
        "slsqp",
        description="How weights are sought, of weighted and per-bin: least log-loss (slsqp), or highest average "
        "precision by chance (differential-evolution: slower, less stable).",
    )
    keep_combination: OfModel[bool] = Field(
        default=False, description="Save the combination also where it is no better than its best member."
    )

    # ---- ensemble
    max_genes_per_batch: OfModel[PositiveInt] = Field(
        1200, description="Most genes of a batch (families are never split)."
    )
    max_batch_gb: OfModel[Annotated[float, Field(gt=0)]] = Field(
        12.0, description="Memory in GB that the process of a batch may take; it sets how many rows a batch has."
    )
    parallel_batches: OfResources[PositiveInt | None] = Field(
        None, description="Batches trained at a time, as far as memory allows (default: a third of the threads)."
    )
    ensemble_method: OfModel[Literal["mean", Method]] = Field(
        "mean",
        description="How batches are combined: the mean of their probabilities, or as --combine; all but mean and "
        "voting are fitted out of fold: refit.",
    )
    batch_groups: OfModel[BatchGroups] = Field(
        "none",
        description="Batches of genes of one chromosome, or of one type, each group of batches combined by their mean "
        "before the groups are, as --ensemble-method says. Meant for many batches.",
    )
    ensemble_weights_per_class: OfModel[bool] = Field(
        default=False, description="Weights of its own for each class, where batches or learners are weighted."
    )
    ensemble_cv: OfModel[Literal["auto", "out-of-batch", "refit"]] = Field(
        "auto",
        description="How the ensemble is scored: by the members that never saw a gene, or refitted for each fold; "
        "'auto' takes out-of-batch with 3 batches or more where it is possible.",
    )
    calibrate_members: OfModel[bool] = Field(
        default=False, description="Calibrate each member's probabilities before they are combined, cross-fitted."
    )
    allow_missing_batches: OfModel[bool] = Field(
        default=False, description="Go on without the genes of batches that failed, and say so, instead of exit code 4."
    )

    # ---- strategy and resources
    strategy: OfModel[str] = Field(
        "auto",
        description="Training strategy: single_model, batch_ensemble, external_memory, incremental (sgd), distributed "
        "(over the workers of --distributed), or auto, which chooses by genes and memory.",
    )
    train_all_genes: OfModel[bool] = Field(
        default=False, description="Force the batch ensemble, which trains on every gene."
    )
    max_single_genes: OfModel[PositiveInt] = Field(4000, description="Most genes of a single model chosen by 'auto'.")
    max_single_gb: OfModel[Annotated[float, Field(gt=0)]] = Field(
        32.0, description="Most predicted GB of a single model."
    )
    max_memory_gb: OfResources[Annotated[float, Field(gt=0)] | None] = Field(
        None, description="Memory budget in GB (10^9 bytes); never more than the machine's own limits."
    )
    strict_memory: OfResources[bool] = Field(
        default=False,
        description="Have the kernel refuse address space beyond the budget and 4 GB, besides the guard.",
    )
    cache_dir: OfResources[LocalPath | None] = Field(
        None, description="Folder for the pages of --strategy external_memory (default: the run folder)."
    )
    threads: OfResources[PositiveInt | None] = Field(
        None, description="CPU threads (default: what this process may use)."
    )
    max_hours: OfResources[Annotated[float, Field(gt=0)] | None] = Field(
        None, description="Hours after which the run ends with the unit in hand (exit code 130); --resume goes on."
    )
    device: OfResources[Literal["auto", "cpu", "cuda"]] = Field("auto", description="Device of the booster.")
    sample_genes: OfModel[PositiveInt | None] = Field(None, description="Use so many genes only, drawn by the seed.")
    seed: OfUnit[Annotated[int, Field(ge=0, lt=2**31)]] = Field(0, description="Seed of everything random.")

    @property
    def learner(self) -> Learner:
        """The first of the learners."""
        return LEARNERS[self.learners[0]]

    @property
    def section(self) -> Any:
        """The options of the first of the learners."""
        return self.sections[self.learners[0]]

    @property
    def rounds_limit(self) -> int:
        """Most rounds of a fit of the learner; 0 where it has none."""
        return self.learner.rounds(self.section)

    @property
    def reads_genes(self) -> bool:
        """Whether one of the learners reads whole genes."""
        return any(LEARNERS[name].traits.inputs == "genes" for name in self.learners)

    @property
    def members(self) -> int:
        """How many models are trained side by side: each learner on each set of features."""
        return sum(len(self.variants_of(name)) for name in self.learners)

    def variants_of(self, learner: str) -> tuple[str | None, ...]:
        """The sets of features that a learner is trained on; None for all where none is named, or it reads genes."""
        return (None,) if not self.variants or LEARNERS[learner].traits.inputs == "genes" else self.variants

    @property
    def contenders(self) -> int:
        """How many scores beside those of the saved model the leaderboard needs: of the members and of the whole."""
        return self.members + 1 if self.members > 1 else 0

    def of_learner(self, name: str) -> Self:
        """The same with the learner `name` alone, on one set of features."""
        return self.model_copy(update={"learners": (name,), "sections": {name: self.sections[name]}, "variants": ()})

    def cheaper(self, rounds: int) -> Self:
        """The same with at most `rounds` rounds, all of them taken, as the learner makes up for those left out."""
        section = self.learner.cheaper(self.section, rounds)
        changes = {"sections": {**self.sections, self.learners[0]: section}, "rounds": "fixed"}
        return self.model_copy(update=changes)

    def require_dataset(self) -> None:
        """See that the table was named: nobody trains on the built-in one by leaving out an option.

        Raises
        ------
        UsageError
            If it was not.
        """
        if "dataset" not in self.model_fields_set:
            raise UsageError("--dataset must name the table", "It is missing", "Give --dataset PATH or --dataset demo")

    def differences(self, earlier: Mapping[str, Any]) -> tuple[str, ...]:
        """Options that make another model than those of `earlier`, the configuration of a run, in words."""
        values, before = flat(self.model_dump(mode="json")), flat(earlier)
        kept = self.of(Scope.START, Scope.ANALYSIS, Scope.RESOURCES)
        return tuple(
            f"--{name.replace('_', '-')} {values[name]} (was {before[name]})"
            for name in values
            if name not in kept and name in before and before[name] != values[name]
        )

    @field_validator("variants", "init_from", "init_inputs", mode="before")
    @classmethod
    def _separated(cls, values: Any) -> Any:
        """Variants, runs or inputs one by one, or several with commas between."""
        given = [values] if isinstance(values, str) else values
        if not isinstance(given, list | tuple) or not all(isinstance(value, str) for value in given):
            return values
        return tuple(name for value in given for name in value.split(",") if name)

    @model_validator(mode="before")
    @classmethod
    def _sections(cls, values: Any) -> Any:
        """Options of learners under the names of the learners, and those of former versions at the top."""
        return with_sections(upgraded(values), frozenset(cls.model_fields)) if isinstance(values, Mapping) else values

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.resume and self.overwrite:
            raise ValueError("resume and overwrite exclude one another")
        if self.plan_only and self.dry_run:
            raise ValueError("plan_only and dry_run exclude one another: a dry run writes nothing")
        if self.plan_only and self.distributed is not None:
            raise ValueError("plan_only and distributed exclude one another: units are written down, or done")
        self._check_mining()
        self._check_ensemble()
        self._check_learners()
        self._check_teacher()
        self._check_start()
        return self

    def _check_start(self) -> None:
        if self.init_inputs and not self.init_from:
            raise ValueError("init_inputs needs init_from: it says what inputs are called there")
        if self.init_from and (self.teacher is not None or self.second_pass or self.variants):
            raise ValueError("init_from goes with neither teacher, second_pass nor variants")
        if len({*self.init_from}) < len(self.init_from):
            raise ValueError("init_from must name each run once")

    def _check_teacher(self) -> None:
        if self.teacher is None:
            return
        if self.members > 1 or self.mine_negatives is not None or self.strategy != "single_model":
            raise ValueError("teacher needs one learner, --strategy single_model, and no mine_negatives or variants")
        name = self.learners[0]
        if name not in LEARNERS or LEARNERS[name].traits.inputs == "genes":
            raise ValueError(f"teacher needs a learner of rows by its name, found {name}")

    def _check_learners(self) -> None:
        if len(set(self.learners)) < len(self.learners):
            raise ValueError(f"learners must be named once each, found {' '.join(self.learners)}")
        if len(set(self.variants)) < len(self.variants) or not all(map(_is_variant, self.variants)):
            raise ValueError(f"variants must be groups joined by +, each once, found {' '.join(self.variants)}")

    def _check_mining(self) -> None:
        if self.mine_negatives is None and self.mining_rounds != type(self).model_fields["mining_rounds"].default:
            raise ValueError("mining_rounds needs mine_negatives, the table of all positions that is mined")
        if self.mine_negatives is not None and self.second_stage is not None:
            raise ValueError("second_stage and mine_negatives exclude one another: each says what is hard")
        if self.mine_negatives is not None and self.training_weights in ("balanced-draws", "oversampling"):
            raise ValueError(
                f"mine_negatives adds rows for certain, training_weights {self.training_weights} draws them"
            )

    def _check_ensemble(self) -> None:
        if self.ensemble_cv == "out-of-batch" and self.ensemble_method not in UNFITTED:
            raise ValueError(
                f"ensemble_method {self.ensemble_method} needs ensemble_cv refit: out of batch no row has a prediction "
                "of its own member that may be looked at, so its weights cannot be fitted"
            )
        if self.ensemble_cv == "out-of-batch" and self.mine_negatives is not None:
            raise ValueError(
                "mine_negatives needs ensemble_cv refit: how many rounds of mining are taken is decided by scores on "
                "genes held out of the batch"
            )
        if self.ensemble_cv == "out-of-batch" and self.split == "chromosome":
            raise ValueError("split chromosome needs ensemble_cv refit: a batch holds genes of all chromosomes")


def _is_variant(text: str) -> bool:
    """Whether `text` names groups, each once, with a plus between them."""
    groups = text.split("+")
    return all(groups) and len(set(groups)) == len(groups)
