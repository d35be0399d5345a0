"""Which strategy fits the table and the machine: a pure function that returns a name and a reason."""

from __future__ import annotations

from collections.abc import Mapping

from meta_models.choice import BATCHES, EXTERNAL, INCREMENTAL, SINGLE, Choice
from meta_models.config import UNFITTED, TrainingConfig
from meta_models.dataset.profile import DatasetProfile
from meta_models.errors import UsageError

OUT_OF_BATCH, REFIT = "out-of-batch", "refit"
LEAST_OUT_OF_BATCH = 3  # batches from which on 'auto' scores out of batch


def choose_strategy(profile: DatasetProfile, config: TrainingConfig, peaks: Mapping[str, int], budget: int) -> Choice:
    """Choose for a table, a configuration and a budget.

    Parameters
    ----------
    peaks : mapping of str to int
        Predicted peak in bytes of each strategy that exists.
    budget : int
        Memory budget in bytes.

    Raises
    ------
    UsageError
        If the strategy that is asked for, or that the table calls for, does not exist. Nothing is swapped silently.
    """
    choice = _choose(profile, config, peaks, budget)
    if choice.name not in peaks:
        raise UsageError(
            f"This table calls for the strategy {choice.name!r} ({choice.reason})",
            f"This version has {', '.join(sorted(peaks))}",
            f"Name one of them with --strategy, or raise --max-single-genes ({config.max_single_genes})",
        )
    return choice


def _choose(profile: DatasetProfile, config: TrainingConfig, peaks: Mapping[str, int], budget: int) -> Choice:
    if config.train_all_genes:
        if config.strategy not in ("auto", BATCHES):
            raise UsageError(
                "--train-all-genes trains the batch ensemble", f"Found --strategy {config.strategy}", "Give one of both"
            )
        return Choice(BATCHES, "forced by --train-all-genes")
    if config.strategy != "auto":
        if config.strategy not in peaks:
            known = ", ".join(sorted(peaks))
            raise UsageError(
                "--strategy must name a strategy", f"Found {config.strategy!r}", f"Take one of {known}, or auto"
            )
        return Choice(config.strategy, f"named by --strategy {config.strategy}")
    if BATCHES not in peaks:
        return _without_batches(config, peaks, budget)
    cap = min(budget, int(config.max_single_gb * 1e9))
    if why := _too_large(profile, config, peaks[SINGLE], cap):
        if peaks.get(INCREMENTAL, budget + 1) <= budget:
            return Choice(INCREMENTAL, f"{why}, and {config.learner.name} goes over all of them block by block")
        return Choice(BATCHES, why)
    return Choice(
        SINGLE,
        f"{profile.genes:,} genes, at most {config.max_single_genes:,}; "
        f"predicted peak {peaks[SINGLE] / 1e9:.1f} GB of {cap / 1e9:.1f} GB",
    )


def _too_large(profile: DatasetProfile, config: TrainingConfig, peak: int, cap: int) -> str:
    """Why a table is too large for one model that is fitted in memory; empty where it is not."""
    if profile.genes > config.max_single_genes:
        return f"{profile.genes:,} genes, more than --max-single-genes {config.max_single_genes:,}"
    return f"one model would need {peak / 1e9:.1f} GB of {cap / 1e9:.1f} GB" if peak > cap else ""


def _without_batches(config: TrainingConfig, peaks: Mapping[str, int], budget: int) -> Choice:
    """Of learners that need no batches: all genes at once, on disk where memory does not hold them."""
    cap = min(budget, int(config.max_single_gb * 1e9))
    size = f"{peaks[SINGLE] / 1e9:.1f} GB of {cap / 1e9:.1f} GB"
    if peaks[SINGLE] <= cap or EXTERNAL not in peaks:
        return Choice(SINGLE, f"a learner of genes needs no batches; predicted peak {size}")
    return Choice(EXTERNAL, f"a learner of genes needs no batches; in memory they would need {size}")


def choose_ensemble_cv(config: TrainingConfig, n_batches: int) -> Choice:
    """How an ensemble of `n_batches` is scored: ``"out-of-batch"`` or ``"refit"``.

    Raises
    ------
    UsageError
        If out-of-batch is asked for, and there are too few batches for it.
    """
    reason = refit_reason(config, n_batches)
    if reason is not None:
        return Choice(REFIT, reason)
    least = 3 if config.calibrate_members else 2
    if n_batches < least:
        raise UsageError(
            f"--ensemble-cv out-of-batch needs at least {least} batches, so that other members can score a gene",
            f"There are {n_batches}",
            f"Give --ensemble-cv refit, or lower --max-genes-per-batch ({config.max_genes_per_batch})",
        )
    if config.ensemble_cv == OUT_OF_BATCH:
        return Choice(OUT_OF_BATCH, "named by --ensemble-cv out-of-batch")
    return Choice(OUT_OF_BATCH, f"{n_batches} batches, at least {LEAST_OUT_OF_BATCH}: it costs no refit")


def refit_reason(config: TrainingConfig, n_batches: int) -> str | None:
    """Why the members of `n_batches` are refitted without the genes that they score; None where they are not."""
    if config.ensemble_cv != "auto":
        return "named by --ensemble-cv refit" if config.ensemble_cv == REFIT else None
    if config.ensemble_method not in UNFITTED:
        return f"--ensemble-method {config.ensemble_method} is fitted on predictions of all members"
    if config.mine_negatives is not None:
        return "--mine-negatives: mining is nested in folds"
    if config.split == "chromosome":
        return "--split chromosome: every batch holds genes of all chromosomes"
    if n_batches < LEAST_OUT_OF_BATCH:
        return f"{n_batches} batches, fewer than {LEAST_OUT_OF_BATCH}"
    return None
