"""``python -m meta_models.analysis RUN_DIR``: analysing a finished run, the same as ``meta-models analyse``."""

from __future__ import annotations

import sys

from meta_models.cli import main

if __name__ == "__main__":
    sys.exit(main(["analyse", *sys.argv[1:]]))
