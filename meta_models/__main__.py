"""``python -m meta_models``: the same as ``meta-models``."""

import sys

from meta_models.cli import main

if __name__ == "__main__":
    sys.exit(main())
