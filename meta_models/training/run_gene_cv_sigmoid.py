"""``python -m meta_models.training.run_gene_cv_sigmoid``: the main job, the same as ``meta-models train``."""

from __future__ import annotations

import sys

from meta_models.cli import main

if __name__ == "__main__":
    sys.exit(main(["train", *sys.argv[1:]]))
