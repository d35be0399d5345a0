"""A track of values, such as conservation, in one bigWig file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meta_models.build.evidence.base import EvidenceSource
from meta_models.build.inputs.bigwig_file import BigWigFile
from meta_models.build.inputs.source_files import file_facts
from meta_models.errors import InputError


class BigWigEvidence(EvidenceSource):
    """The values of a bigWig file, the same for both strands; NaN where it has none.

    Channels
    --------
    value
        As it stands in the file.

    Raises
    ------
    InputError
        If it cannot be read; when fetched, if a value is infinite.
    UsageError
        If pyBigWig is not installed.
    """

    kind = "bigwig"
    channels = ("value",)

    def __init__(self, name: str, paths: tuple[Path, ...]) -> None:
        if len(paths) != 1:
            raise InputError(f"evidence {name}: a bigWig track is one file", f"Found {len(paths)}")
        self._file = BigWigFile(paths[0])
        super().__init__(name, self._file.lengths, f"evidence {name} ({paths[0]})")

    def facts(self) -> dict[str, Any]:
        """As :meth:`EvidenceSource.facts`."""
        return {"kind": self.kind, "channels": list(self.channels), "files": [file_facts(self._file.path)]}

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _forward(self, contig: str | None, start: int, end: int, strand: str) -> NDArray[np.float32]:  # noqa: ARG002
        values = self._file.values(contig or "", start, end)
        if np.isinf(values).any():
            first = start + int(np.isinf(values).argmax()) + 1
            raise InputError(
                f"{self.what}: values must be finite",
                f"Found {int(np.isinf(values).sum()):,} infinite, the first at {contig}:{first:,}",
            )
        return values[:, None]
