"""The parser of all commands, and how a command ends."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from meta_models import __version__, console
from meta_models.analysis.framework.options import AnalysisConfig
from meta_models.cli.commands import (
    CONFIGURED,
    analyse_command,
    build_command,
    compare_command,
    learners_command,
    predict_command,
    train_command,
    tune_command,
    unit_command,
    verify_command,
)
from meta_models.cli.kinds import Command, OverRuns
from meta_models.cli.options import Parser, add_config_options, learners_in
from meta_models.cli.over_runs import OVER_RUNS
from meta_models.config import UnitConfig
from meta_models.config.sections import FORMER
from meta_models.errors import ExitCode, MetaModelsError, TimeUp, UsageError
from meta_models.resources import require_address_space, share_arenas


def main(argv: Sequence[str] | None = None, *, alone: bool = True) -> int:
    """Run a command; the exit code (see `errors.ExitCode`). Never ends in a traceback for what a user can correct.

    Parameters
    ----------
    alone : bool
        False where another command gave it, which says itself how to go on after an interrupt.
    """
    console.prepare_streams()
    try:
        try:
            parser = build_parser(learners_in(sys.argv[1:] if argv is None else argv))
        except UsageError as error:  # a learner of another package that cannot be used
            console.complain(f"error: {error}\n")
            return int(error.exit_code)
        arguments = parser.parse_args(argv)
        console.GOES_ON.set(_goes_on(arguments) if alone else None)
        return int(_run(arguments))
    finally:
        console.finish()


def _run(arguments: argparse.Namespace) -> ExitCode:
    command: Command = arguments.command
    try:
        require_address_space()
        share_arenas()
        return command(arguments)
    except TimeUp as end:
        console.complain(f"{end}\n")
        return end.exit_code
    except MetaModelsError as error:
        console.complain(f"error: {error}\n")
        return error.exit_code
    except MemoryError as error:
        console.complain(f"error: Out of memory ({error}). Give --max-memory-gb or a smaller table.\n")
        return ExitCode.MEMORY
    except (KeyboardInterrupt, SystemExit) as end:
        if isinstance(end, SystemExit) and end.code != ExitCode.SIGTERM:
            raise
        console.complain(console.interrupted())
        return ExitCode.SIGTERM if isinstance(end, SystemExit) else ExitCode.SIGINT


def _goes_on(arguments: argparse.Namespace) -> str:
    """What a command goes on with that was interrupted; nothing, where it writes nothing."""
    command: Command = arguments.command
    if getattr(arguments, "dry_run", False):
        return ""
    if isinstance(command, OverRuns):
        return command.goes_on
    resumable = command in (train_command, predict_command, compare_command, build_command, tune_command)
    return console.RESUME if resumable else ""


def build_parser(chosen: Sequence[str] = (FORMER,)) -> argparse.ArgumentParser:
    """The parser of all commands; the help of ``train`` shows the options of the `chosen` learners."""
    parser = Parser(prog="meta-models", description="Honest meta-models over splice-site predictors.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in CONFIGURED:
        command.add_to(commands, chosen)
    analyse = commands.add_parser(
        "analyse", help="repeat or extend the analysis of a finished run", argument_default=argparse.SUPPRESS
    )
    analyse.set_defaults(command=analyse_command)
    analyse.add_argument("run_dir", metavar="RUN_DIR", type=Path, help="folder of the run")
    add_config_options(analyse, AnalysisConfig)
    unit = commands.add_parser(
        "unit", help="do some of the units that train --plan-only planned", argument_default=argparse.SUPPRESS
    )
    unit.set_defaults(command=unit_command, which=None)
    unit.add_argument("run", metavar="RUN", type=Path, help="folder of the planned run")
    unit.add_argument(
        "which", metavar="NAME|i/N", nargs="?", help="a unit, or every N-th from the i-th on; without it, list them"
    )
    add_config_options(unit, UnitConfig)
    learners = commands.add_parser("learners", help="list what can be fitted, or the options of one learner")
    learners.set_defaults(command=learners_command)
    learners.add_argument("name", metavar="NAME", nargs="?", help="learner whose options are listed")
    for over in OVER_RUNS:
        over.add_to(commands, chosen)
    _add_verify(commands)
    return parser


def _add_verify(commands: Any) -> None:
    verify = commands.add_parser("verify-model", help="say what a model file is, or why it is refused")
    verify.set_defaults(command=verify_command)
    verify.add_argument("file", metavar="FILE", help="model file, or a pattern that one file matches")
    verify.add_argument(
        "--isolated",
        action="store_true",
        help="load it and predict with it in a process of its own, with limits on CPU time and memory",
    )
