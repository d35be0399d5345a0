"""The one configuration. The command line is derived from its fields (see ``cli``)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from meta_models.errors import UsageError

#: Log-odds that the leaf bound lets all rounds together move a score by.
REACH = 10.0

PositiveInt = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(gt=0, le=1)]


@dataclass(frozen=True)
class ValueNames:
    """What the values of an option are called in the help; in the ``Annotated`` type of a field."""

    names: tuple[str, ...]


SCORE_NAMES = ValueNames(("DONOR", "ACCEPTOR", "NEITHER"))

#: Options that leave the model as it is: how a run is started, what it may use, what is looked at afterwards.
_BESIDE_THE_MODEL = frozenset({
    "out_dir", "eval_dataset", "oof_dataset", "overwrite", "resume", "dry_run", "verbose", "bootstrap_samples",
    "base_train_chroms", "analyses", "targets", "plot_points", "shap_rows", "explained_sites", "importance_rows",
    "permutation_rows", "permutation_features", "parallel_batches", "max_memory_gb", "strict_memory", "cache_dir",
    "threads", "device",
})  # fmt: skip


#: Options of one run alone: another one that is told the same writes elsewhere, and wipes nothing.
_OF_ONE_RUN = frozenset({"out_dir", "overwrite", "resume", "dry_run"})


class Configuration(BaseModel):
    """What a command is told: frozen and validated.

    Each field is an option of the command (``max_depth`` is ``--max-depth``) and a key of ``--config FILE``. Unknown
    keys are refused.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    @classmethod
    def from_mapping(cls, values: dict[str, Any]) -> Self:
        """Validate `values`.

        Raises
        ------
        UsageError
            With one line for each unknown key and each bad value.
        """
        try:
            return cls(**values)
        except ValidationError as error:
            lines = "; ".join(
                f"{_option(e) or 'configuration'}: {_MESSAGES.get(e['type'], e['msg'])}{_found(e)}"
                for e in error.errors()
            )
            raise UsageError("The configuration must be valid", lines, "See --help for the options") from None

    @classmethod
    def read_yaml(cls, path: Path) -> dict[str, Any]:
        """The mapping in a YAML (or JSON) file.

        Of the ``run_manifest.json`` of an earlier run it is the ``config``, without ``out_dir``, ``overwrite``,
        ``resume`` and ``dry_run``: what was meant for that run would overwrite it.

        Raises
        ------
        UsageError
            If the file cannot be read or holds no mapping.
        """
        try:
            values = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
            raise UsageError(f"--config needs a readable YAML file, found {path}", str(error)) from None
        from_run = isinstance(values, dict) and {"config", "format_version"} <= values.keys()
        values = values["config"] if from_run else values
        if not isinstance(values, dict):
            raise UsageError(f"--config needs keys and values, found {type(values).__name__} in {path}")
        named = {str(key).replace("-", "_"): value for key, value in values.items()}
        return {name: value for name, value in named.items() if not (from_run and name in _OF_ONE_RUN)}


