"""The command line. The options of a command are derived from its configuration; nothing is declared twice."""

from meta_models.cli.entry import build_parser, main

__all__ = ["build_parser", "main"]
