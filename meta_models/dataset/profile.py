"""What a table is like, from footers and the narrow columns: what strategies are chosen by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from meta_models.dataset.genes.folder import GeneFolder
from meta_models.dataset.positions import Positions
from meta_models.dataset.reading.reader import Dataset
from meta_models.features import MOTIF_COLUMNS, Recipe
from meta_models.local_paths import printable
from meta_models.places import place
from meta_models.schema import CHROM, CLASS_NAMES, GENE, MAIN_BASE, SITE_CLASSES, FeatureGroup
from meta_models.wording import counted


@dataclass(frozen=True)
class DatasetProfile:
    """Made by `profile_dataset`; read by the choice of the strategy, the plan and the report.

    Attributes
    ----------
    rows_per_gene : mapping of str to float
        ``min``, ``median``, ``mean``, ``p95`` and ``max`` number of rows of a gene.
    bytes_on_disk, bytes_float32 : int
        Size of the files, and of the features as float32.
    genes_by_chrom : mapping of str to int, or None
        None where the table has no ``chrom``.
    main_base : str or None
        What the main base model is called outside of the table; None where that is not known.
    pool_rows : int
        Rows of the table that negatives are mined from; 0 where there is none.
    scored_rows : int
        Rows of the larger one of the tables that are scored after training; 0 where there is none.
    base_codes : bool
        Whether it was built with the base codes that motif scores are computed from.
    gene_positions, gene_inner, gene_tracks : int
        Positions of the genes with and without their flanks, and tracks of numbers at each, where learners read whole
        genes; or windows around rows: each counts as a gene of one position.
    window : int
        Bases of these windows; 0 where none are read.
    """

    source: str
    files: int
    rows: int
    genes: int
    families: int
    features: int
    features_by_group: Mapping[str, int]
    features_by_dtype: Mapping[str, int]
    class_counts: Mapping[str, int]
    rows_per_gene: Mapping[str, float]
    genes_by_chrom: Mapping[str, int] | None
    base_models: tuple[str, ...]
    main_base: str | None
    bytes_on_disk: int
    bytes_float32: int
    weighting: str
    true_prevalence: tuple[float, float, float] | None
    left_out: Mapping[str, str]
    pool_rows: int = 0
    scored_rows: int = 0
    base_codes: bool = False
    gene_positions: int = 0
    gene_inner: int = 0
    gene_tracks: int = 0
    window: int = 0

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    def lines(self) -> tuple[str, ...]:
        """For the terminal and the summary."""
        per_gene = self.rows_per_gene
        groups = ", ".join(f"{count} {group}" for group, count in self.features_by_group.items())
        spread = f"{per_gene['min']:.0f} to {per_gene['max']:.0f}, mean {per_gene['mean']:.0f}"
        classes = ", ".join(f"{count:,} {name}" for name, count in self.class_counts.items())
        return (
            f"Table: {self.source} ({counted(self.files, 'file')}, {self.bytes_on_disk / 1e6:,.1f} MB)",
            f"Rows: {self.rows:,} ({classes})",
            f"Genes: {self.genes:,} in {counted(self.families, 'family', 'families')}; rows a gene {spread}",
            f"Features: {self.features:,} ({groups})",
            f"Base models: {', '.join(map(self._called, self.base_models))}; weights: {self.weighting}",
            *([f"Left out: {'; '.join(f'{c}: {why}' for c, why in self.left_out.items())}"] if self.left_out else []),
        )

    def _called(self, base: str) -> str:
        """A base model by its name in the run; the main one with the name that it was given with, too."""
        known = self.main_base is not None and self.main_base != base == MAIN_BASE.name
        return f"{base} ({printable(str(self.main_base))})" if known else base


def profile_dataset(
    dataset: Dataset, positions: Positions, *, pool_rows: int = 0, scored_rows: int = 0,
    trained: GeneFolder | None = None, window: int = 0,
) -> DatasetProfile:  # fmt: skip
    """Summarise a table whose narrow columns were read, beside a pool and a table to be scored of so many rows.

    `trained` holds its genes, where learners read them whole; `window` are the bases of the windows that they read.
    """
    genes = positions.codes(GENE)
    per_gene = np.bincount(genes)
    labels = np.bincount(positions.labels, minlength=len(CLASS_NAMES))
    groups = [dataset.group(f) for f in dataset.features]
    dtypes = [dataset.dtype(f) for f in dataset.features]
    return DatasetProfile(
        source=dataset.source,
        files=len(dataset.files),
        rows=dataset.n_rows,
        genes=len(per_gene),
        families=len(np.unique(positions.relatives())),
        features=len(dataset.features),
        features_by_group={g.value: groups.count(g) for g in FeatureGroup if g in groups},
        features_by_dtype={d: dtypes.count(d) for d in sorted(set(dtypes))},
        class_counts=dict(zip(CLASS_NAMES, labels.tolist(), strict=True)),
        rows_per_gene={
            "min": float(per_gene.min()),
            "median": float(np.median(per_gene)),
            "mean": float(per_gene.mean()),
            "p95": float(np.quantile(per_gene, 0.95)),
            "max": float(per_gene.max()),
        },
        genes_by_chrom=_genes_by_chrom(positions),
        base_models=tuple(base.name for base in positions.bases),
        main_base=dataset.info.base_model_name,
        bytes_on_disk=sum(place(file.path).size() for file in dataset.files),
        bytes_float32=4 * dataset.n_rows * len(dataset.features),
        weighting=positions.weighting,
        true_prevalence=dataset.info.true_prevalence,
        left_out=dataset.left_out,
        pool_rows=pool_rows,
        scored_rows=scored_rows,
        base_codes=dataset.info.recipe is not None and set(MOTIF_COLUMNS) <= set(dataset.features),
        **({} if trained is None else _of_genes(trained, positions)),
        **(_of_windows(window, dataset, positions) if window else {}),
    )


def _of_genes(genes: GeneFolder, positions: Positions) -> dict[str, int]:
    """Positions of the genes of the table, and their tracks."""
    known = set(positions.frame[GENE].unique().cast(str).to_list())
    lengths = [entry.length for entry in genes.entries if entry.gene_id in known]
    flanks = 2 * genes.recipe.flank * len(lengths)
    tracks = _gene_tracks(genes.recipe)
    return {"gene_positions": sum(lengths) + flanks, "gene_inner": sum(lengths), "gene_tracks": tracks}


def _of_windows(window: int, dataset: Dataset, positions: Positions) -> dict[str, int]:
    """Bases of all windows, and the tracks of rows: the third score of a base model is none."""
    rows, tracks = dataset.n_rows, len(dataset.features) - len(positions.bases)
    return {"gene_positions": rows * window, "gene_inner": rows, "gene_tracks": tracks, "window": window}


def _gene_tracks(recipe: Recipe) -> int:
    return len(SITE_CLASSES) * len(recipe.models) + sum(len(track.channels) for track in recipe.evidence)


def _genes_by_chrom(positions: Positions) -> dict[str, int] | None:
    if CHROM not in positions.frame.columns:
        return None
    counts = positions.frame.group_by(CHROM).n_unique().select(CHROM, GENE).cast({CHROM: str}).sort(CHROM)
    return dict(counts.iter_rows())
