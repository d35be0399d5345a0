"""What a job in rows of the table means for genes and their crops."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meta_models.learners.neural.inputs.crops import Bools, Crops, Ints
from meta_models.learners.seam import FitJob
from meta_models.learners.seam.genes import NOT_LABELLED, TrainingGenes
from meta_models.schema import CLASSES


@dataclass(frozen=True)
class GeneJob:
    """A job in crops.

    Attributes
    ----------
    train, stop, score : ndarray of bool (n_crops,)
        All crops of the genes that are trained on, of those that decide when to stop, and of those that are scored.
    rows_crop, rows_place : ndarray of int64 (n_score,)
        The crop that each row to be scored lies in, and where in it, without margins.
    """

    train: Bools
    stop: Bools
    score: Bools
    rows_crop: Ints
    rows_place: Ints


def gene_job(job: FitJob, genes: TrainingGenes, crops: Crops) -> GeneJob:
    """`job` in crops.

    Raises
    ------
    ValueError
        If a gene is in two parts of the job, none is trained on, or a job is not of all classes at once.
    """
    require_all_classes(job)
    train, stop, score = (_genes_of(rows, genes) for rows in (job.train, job.stop, job.score))
    straddling = (train & stop) | (train & score) | (stop & score)
    if straddling.any():
        raise ValueError(f"job {job}: {straddling.sum()} genes have rows in two of train, stop and score")
    if not train.any():
        raise ValueError(f"job {job}: no gene is trained on")
    return GeneJob(train[crops.gene], stop[crops.gene], score[crops.gene], *_places(job.score, genes, crops))


def require_all_classes(job: FitJob) -> None:
    """Raise ValueError where `job` is not of all classes at once."""
    if job.targets != tuple(range(len(CLASSES))):
        raise ValueError(f"a net is fitted to classes {tuple(range(len(CLASSES)))} at once, found {job.targets}")


def check_labels(job: FitJob, labels: NDArray[np.integer], row_labels: NDArray[np.uint8]) -> None:
    """Raise ValueError where the rows' labels are not those of the genes, which are what is learned from."""
    used = (job.train | job.stop) & (row_labels != NOT_LABELLED)
    different = int((labels[used] != row_labels[used]).sum())
    if different:
        raise ValueError(
            f"job {job}: a net learns the labels of its genes, and {different} of {used.sum()} rows have others; "
            "to learn other labels, give genes that have them"
        )


def _genes_of(rows: Bools, genes: TrainingGenes) -> Bools:
    found = np.zeros(len(genes.lengths), np.bool_)
    found[genes.gene_of_row[rows]] = True
    return found


def _places(rows: Bools, genes: TrainingGenes, crops: Crops) -> tuple[Ints, Ints]:
    first = np.searchsorted(crops.gene, np.arange(len(genes.lengths)))
    size = int((crops.stop - crops.start).max())
    gene, position = genes.gene_of_row[rows], genes.position_of_row[rows]
    return first[gene] + position // size, position % size
