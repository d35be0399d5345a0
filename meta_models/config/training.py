"""The configuration of a training run. The command line is derived from its fields (see ``cli``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from pydantic import ValidationInfo, field_validator, model_validator

from meta_models.config.analysis import AnalysisOptions
from meta_models.config.base import Scope
from meta_models.config.combination import UNFITTED, BatchOptions, CombinationOptions
from meta_models.config.input_output import DataOptions, RunOptions, TrackingOptions
from meta_models.config.learning import LearningOptions, MiningOptions, StartOptions, WeightOptions
from meta_models.config.resources import ResourceOptions
from meta_models.config.sections import FORMER, flat, full_names, upgraded, with_sections
from meta_models.config.validation import CalibrationOptions, ScreeningOptions, ValidationOptions
from meta_models.errors import UsageError
from meta_models.learners.registry import LEARNERS
from meta_models.learners.seam import Learner
from meta_models.local_paths import exists

#: Weights of classes that differ by more leave nothing of a class: boosters and calibration then fail.
MOST_CLASS_RATIO = 1e4


class TrainingConfig(
    TrackingOptions, ResourceOptions, AnalysisOptions, BatchOptions, CombinationOptions, StartOptions, MiningOptions,
    WeightOptions, ScreeningOptions, CalibrationOptions, ValidationOptions, LearningOptions, RunOptions, DataOptions,
):  # fmt: skip
    """Everything that determines a training run; options stand in the order of the classes, the last first.

    The effective configuration stands in ``run_manifest.json`` and can be fed back (see `read_yaml`).
    """

    @classmethod
    def homes(cls) -> dict[str, str]:
        """The section that each option may stand in; of options of learners those that may stand at the top, too."""
        return dict.fromkeys(LEARNERS[FORMER].Config.model_fields, FORMER) | super().homes()

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Every key that a mapping of options may have."""
        return (*super().names(), *LEARNERS)

    @classmethod
    def full_names(cls, values: Mapping[str, Any]) -> tuple[str, ...]:
        """The options that `values` give; those of learners as ``NAME.option``."""
        return full_names(values)

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
        """Whether one of the learners reads whole genes, or windows around rows in their place."""
        return bool(self.gene_learners)

    @property
    def gene_learners(self) -> tuple[str, ...]:
        """Those of the learners that read whole genes, or windows around rows in their place."""
        return tuple(name for name in self.learners if LEARNERS[name].traits.inputs == "genes")

    @property
    def goes_on(self) -> bool:
        """Whether a learner goes on from what was trained on other genes."""
        return bool(self.init_from or self.pretrain)

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

    @field_validator("variants", "init_from", "init_inputs", "pretrain", mode="before")
    @classmethod
    def _separated(cls, values: Any, info: ValidationInfo) -> Any:
        """Variants, runs or inputs one by one, or several with commas between; a folder may have commas in its name."""
        given = [values] if isinstance(values, str) else values
        if not isinstance(given, list | tuple) or not all(isinstance(value, str) for value in given):
            return values
        whole = info.field_name in ("init_from", "pretrain")
        parts = ([value] if whole and exists(value) else value.split(",") for value in given)
        return tuple(name for names in parts for name in names if name)

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
        self._check_weights()
        self._check_mining()
        self._check_ensemble()
        self._check_learners()
        self._check_teacher()
        self._check_start()
        return self

    def _check_start(self) -> None:
        if self.init_inputs and not self.goes_on:
            raise ValueError("init_inputs needs init_from or pretrain: it says what inputs are called there")
        if self.init_from and self.pretrain:
            raise ValueError("init_from and pretrain exclude one another: a learner goes on from one model")
        if self.goes_on and (self.teacher is not None or self.second_pass or self.variants):
            raise ValueError("init_from and pretrain go with neither teacher, second_pass nor variants")
        for name in ("init_from", "pretrain"):
            if len({*getattr(self, name)}) < len(getattr(self, name)):
                raise ValueError(f"{name} must name each folder once")

    def _check_teacher(self) -> None:
        if self.teacher is None:
            return
        further = self.mine_negatives is not None or self.stages is not None
        if self.members > 1 or further or self.strategy != "single_model":
            raise ValueError(
                "teacher needs one learner, --strategy single_model, and no mine_negatives, stages or variants"
            )
        name = self.learners[0]
        if name not in LEARNERS or LEARNERS[name].traits.inputs == "genes":
            raise ValueError(f"teacher needs a learner of rows by its name, found {name}")

    def _check_learners(self) -> None:
        if len(set(self.learners)) < len(self.learners):
            raise ValueError(f"learners must be named once each, found {' '.join(self.learners)}")
        if len(set(self.variants)) < len(self.variants) or not all(map(_is_variant, self.variants)):
            raise ValueError(f"variants must be groups joined by +, each once, found {' '.join(self.variants)}")

    def _check_weights(self) -> None:
        if self.class_weights is not None and max(self.class_weights) > MOST_CLASS_RATIO * min(self.class_weights):
            raise ValueError(
                f"class_weights must be within a factor of {MOST_CLASS_RATIO:,.0f} of one another, "
                f"found {' '.join(f'{weight:g}' for weight in self.class_weights)}"
            )

    def _check_mining(self) -> None:
        if self.mine_negatives is None and (given := self._given("mining_rounds", "mined_per_site")):
            raise ValueError(f"{given} needs mine_negatives, the table of all positions that is mined")
        if self.thin_negatives is None and (given := self._given("thin_below")):
            raise ValueError(f"{given} needs thin_negatives, the share that is kept below it")
        if self.mine_negatives is not None and self.stages is not None:
            raise ValueError("stages and mine_negatives exclude one another: each says what is hard")
        if self.mine_negatives is not None and self.training_weights in ("balanced-draws", "oversampling"):
            raise ValueError(
                f"mine_negatives adds rows for certain, training_weights {self.training_weights} draws them"
            )

    def _given(self, *names: str) -> str:
        """The first of the options `names` that is not at its default; empty where all are."""
        fields = type(self).model_fields
        return next((name for name in names if getattr(self, name) != fields[name].default), "")

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
