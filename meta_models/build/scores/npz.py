"""An array a gene, in one .npz file: what notebooks hold."""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meta_models.build.inputs.source_files import FileFacts, file_facts
from meta_models.build.scores.base import GenePlace
from meta_models.build.scores.checks import NEITHER_ROUNDING, as_scores
from meta_models.build.scores.file_scores import FileScores, Sample, Wanted
from meta_models.errors import InputError, UsageError

_ENOUGH = 200_000


class NpzScores(FileScores):
    """Scores in an .npz file that has, for each gene id, an array of all positions of the gene.

    Rows go from the first to the last base of the gene *in the direction of its strand*. Two columns are donor and
    acceptor; three are neither, acceptor, donor, as SpliceAI and OpenSpliceAI return them. :meth:`place` must say
    where the genes lie before scores can be fetched; a gene without an array, and all positions outside the gene, are
    not covered.

    Raises
    ------
    InputError
        If it cannot be read or holds no arrays.
    """

    kind = "npz"

    def __init__(self, key: str, path: Path, _scratch: Path | None = None) -> None:
        self._path = path
        self._open: tuple[int, Any, ExitStack] | None = None
        self._genes: Mapping[str, GenePlace] | None = None
        self._strands: set[tuple[str, str]] = set()
        super().__init__(key, (), f"scores {key} ({path})")
        self._ids = frozenset(self._file().files)
        if not self._ids:
            raise InputError(f"{self.what} must hold an array for each gene", "Found none")

    def match_contigs(
        self,
        lengths: Mapping[str, int],
        *,
        chrom_map: Mapping[str, str] | None = None,  # noqa: ARG002 - arrays are named by genes
    ) -> None:
        """Take the ends of contigs; arrays are named by genes, not by contigs."""
        self._lengths = lengths

    def place(self, genes: Mapping[str, GenePlace]) -> None:
        """Take where the genes lie, as :meth:`ScoreSource.place`.

        Raises
        ------
        InputError
            If no gene has an array, or an array is not as long as its gene.
        """
        found = [gene for gene in genes if gene in self._ids]
        if not found:
            raise InputError(
                f"{self.what} must have arrays named by the gene ids of the annotation",
                f"Found {', '.join(sorted(self._ids)[:5])}; in the annotation {', '.join(list(genes)[:5])}",
            )
        for gene in found:
            expected, rows = genes[gene].end - genes[gene].start, len(self._array(gene))
            if rows != expected:
                raise InputError(
                    f"{self.what}: the array of a gene must be as long as the gene in the annotation",
                    f"Found {rows:,} rows and {expected:,} bases for {gene}",
                    "Leave out flanks; rows go from the first to the last base of the gene in its direction",
                )
        self._genes = {gene: genes[gene] for gene in found}
        self._strands = {(genes[gene].contig, genes[gene].strand) for gene in found}
        self._file_names = {genes[gene].contig: genes[gene].contig for gene in found}

    def close(self) -> None:
        """Close the file."""
        if self._open is not None and self._open[0] == os.getpid():
            self._open[2].close()
        self._open = None

    def fetch(self, contig: str, start: int, end: int, strand: str, gene_id: str | None = None) -> NDArray[np.float32]:
        """As :meth:`ScoreSource.fetch`; `gene_id` says whose array it is.

        Raises
        ------
        UsageError
            If there is no `gene_id`, or :meth:`place` was not called.
        """
        if gene_id is None or self._genes is None:
            raise UsageError(f"{self.what} holds an array a gene, so it needs an annotation with the genes")
        return super().fetch(contig, start, end, strand, gene_id)

    @property
    def sparse(self) -> bool:
        """Never: an array has all positions of its gene."""
        return False

    def _forward(self, wanted: Wanted) -> NDArray[np.float32]:
        scores = np.full((wanted.end - wanted.start, 2), np.nan, np.float32)
        gene = wanted.gene_id or ""
        place = (self._genes or {}).get(gene)
        if place is None or (place.contig, place.strand) != (wanted.name, wanted.strand):
            return scores
        first, last = max(wanted.start, place.start), min(wanted.end, place.end)
        if first < last:
            whole = self._array(gene)
            forward = whole if place.strand == "+" else whole[::-1]
            scores[first - wanted.start : last - wanted.start] = forward[first - place.start : last - place.start]
        return scores

    def _covers(self, name: str, strand: str) -> bool:
        return (name, strand) in self._strands

    def _array(self, gene: str) -> NDArray[np.float32]:
        """Donor and acceptor scores of a gene, shape (L, 2), checked."""
        array = np.asarray(self._loaded(gene))
        if array.ndim != 2 or array.shape[1] not in (2, 3) or array.dtype.kind != "f":
            raise InputError(
                f"{self.what}: an array has the shape (bases of the gene, 2 or 3) and holds floats",
                f"Found {array.shape} of {array.dtype} for {gene}",
            )
        scores = as_scores(array)
        if not np.isfinite(scores).all():
            row = int((~np.isfinite(scores)).any(axis=1).argmax())
            found = f"Found {int((~np.isfinite(scores)).sum()):,} NaN or infinite for {gene}, the first in row {row:,}"
            raise InputError(f"{self.what}: each score must be a number", found)
        return scores if scores.shape[1] == 2 else self._of_three(scores, gene)

    def _of_three(self, scores: NDArray[np.float32], gene: str) -> NDArray[np.float32]:
        total, means = scores.sum(axis=1), scores.mean(axis=0)
        if len(scores) and ((np.abs(total - 1) > NEITHER_ROUNDING).any() or means.argmax() != 0):
            shown = ", ".join(f"{mean:.4g}" for mean in means)
            raise InputError(
                f"{self.what}: three columns are neither, acceptor, donor (as SpliceAI returns them) and sum to 1",
                f"Found the means {shown} for {gene}",
            )
        return scores[:, [2, 1]]

    def _loaded(self, gene: str) -> Any:
        try:
            return self._file()[gene]
        except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise InputError(f"{self.what} must be readable without pickle", f"Found at {gene}: {error}") from error

    def _file(self) -> Any:
        """The open file of this process: a forked child must not share the place where its parent reads."""
        if self._open is None or self._open[0] != os.getpid():
            files = ExitStack()
            self._open = os.getpid(), _opened(self._path, files), files
        return self._open[1]

    def _sample(self) -> Sample:
        parts, found = [], 0
        for gene in sorted(self._ids):
            parts.append(self._array(gene).ravel())
            found += len(parts[-1])
            if found >= _ENOUGH:
                break
        return Sample(np.concatenate(parts), 2 * len(parts))

    def _files(self) -> dict[str, FileFacts]:
        return {"arrays": file_facts(self._path)}


def _opened(path: Path, files: ExitStack) -> Any:
    """The arrays of a file, which `files` closes."""
    try:
        with ExitStack() as opened:
            file = np.load(opened.enter_context(path.open("rb")), allow_pickle=False)
            if not isinstance(file, np.lib.npyio.NpzFile):
                raise InputError(f"{path} must be an .npz file", "Found another file of numpy")
            opened.enter_context(file)
            files.push(opened.pop_all())
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} must be readable as .npz", f"Found: {error}") from error
    return file
