"""Whether the files of a matrix or a cache on disk are still what was written: who maps them does not look."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from meta_models.errors import UnitsFailed


@dataclass(frozen=True)
class PageDigests:
    """Digests of the files in `folder` when the matrix was finished.

    One more pass over files of which a booster makes hundreds: each level of each tree reads them all.
    """

    folder: Path
    digests: Mapping[str, str]

    @classmethod
    def of(cls, folder: Path) -> Self:
        """Take them now."""
        return cls(folder, _digests(folder))

    def verify(self) -> None:
        """Compare the files with what they were.

        Raises
        ------
        UnitsFailed
            If one was changed, or is gone.
        """
        found = _digests(self.folder)
        wrong = sorted(name for name, digest in self.digests.items() if found.get(name) != digest)
        if wrong:
            raise UnitsFailed(
                "The pages of the matrix must stay as they were written",
                f"Changed on disk since: {', '.join(wrong)} in {self.folder}; the booster trained on them is dropped",
                "Check the disk, or name another with --cache-dir, and run again with --resume",
            )


def _digests(folder: Path) -> dict[str, str]:
    digests = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        with path.open("rb") as file:
            digests[str(path.relative_to(folder))] = hashlib.file_digest(file, "blake2b").hexdigest()
    return digests
