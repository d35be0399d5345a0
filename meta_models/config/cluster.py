"""Naming a cluster."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

#: What ``--distributed`` takes, in words.
CLUSTERS = "local:N (N processes of this machine), tcp://HOST:PORT, tls://HOST:PORT, or file:PATH of a scheduler file"
_PATTERN = re.compile(r"local:[1-9][0-9]{0,8}|tcp://.+:[0-9]+|tls://.+:[0-9]+|file:.+")


def _known(where: str | None) -> str | None:
    if where is not None and not _PATTERN.fullmatch(where):
        raise ValueError("must be local:N (N at least 1), tcp://HOST:PORT, tls://HOST:PORT or file:PATH")
    return where


#: A cluster, or None.
Cluster = Annotated[str | None, AfterValidator(_known)]
