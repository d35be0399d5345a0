"""Kinds of commands: over runs, and those all of whose arguments are options."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from meta_models.cli.logs import set_up_logging
from meta_models.cli.options import add_config_options, add_learner_options, config_from
from meta_models.config import Configuration
from meta_models.errors import ExitCode

Command = Callable[[argparse.Namespace], ExitCode]


@dataclass(frozen=True)
class OverRuns:
    """A command over runs.

    Attributes
    ----------
    kind : type
        Its options.
    work : str
        ``module:function`` that does it: loaded when the command is given, called with the runs and the options.
    several : bool
        Whether it takes more than one run.
    fits : bool
        Whether it takes options of learners.
    milestones : bool
        Whether its milestones alone are shown, as those of `train` are, but with ``--verbose``.
    takes : tuple of (str, str)
        What the argument is called, and what it is, where it takes one.
    goes_on : str
        What it goes on with once it was interrupted; empty where it begins anew.
    """

    name: str
    help: str
    kind: type[Configuration]
    work: str
    several: bool = False
    fits: bool = False
    milestones: bool = False
    takes: tuple[str, str] = ("RUN", "folder of the run")
    goes_on: str = ""

    def add_to(self, commands: Any, chosen: Sequence[str]) -> None:
        """Add its parser to the subparsers `commands`, with the options of the `chosen` learners where it fits any."""
        parser = commands.add_parser(self.name, help=self.help, argument_default=argparse.SUPPRESS)
        parser.set_defaults(command=self)
        metavar, words = ("RUN", "run folders, each PATH or NAME=PATH") if self.several else self.takes
        parser.usage = f"%(prog)s {metavar}{f' [{metavar} ...]' if self.several else ''} [options]"
        parser.add_argument("runs", metavar=metavar, nargs="+" if self.several else 1, help=words)
        add_config_options(parser, self.kind)
        if self.fits:
            add_learner_options(parser, chosen)

    def __call__(self, arguments: argparse.Namespace) -> ExitCode:
        """Do the work."""
        options = config_from(arguments, self.kind)
        chosen = options.model_dump(include={"verbose", "resume"})
        everything = chosen.get("verbose", False) or not self.milestones
        set_up_logging(sys.stdout, everything=everything, units=chosen.get("resume", False))
        module, _, function = self.work.partition(":")
        work: Callable[..., ExitCode] = getattr(importlib.import_module(module), function)
        return work(arguments.runs, options)


@dataclass(frozen=True)
class Configured:
    """A command all of whose arguments are options.

    Attributes
    ----------
    kind : type
        Its options, but those `without`.
    work : callable
        Does it.
    fits : bool
        Whether it takes options of learners.
    """

    name: str
    help: str
    kind: type[Configuration]
    work: Command
    fits: bool = False
    without: tuple[str, ...] = ()

    def add_to(self, commands: Any, chosen: Sequence[str]) -> None:
        """Add its parser to the subparsers `commands`, with the options of the `chosen` learners where it fits any."""
        parser = commands.add_parser(self.name, help=self.help, argument_default=argparse.SUPPRESS)
        parser.set_defaults(command=self.work)
        parser.usage = "%(prog)s [options]"
        add_config_options(parser, self.kind, without=self.without)
        if self.fits:
            add_learner_options(parser, chosen)
