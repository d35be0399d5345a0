"""``python -m meta_models.experiments.child_run PID ...``: ``train ...`` for as long as the process PID lives."""

from __future__ import annotations

import sys

from meta_models.cli import main
from meta_models.workers.child import die_with

if __name__ == "__main__":
    die_with(int(sys.argv[1]), interrupts=True)
    sys.argv = ["meta-models", "train", *sys.argv[2:]]  # what the manifest records: a command that anybody can give
    sys.exit(main(sys.argv[1:], alone=False))
