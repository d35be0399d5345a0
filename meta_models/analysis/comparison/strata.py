"""Subsets of the rows in which base and meta-model are compared."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from meta_models.analysis.comparison.dinucleotides import CANONICAL, with_dinucleotides
from meta_models.analysis.comparison.evaluate import standard_strata
from meta_models.result import TrainingResult
from meta_models.schema import BaseModel

if TYPE_CHECKING:
    from meta_models.analysis.comparison.sources import RowSource

#: A base model is sure of a row where its highest normalised probability reaches this.
SURE = 0.9
#: Rows nearer than this to an end of the gene, in nucleotides.
NEAR_END = 300
#: Gene types with fewer genes share a stratum.
LEAST_GENES = 20

_GC, _TO_START, _TO_END = "gc_content", "distance_to_start", "distance_to_end"


def with_strata(result: TrainingResult, rows: RowSource | None) -> tuple[pl.DataFrame, dict[str, pl.Expr]]:
    """The out-of-fold table, with feature columns the strata need, and the strata as boolean expressions over it.

    Standard strata first, then gene type, certainty of the main base model, distance to the gene's ends, GC content,
    canonical or not. The latter three need a row source and the columns ``distance_to_start``, ``distance_to_end``,
    ``gc_content`` and ``sequence``.
    """
    frame = _with_features(result, rows)
    strata = narrow_strata(frame, result.bases[0], result.base_train_chroms)
    if {_TO_START, _TO_END} <= set(frame.columns):
        near = pl.min_horizontal(_TO_START, _TO_END) < NEAR_END
        strata[f"under {NEAR_END} nt from a gene end"] = near
        strata[f"{NEAR_END} nt or more from both gene ends"] = ~near
    if _GC in frame.columns:
        strata.update(_gc_thirds(frame))
    frame, canonical = with_dinucleotides(frame, rows)
    return frame, strata | canonical


def narrow_strata(frame: pl.DataFrame, main: BaseModel, chroms: Sequence[str] | None) -> dict[str, pl.Expr]:
    """Strata that the out-of-fold table alone tells: standard ones, gene type, certainty of the `main` base model.

    Parameters
    ----------
    chroms : sequence of str or None
        Chromosomes that the base model was trained on.
    """
    strata = dict(standard_strata(frame, chroms))
    strata.update(_gene_types(frame))
    strata.update(_certainty(main))
    return strata


def absent_strata(strata: Iterable[str]) -> tuple[str, ...]:
    """Strata that a reader may look for and that this run has not, each with the reason."""
    names = tuple(strata)
    reasons = {
        "base-train": "the base model's own training chromosomes: not known (--base-train-chroms), or none here",
        "gene type": f"gene types: the table has none, or only one with {LEAST_GENES} genes or more",
        "nt from a gene end": "distance to the gene's ends: no such features were kept, or rows cannot be read",
        "GC ": "GC content: no such feature was kept, or rows cannot be read",
        CANONICAL: "canonical and other sites: they are told by a text column 'sequence' in the table of rows, the "
        "position in its middle; sequences of whole genes beside it and k-mer counts are not looked at",
    }
    return tuple(reason for key, reason in reasons.items() if not any(key in name for name in names))


def _with_features(result: TrainingResult, rows: RowSource | None) -> pl.DataFrame:
    wanted = tuple(c for c in (_GC, _TO_START, _TO_END) if c in result.kept_features and c not in result.oof.columns)
    if rows is None or not wanted:
        return result.oof
    values = rows.read_rows(np.arange(result.oof.height, dtype=np.int64), wanted)
    columns = (pl.Series(name, values[:, k]).fill_nan(None) for k, name in enumerate(wanted))
    return result.oof.with_columns(columns)  # NaN would count as larger than every number


def _gene_types(frame: pl.DataFrame) -> dict[str, pl.Expr]:
    if "gene_type" not in frame.columns:
        return {}
    kind = pl.col("gene_type").fill_null("unknown")
    counts = frame.group_by(kind.alias("kind")).agg(pl.col("gene_id").n_unique().alias("genes")).sort("kind")
    common = counts.filter(pl.col("genes") >= LEAST_GENES)["kind"].to_list()
    strata = {f"gene type {name}": kind == name for name in common}
    if len(common) < counts.height and common:
        strata["gene types rarer than that"] = ~kind.is_in(common)
    return strata if len(strata) > 1 else {}


def _certainty(base: BaseModel) -> dict[str, pl.Expr]:
    highest, total = pl.max_horizontal(base.columns), pl.sum_horizontal(base.columns)
    sure = highest >= SURE * total
    return {f"{base.name} base sure (p >= {SURE})": sure, f"{base.name} base unsure": ~sure}


def _gc_thirds(frame: pl.DataFrame) -> dict[str, pl.Expr]:
    known = frame[_GC].drop_nulls().drop_nans().to_numpy()
    low, high = (float(np.quantile(known, q)) for q in (1 / 3, 2 / 3)) if len(known) else (0.0, 0.0)
    gc = pl.col(_GC)
    if not low < high:
        return {}
    return {
        f"GC below {low:.3g}": gc < low,
        f"GC {low:.3g} to {high:.3g}": (gc >= low) & (gc < high),
        f"GC from {high:.3g}": gc >= high,
    }
