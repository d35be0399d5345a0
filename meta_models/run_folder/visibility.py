"""Waiting for what another machine wrote into a shared folder: network file systems show it a while later."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

Found = TypeVar("Found")
#: Seconds that a shared file system may take to show what another machine wrote.
VISIBLE_SECONDS = 60.0
_LOOK_SECONDS = 0.2


def wait_for(look: Callable[[], Found | None], folder: Path, *, seconds: float = VISIBLE_SECONDS) -> Found | None:
    """What `look` finds below `folder`, as soon as it finds something; None after so many `seconds`."""
    last = time.monotonic() + seconds
    while (found := look()) is None and time.monotonic() < last:
        time.sleep(_LOOK_SECONDS)
        if folder.is_dir():
            os.listdir(folder)  # noqa: PTH208 - has a network file system ask anew what there is
    return found
