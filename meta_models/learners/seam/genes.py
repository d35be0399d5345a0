"""What a learner of whole genes is given, and what it offers beside the seam of learners of rows.

The rows of the table stay what jobs are told in: a gene is trained on if one of its rows is in ``FitJob.train``,
decides when to stop if one is in ``FitJob.stop``, and is scored at those of its positions whose rows are in
``FitJob.score``. All positions of a gene that is trained on are trained on, with the labels of the gene: the rows of
the table are a sample, drawn by the scores, and windows over neighbouring rows would learn how it was drawn.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from meta_models.learners.seam.fit import FitJob, Prepared
from meta_models.learners.seam.fitted import Fitted
from meta_models.learners.seam.predictor import Matrix, Predictor
from meta_models.learners.seam.start import Starts
from meta_models.learners.seam.windows import WindowRows, row_columns

N_CODE = 4
"""The code of an unknown base; A, C, G and T are 0 to 3."""

NOT_LABELLED = 255
"""The label of a position that is neither trained on nor counted in a loss."""


@dataclass(frozen=True)
class GeneTracks:
    """What is known of a gene beside its labels, on its sense strand, with `flank` positions on either side of it.

    Attributes
    ----------
    gene_id : str
    flank : int
        Positions before the first and after the last of the gene's `length`.
    codes : ndarray of uint8 (length + 2 flank,)
        Bases: A, C, G, T, N are 0 to 4.
    scores : mapping of str to ndarray of float32 (length + 2 flank, 2)
        Donor and acceptor score of each base model, by its key; NaN where it has none.
    evidence : mapping of str to ndarray of float32 (length + 2 flank,)
        Measured tracks, by their names; NaN where nothing was measured.
    offset : int
        Of a part of a gene: the position in the gene of the first of the part's own.
    whole : int or None
        Of a part of a gene: the gene's length.
    """

    gene_id: str
    flank: int
    codes: NDArray[np.uint8]
    scores: Mapping[str, Matrix]
    evidence: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    offset: int = 0
    whole: int | None = None

    @property
    def length(self) -> int:
        """Positions of the gene, or part, itself."""
        return len(self.codes) - 2 * self.flank

    @property
    def gene_length(self) -> int:
        """Positions of the gene."""
        return self.length if self.whole is None else self.whole

    def within(self, low: int, high: int) -> GeneTracks:
        """What lies from `low` to `high` in the arrays, as a part without flank; `offset` is that of its first base."""
        part, offset = self._arrays(slice(low, high)), self.offset + low - self.flank
        return replace(part, flank=0, offset=offset, whole=self.gene_length)

    def flanked(self, flank: int) -> GeneTracks:
        """The same gene with a flank of `flank` positions, or its own, where that is shorter."""
        cut = max(self.flank - flank, 0)
        return replace(self._arrays(slice(cut, len(self.codes) - cut)), flank=self.flank - cut)

    def _arrays(self, part: slice) -> GeneTracks:
        return replace(
            self, codes=self.codes[part], scores={key: values[part] for key, values in self.scores.items()},
            evidence={name: values[part] for name, values in self.evidence.items()},
        )  # fmt: skip


@dataclass(frozen=True)
class Attributions:
    """What each input adds to the log-odds of a class at a position; returned by `GenePredictor.attributions`.

    Attributes
    ----------
    first : int
        Position in the gene that the first row of the arrays is; negative in the flank.
    bases : ndarray of float32 (span, 4)
    scores : mapping of str to ndarray of float32 (span, 2)
        Of donor and acceptor score of each base model.
    evidence : mapping of str to ndarray of float32 (span,)
    start, end : float
        Log-odds where no input is known, and with all of them; all that is attributed sums to their difference.
    """

    first: int
    bases: NDArray[np.float32]
    scores: Mapping[str, NDArray[np.float32]]
    evidence: Mapping[str, NDArray[np.float32]]
    start: float
    end: float


@dataclass(frozen=True)
class LabelledGene:
    """A gene to learn from.

    Attributes
    ----------
    labels : ndarray of uint8 (length,)
        `SpliceClass` of each position, or `NOT_LABELLED`.
    """

    tracks: GeneTracks
    labels: NDArray[np.uint8]


@dataclass(frozen=True)
class TrainingGenes:
    """Genes from which a learner makes its representation, and where the rows of the table lie in them.

    Attributes
    ----------
    genes : iterable of LabelledGene
        In one order whenever it is asked for; read once, one gene at a time.
    lengths : ndarray of int64 (n_genes,)
        Positions of each, without flanks.
    flank : int
        The flank of every gene.
    base_models, evidence : tuple of str
        Keys of the scores and names of the tracks that are used; the order is that of the inputs.
    gene_of_row, position_of_row : ndarray of int64 (n_rows,)
        Number of the gene in `genes`, and 0-based position in it on the sense strand, of each row of the table.
    seed : int
        Seed of everything random.
    starts : mapping of int or None to Start
        The models that fits go on from, by folds.
    """

    genes: Iterable[LabelledGene]
    lengths: NDArray[np.int64]
    flank: int
    base_models: tuple[str, ...]
    evidence: tuple[str, ...]
    gene_of_row: NDArray[np.int64]
    position_of_row: NDArray[np.int64]
    seed: int = 0
    starts: Starts = field(default_factory=dict)


class GenePredictor(Predictor):
    """A fitted learner of genes.

    Its scores of positions are computed from whole genes (`position_scores`), and stand in the rows of a table from
    then on: they are the columns, one for each target, that `scores` takes and gives back.

    Attributes
    ----------
    base_models, evidence : tuple of str
        What `GeneTracks` must have; more is ignored.
    reach : int
        Positions on either side of a part of a gene that its scores depend on: with so long a flank, a part has the
        scores that it has in the whole gene.
    window : int
        Bases around a row, itself included, where it was fitted to windows of a table; 0: to genes.
    """

    base_models: tuple[str, ...]
    evidence: tuple[str, ...]
    reach: int
    window: int = 0

    @property
    def row_columns(self) -> tuple[str, ...]:
        """Columns of a table that it reads beside windows."""
        return row_columns(self.base_models, self.evidence) if self.window else ()

    @abstractmethod
    def gene_scores(self, gene: GeneTracks, *, tile: int | None = None) -> NDArray[np.float32]:
        """Scores (length, n_targets) in [0, 1] of every position; `tile` positions, about, are in work at a time."""

    def position_scores(self, gene: GeneTracks, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Scores (n, n_targets) of the positions `rows`, increasing; those of others need not be computed."""
        return self.gene_scores(gene)[rows]

    def window_scores(self, rows: WindowRows) -> NDArray[np.float32]:
        """Scores (n, n_targets) of rows with their `row_columns` and windows of `window` bases, where it reads such."""
        raise TypeError(f"{type(self).__name__} was fitted to genes, and cannot score {len(rows.codes)} windows")

    def scores(self, matrix: Matrix) -> NDArray[np.float64]:
        """The scores (n, n_targets) themselves: `matrix` holds what `position_scores` gave, or `window_scores`."""
        return matrix.astype(np.float64)

    def attributions(self, gene: GeneTracks, position: int, target: int) -> Attributions | None:  # noqa: ARG002
        """What each input around adds to the log-odds of class `target` at `position`; None where it cannot be told."""
        return None

    def mutations(
        self, gene: GeneTracks, position: int, target: int, reach: int  # noqa: ARG002
    ) -> NDArray[np.float32] | None:  # fmt: skip
        """How the log-odds of `target` at `position` change with each base around, (2 reach + 1, 4); None: unknown."""
        return None


class GenePrepared(Prepared):
    """Genes, or windows around rows, in the form that serves all jobs."""

    @abstractmethod
    def fit(
        self, job: FitJob, labels: NDArray[np.integer], weights: NDArray[np.float32] | None, *, threads: int,
        state: bytes | None = None, keep: Callable[[bytes], None] | None = None,
    ) -> Fitted:  # fmt: skip
        """Fit `job`.

        Parameters
        ----------
        labels : ndarray of int (n_rows,)
            They must be those of the genes, where there are such: those are what is learned from.
        weights : ndarray of float32 (n_rows,), or None
            Of windows, what rows count. Of no use to genes: all their positions are trained on, not a sample of them.
        state : bytes, optional
            What `keep` was given last by the same job, where that was interrupted: the result is that of an undisturbed
            fit, byte for byte.
        keep : callable, optional
            Called after every epoch with all that is needed to go on from there.

        Raises
        ------
        ValueError
            If `state` is of another job, or labels are not those of the genes.
        """