class TrainingConfig(Configuration):
    """Everything that determines a training run.

    The effective configuration stands in ``run_manifest.json`` and can be fed back (see `read_yaml`).
    """

    # ---- input and output
    dataset: str = Field("demo", description="Parquet/CSV/TSV file or folder, or 'demo' for the built-in table.")
    out_dir: Path | None = Field(None, description="Run folder; must be empty or absent.")
    eval_dataset: str | None = Field(
        None, description="Second table, of genes not trained on, to evaluate on (all positions count most)."
    )
    oof_dataset: str | None = Field(
        None, description="Table of all positions of the training genes; each is scored by the model of its fold."
    )
    overwrite: bool = Field(
        default=False, description="Replace the run in the run folder, once table and options were checked."
    )
    resume: bool = Field(default=False, description="Reuse the finished units of an earlier run in the run folder.")
    dry_run: bool = Field(default=False, description="Print the plan as JSON and write nothing.")
    verbose: bool = Field(default=False, description="Log details.")

    # ---- learner
    family: str = Field("xgboost", description="Learner: xgboost.")
    n_estimators: PositiveInt = Field(
        200, description="Most boosting rounds of a booster, in the folds and in the final model."
    )
    learning_rate: Annotated[float, Field(gt=0, le=1)] = Field(0.05, description="Shrinkage of each tree.")
    max_depth: Annotated[int, Field(ge=1, le=16)] = Field(6, description="Depth of a tree.")
    min_child_weight: Annotated[float, Field(ge=0)] = Field(1.0, description="Least sum of hessians of a leaf.")
    max_delta_step: Annotated[float, Field(ge=0)] | None = Field(
        None,
        description="Bound on a leaf's value; keeps the first leaves of a rare class from overshooting (default: 1, or "
        "more where all rounds together could not move a score by 10 log-odds; 0: no bound).",
    )
    reg_lambda: Annotated[float, Field(ge=0)] = Field(1.0, description="L2 regularisation of leaf values.")
    trees_per_round: PositiveInt = Field(
        1, description="Trees grown side by side and averaged in each round, each on its own draw of rows and features."
    )
    monotone: bool = Field(
        default=True,
        description="A higher score of a base model for a class never lowers the probability of that class, all else "
        "being equal, and one for neither never raises that of a site.",
    )
    subsample: Share = Field(0.8, description="Share of the rows drawn for each tree.")
    colsample: Share = Field(0.5, description="Share of the features drawn for each tree.")
    max_bin: Annotated[int, Field(ge=2, le=65535)] = Field(256, description="Bins of a quantised feature.")
    cut_sample_rows: PositiveInt = Field(
        100_000, description="Rows (half uniform, half with high base scores; labels unseen) that set the bins."
    )
    rounds: Literal["cross-validation", "early-stopping", "fixed"] = Field(
        "fixed",
        description="How many rounds: all (fixed), those best on the other folds, or until inner genes stop gaining.",
    )
    early_stopping_rounds: PositiveInt = Field(
        50, description="Early stopping: rounds without gain on a fold's inner genes after which its booster stops."
    )
    early_stopping_share: Annotated[float, Field(gt=0, le=0.5)] = Field(
        0.1, description="Share of a fold's training genes that only decide when to stop."
    )
    training_weights: Literal["none", "sampling", "balanced", "effective"] = Field(
        "sampling",
        description="Weights of the rows in training: none; the table's sampling_weight where it has one; classes of "
        "equal total (balanced); or classes weighted by their effective number of rows.",
    )
    mine_negatives: str | None = Field(
        None,
        description="Table of all positions of the training genes, of which the hardest negatives are trained on, too.",
    )
    mining_rounds: PositiveInt = Field(
        1, description="Most rounds of mining; it ends when average precision on all positions stops rising."
    )
    mined_per_site: Annotated[float, Field(gt=0)] = Field(
        5.0, description="Hardest negatives taken for each site of the training genes."
    )
    thin_negatives: Share | None = Field(
        None,
        description="Train on this share only of the negatives that no base model scores above --thin-below, weighted.",
    )
    thin_below: Annotated[float, Field(gt=0, le=1)] = Field(
        0.003, description="Highest donor or acceptor score of any base model below which negatives are thinned."
    )

    # ---- honesty
    n_folds: Annotated[int, Field(ge=2)] = Field(5, description="Cross-validation folds.")
    split: Literal["gene", "chromosome"] = Field("gene", description="What is held out together.")
    calibrate: bool = Field(default=True, description="Calibrate the probabilities, cross-fitted out of fold.")
    calibrate_per_class: bool = Field(
        default=True, description="A calibrator for each class; otherwise one for all three."
    )
    calib_method: Literal["blend", "platt", "isotonic"] = Field(
        "blend",
        description="Calibration method: logistic regression on the score and the base models' scores (blend), on the "
        "score alone (platt), or a rising step function of the score (isotonic).",
    )
    base_train_chroms: tuple[str, ...] | None = Field(
        None, description="Chromosomes the base model was trained on (default: from dataset_info.json)."
    )
    base_score_columns: Annotated[tuple[str, str, str] | None, SCORE_NAMES] = Field(
        None, description="Main base model's donor, acceptor and neither score columns, if named otherwise."
    )
    bootstrap_samples: PositiveInt = Field(1000, description="Resamples of families behind each 95 % interval.")

    # ---- screening and features
    leakage_threshold: Annotated[float, Field(gt=0.5, le=1)] = Field(
        0.95, description="Correlation with the label above which a feature is judged a leak."
    )
    keep_leaky: bool = Field(default=False, description="Report leaks but keep them.")
    screening_share: Share = Field(0.1, description="Share of the genes that screening looks at.")
    screening_min_genes: PositiveInt = Field(50, description="Least number of genes that screening looks at.")
    protect_features: tuple[str, ...] = Field((), description="Features that screening may not remove.")
    max_features: PositiveInt | Literal["auto"] | None = Field(
        None,
        description="Train on the features that matter only: those that carry 99.9 % of the gain of short boosters on "
        "genes of two other folds or more ('auto'), at most so many (a number), base scores always among them.",
    )
    exclude_features: tuple[str, ...] = Field((), description="Features to leave out: names, or @FILE with one a line.")

    # ---- analysis
    analyses: tuple[str, ...] = Field(
        ("default",),
        description="Analyses to run: default (all but the slow ones), all, or codes, which analysis_outcomes.json "
        "lists; slow are group-ablation, learning-curve and shuffled-labels.",
    )
    targets: Path | None = Field(
        None,
        description="YAML file of limits on the figures out of fold, weighted to all positions where the table has "
        "weights; exit code 5 when one is missed.",
    )
    plot_points: Annotated[int, Field(ge=10)] = Field(800, description="Most points of a drawn curve.")
    shap_rows: PositiveInt = Field(1000, description="Rows explained by SHAP, spread over classes and genes.")
    explained_sites: Annotated[int, Field(ge=0)] = Field(
        200, description="Most fixed and most broken sites whose top features are named by SHAP."
    )
    importance_rows: PositiveInt = Field(
        20_000, description="Rows behind one-feature average precision and correlation of features."
    )
    permutation_rows: PositiveInt = Field(1000, description="Rows behind permutation importance.")
    permutation_features: PositiveInt = Field(
        40, description="Features of the highest gain that are permuted alone; the others by feature group."
    )

    # ---- ensemble
    max_genes_per_batch: PositiveInt = Field(1200, description="Most genes of a batch (families are never split).")
    max_batch_gb: Annotated[float, Field(gt=0)] = Field(
        12.0, description="Memory in GB that the process of a batch may take; it sets how many rows a batch has."
    )
    parallel_batches: PositiveInt | None = Field(
        None, description="Batches trained at a time, as far as memory allows (default: a third of the threads)."
    )
    ensemble_method: Literal["voting", "weighted", "stacking"] = Field(
        "voting", description="How members are combined; 'weighted' and 'stacking' are fitted out of fold: refit."
    )
    ensemble_weights_per_class: bool = Field(
        default=False, description="Weights of its own for each class, with --ensemble-method weighted."
    )
    ensemble_cv: Literal["auto", "out-of-batch", "refit"] = Field(
        "auto",
        description="How the ensemble is scored: by the members that never saw a gene, or refitted for each fold; "
        "'auto' takes out-of-batch with 3 batches or more where it is possible.",
    )
    calibrate_members: bool = Field(
        default=False, description="Calibrate each member's probabilities before they are combined, cross-fitted."
    )
    allow_missing_batches: bool = Field(
        default=False, description="Go on without the genes of batches that failed, and say so, instead of exit code 4."
    )

    # ---- strategy and resources
    strategy: str = Field(
        "auto",
        description="Training strategy: single_model, batch_ensemble, external_memory, or auto, which chooses by genes "
        "and memory.",
    )
    train_all_genes: bool = Field(default=False, description="Force the batch ensemble, which trains on every gene.")
    max_single_genes: PositiveInt = Field(4000, description="Most genes of a single model chosen by 'auto'.")
    max_single_gb: Annotated[float, Field(gt=0)] = Field(32.0, description="Most predicted GB of a single model.")
    max_memory_gb: Annotated[float, Field(gt=0)] | None = Field(
        None, description="Memory budget in GB (10^9 bytes); never more than the machine's own limits."
    )
    strict_memory: bool = Field(
        default=False,
        description="Have the kernel refuse address space beyond the budget and 4 GB, besides the guard.",
    )
    cache_dir: Path | None = Field(
        None, description="Folder for the pages of --strategy external_memory (default: the run folder)."
    )
    threads: PositiveInt | None = Field(None, description="CPU threads (default: what this process may use).")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="Device of the booster.")
    sample_genes: PositiveInt | None = Field(None, description="Use so many genes only, drawn by the seed.")
    seed: Annotated[int, Field(ge=0, lt=2**31)] = Field(0, description="Seed of everything random.")

    @property
    def leaf_bound(self) -> float:
        """``max_delta_step`` as XGBoost gets it.

        XGBoost starts a rare class at its share, where a first leaf of sites alone is worth thousands; a bound of 1
        keeps it in place. A bound also limits how far all rounds together can move a score: it is widened so that they
        reach `REACH` log-odds, from a class of one in 20,000 positions to even odds. Measured by
        ``benchmarks/rare_classes.py``.
        """
        if self.max_delta_step is not None:
            return self.max_delta_step
        return max(1.0, REACH / (self.learning_rate * self.n_estimators))

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
        values = self.model_dump(mode="json")
        return tuple(
            f"--{name.replace('_', '-')} {values[name]} (was {earlier[name]})"
            for name in type(self).model_fields
            if name not in _BESIDE_THE_MODEL and name in earlier and earlier[name] != values[name]
        )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.resume and self.overwrite:
            raise ValueError("resume and overwrite exclude one another")
        self._check_mining()
        self._check_ensemble()
        return self

    def _check_mining(self) -> None:
        if self.mine_negatives is None and self.mining_rounds != type(self).model_fields["mining_rounds"].default:
            raise ValueError("mining_rounds needs mine_negatives, the table of all positions that is mined")

    def _check_ensemble(self) -> None:
        if self.ensemble_cv == "out-of-batch" and self.ensemble_method != "voting":
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


#: Instead of what pydantic says of errors of these types.
_MESSAGES = {"extra_forbidden": "there is no such option", "missing": "must be given"}


def _option(error: Any) -> str:
    """Where an error is: a key of ``--config``, and the flag that is derived from it."""
    where = ".".join(map(str, error["loc"]))
    return where if error["type"] == "extra_forbidden" or not where else f"{where} (--{where.replace('_', '-')})"


def _found(error: Any) -> str:
    """The bad value, where one value is bad."""
    if not error["loc"] or error["type"] == "missing":
        return ""
    text = repr(error.get("input"))
    return f" (found {text if len(text) <= 60 else text[:57] + '...'})"
