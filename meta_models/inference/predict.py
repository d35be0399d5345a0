"""``python -m meta_models.inference.predict``: scoring a table, the same as ``meta-models predict``."""

from __future__ import annotations

import sys

from meta_models.cli import main

if __name__ == "__main__":
    sys.exit(main(["predict", *sys.argv[1:]]))
