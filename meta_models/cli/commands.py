"""What each command does with its arguments; what does the work is loaded when the command is given."""

from __future__ import annotations

import argparse
import sys
from contextlib import AbstractContextManager, nullcontext

from meta_models import console
from meta_models.analysis.framework.options import AnalysisConfig
from meta_models.build.config import BuildConfig, DemoGenomeConfig
from meta_models.cli.kinds import Configured
from meta_models.cli.logs import set_up_logging
from meta_models.cli.options import config_from
from meta_models.config import TrainingConfig, UnitConfig
from meta_models.errors import ExitCode, UsageError
from meta_models.inference.config import PredictConfig
from meta_models.inference.suggestion.config import SuggestConfig
from meta_models.search.options import NOT_SEARCHED, TuneConfig


def train_command(arguments: argparse.Namespace) -> ExitCode:
    """``meta-models train``."""
    config = config_from(arguments, TrainingConfig)
    config.require_dataset()
    if config.out_dir is None and not config.dry_run:
        raise UsageError("--out-dir must name the run folder", "It is missing", "Give --out-dir DIR or --dry-run")
    set_up_logging(sys.stderr if config.dry_run else sys.stdout, everything=config.verbose, units=config.resume)
    from meta_models.pipeline.run import run_training

    with _recorded(config):
        return run_training(config)


def _recorded(config: TrainingConfig) -> AbstractContextManager[None]:
    """Within the block a run is made, which is recorded afterwards where the configuration says so."""
    if config.track is None or config.out_dir is None or config.dry_run or config.plan_only:
        return nullcontext()
    from meta_models.experiments.tracking.command import tracked_afterwards

    return tracked_afterwards(config.track, config.out_dir)


def build_command(arguments: argparse.Namespace) -> ExitCode:
    """``meta-models build``."""
    config = config_from(arguments, BuildConfig)
    set_up_logging(sys.stderr if config.dry_run else sys.stdout, everything=config.verbose, units=config.resume)
    from meta_models.build.command import run_build

    return run_build(config)


def demo_genome_command(arguments: argparse.Namespace) -> ExitCode:
    """``meta-models demo-genome``."""
    config = config_from(arguments, DemoGenomeConfig)
    set_up_logging(sys.stdout, everything=True, units=False)
    from meta_models.build.demo.genome import run_demo_genome

    return run_demo_genome(config)


def compare_command(arguments: argparse.Namespace) -> ExitCode:
    """``meta-models compare-strategies``."""
    config = config_from(arguments, TrainingConfig)
    config.require_dataset()
    set_up_logging(sys.stdout, everything=True, units=False)
    from meta_models.experiments.comparison.strategies import compare_strategies

    return compare_strategies(config)


def tune_command(arguments: argparse.Namespace) -> ExitCode:
    """``meta-models tune``."""
    config = config_from(arguments, TuneConfig)
    config.require_dataset()
    set_up_logging(sys.stdout, everything=config.verbose, units=False)
    from meta_models.search.command import run_tune

    return run_tune(config)


def predict_command(arguments: argparse.Namespace) -> ExitCode:
    """``meta-models predict``."""
    config = config_from(arguments, PredictConfig)
    set_up_logging(sys.stdout, everything=config.verbose, units=False)
    from meta_models.inference.prediction import run_prediction

    return run_prediction(config)


def suggest_command(arguments: argparse.Namespace) -> ExitCode:
    """``meta-models suggest-genes``."""
    config = config_from(arguments, SuggestConfig)
    set_up_logging(sys.stdout, everything=config.verbose, units=False)
    from meta_models.inference.suggestion.command import run_suggestion

    return run_suggestion(config)


def analyse_command(arguments: argparse.Namespace) -> ExitCode:
    """``meta-models analyse``."""
    config = config_from(arguments, AnalysisConfig)
    set_up_logging(sys.stdout, everything=config.verbose, units=False)
    from meta_models.pipeline.reanalysis import analyse_run

    return analyse_run(arguments.run_dir, config)


def unit_command(arguments: argparse.Namespace) -> ExitCode:
    """``meta-models unit``."""
    options = config_from(arguments, UnitConfig)
    set_up_logging(sys.stdout, everything=True, units=False)
    from meta_models.cli.units import run_units

    return run_units(arguments.run, arguments.which, options)


def learners_command(arguments: argparse.Namespace) -> ExitCode:
    """``meta-models learners``."""
    from meta_models.learners.listing import list_learners, list_options

    lines = list_learners() if arguments.name is None else list_options(arguments.name)
    sys.stdout.write("\n".join(lines) + "\n")
    return ExitCode.DONE


def verify_command(arguments: argparse.Namespace) -> ExitCode:
    """``meta-models verify-model``."""
    from meta_models.inference.verify import verify_model

    facts = verify_model(arguments.file, isolated=arguments.isolated)
    console.say("\n".join(facts.lines()) + "\n")
    return ExitCode.DONE


#: In the order of the help.
CONFIGURED = (
    Configured("train", "train, evaluate and save a meta-model", TrainingConfig, train_command, fits=True),
    Configured(
        "compare-strategies", "train the same genes as one model and as an ensemble, and compare", TrainingConfig,
        compare_command, fits=True,
        without=("strategy", "train_all_genes", "dry_run", "plan_only", "max_features", "targets"),
    ),
    Configured(
        "tune", "search options of learners, judge them on families kept out, and train the winner", TuneConfig,
        tune_command, fits=True, without=NOT_SEARCHED,
    ),
    Configured("predict", "score a table of any size with a trained model", PredictConfig, predict_command),
    Configured("suggest-genes", "say which genes would teach a trained model most", SuggestConfig, suggest_command),
    Configured("build", "make a table and genes from genome, annotation and scores", BuildConfig, build_command),
    Configured(
        "demo-genome", "write a small simulated genome to build from", DemoGenomeConfig, demo_genome_command
    ),
)  # fmt: skip
