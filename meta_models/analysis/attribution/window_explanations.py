"""Why learners of windows around rows score as they do: groups of inputs taken away, and single rows explained."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from meta_models.analysis.attribution.gene_explanations import REACH, Ablation, Explained, Predictors, Site, precision
from meta_models.learners.neural.serving.ablation import SEQUENCE_GROUP
from meta_models.learners.seam import Matrix
from meta_models.learners.seam.genes import N_CODE, Attributions, GenePredictor, GeneTracks
from meta_models.learners.seam.windows import WindowRows, site_columns
from meta_models.schema import SITE_CLASSES

#: What the columns of rows are called beside base models, and the name of their group.
COLUMNS = "columns"


@dataclass(frozen=True)
class LabelledWindows:
    """Some rows of a table.

    Attributes
    ----------
    columns : tuple of str
        Names of the columns of the matrix.
    labels, folds : ndarray (n,)
    """

    rows: WindowRows
    columns: tuple[str, ...]
    labels: NDArray[np.uint8]
    folds: NDArray[np.int16]

    def of(self, rows: NDArray[np.int64], predictor: GenePredictor) -> WindowRows:
        """Some of the rows, with the columns that a predictor reads."""
        places = [self.columns.index(name) for name in predictor.row_columns]
        return WindowRows(self.rows.codes[rows], self.rows.matrix[rows][:, places])


def window_ablations(predictors: Predictors, windows: LabelledWindows, kinds: Mapping[str, str]) -> list[Ablation]:
    """What each group of inputs is worth on these rows, each scored by its fold's predictor.

    Parameters
    ----------
    kinds : mapping of str to str
        What groups the columns are of that are no base model's site scores.
    """
    groups = {"": (), **_groups(next(iter(predictors.values())), kinds)}
    found = {group: _scores(predictors, windows, group, columns) for group, columns in groups.items()}
    return [
        Ablation(
            group, target, precision(windows.labels, found[""], target), precision(windows.labels, found[group], target)
        )
        for group in list(groups)[1:]
        for target in SITE_CLASSES
    ]  # fmt: skip


def explained_windows(
    predictors: Predictors, windows: LabelledWindows, sites: Sequence[Site], kinds: Mapping[str, str]
) -> Iterator[Explained]:
    """Explain `sites`, each one of the rows in their order, by its fold's predictor."""
    for number, site in enumerate(sites):
        predictor, target = predictors[site.fold], int(site.target)
        own = windows.of(np.array([number]), predictor)
        tracks = tracks_of_row(site.gene_id, own.codes[0], own.matrix[0], predictor)
        attributed = predictor.attributions(tracks, 0, target)
        yield Explained(
            site,
            None if attributed is None else _grouped(attributed, kinds, site.position),
            predictor.mutations(tracks, 0, target, REACH),
            _around(own.codes[0]),
            COLUMNS,
        )


def tracks_of_row(gene_id: str, codes: NDArray[np.uint8], values: Matrix, predictor: GenePredictor) -> GeneTracks:
    """A row as a gene of one position, in the middle of its window, where alone anything but bases is known."""
    centre, names = len(codes) // 2, predictor.row_columns
    known = {name: np.full(len(codes), np.nan, np.float32) for name in names}
    for name, value in zip(names, values, strict=True):
        known[name][centre] = value
    scores = {
        key: np.stack([known[column] for column in site_columns(key)], axis=1) for key in predictor.base_models
    }  # fmt: skip
    return GeneTracks(gene_id, centre, codes, scores, {name: known[name] for name in predictor.evidence})


def _groups(predictor: GenePredictor, kinds: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Columns that are taken away together, by the name of the group; of the sequence none."""
    groups: dict[str, tuple[str, ...]] = {SEQUENCE_GROUP: ()}
    groups |= {f"scores:{key}": site_columns(key) for key in predictor.base_models}
    for name in predictor.evidence:
        group = f"{COLUMNS}:{kinds[name]}"
        groups[group] = (*groups.get(group, ()), name)
    return groups


def _scores(
    predictors: Predictors, windows: LabelledWindows, group: str, columns: Sequence[str]
) -> NDArray[np.float32]:
    """Scores (n, n_targets) without a group of inputs."""
    found = np.empty((len(windows.labels), len(SITE_CLASSES) + 1), np.float32)
    for fold in np.unique(windows.folds).tolist():
        here, predictor = np.flatnonzero(windows.folds == fold), predictors[fold]
        rows = windows.of(here, predictor)
        if group == SEQUENCE_GROUP:
            rows.codes[:] = N_CODE
        rows.matrix[:, [name in columns for name in predictor.row_columns]] = np.nan
        found[here] = predictor.window_scores(rows)
    return found


def _grouped(found: Attributions, kinds: Mapping[str, str], position: int) -> Attributions:
    """With the sums over groups of columns, in positions of the gene."""
    sums: dict[str, NDArray[np.float32]] = {}
    for name, values in found.evidence.items():
        sums[kinds[name]] = sums.get(kinds[name], np.float32(0)) + values
    return replace(found, first=found.first + position, evidence=sums)


def _around(codes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    padded = np.pad(codes, REACH, constant_values=N_CODE)
    begin = len(codes) // 2
    return padded[begin : begin + 2 * REACH + 1]
