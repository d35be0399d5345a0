"""The paired comparison of two scorers on the same rows: differences, intervals and what a reader must know."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from meta_models.analysis.comparison.notes import untold, weight_notes
from meta_models.analysis.comparison.replicates import ALL, MEAN, Figures, Key, Rows
from meta_models.metrics import METRICS, Interval, design_error, interval_of
from meta_models.metrics.bootstrap import FEW_FAMILIES
from meta_models.schema import SITE_CLASSES

AP = "average_precision"


def compare(rows: Rows, base: Figures, meta: Figures) -> list[dict[str, Any]]:
    """One mapping per metric and target, with the attributes of an evaluation row except where and against whom.

    Parameters
    ----------
    rows : Rows
    base, meta : Figures
        Of the same rows and draws.
    """
    return [_cells(key, rows, base, meta) for key in _keys()]


def _keys() -> Iterator[Key]:
    for target in (*(c.label for c in SITE_CLASSES), MEAN, ALL):
        for spec in METRICS.values():
            if spec.per_class == (target != ALL):
                yield spec.name, target


def _cells(key: Key, rows: Rows, base: Figures, meta: Figures) -> dict[str, Any]:
    metric, target = key
    one, two = base.points[key], meta.points[key]
    paired = one.value is not None and two.value is not None
    families = min(base.families[target], meta.families[target])
    of_base = _interval(key, base) if one.value is not None else None
    of_meta = _interval(key, meta) if two.value is not None else None
    between = _difference_interval(key, base, meta, families) if paired else None
    notes = weight_notes({"base": base.effects(key), "meta": meta.effects(key)})
    if between is not None and between.reason is not None:
        notes.append(f"no interval: {between.reason}")
    designs = {name: _design_interval(key, rows, figures) for name, figures in (("base", base), ("meta", meta))}
    known = ((name, found.reason) for name, found in designs.items() if found is not None)
    notes += [untold(name, reason) for name, reason in known if reason is not None]
    if between is not None and between.reason is None and families < FEW_FAMILIES:
        notes.append(f"only {families} families: the interval is likely to be too narrow")
    return {
        "target": target,
        "metric": metric,
        "base": one.value,
        "meta": two.value,
        "difference": two.value - one.value if one.value is not None and two.value is not None else None,
        **_bounds("", between),
        **_bounds("base_", of_base),
        **_bounds("meta_", of_meta),
        **_design_errors(key, rows, base, meta),
        **_bounds("base_design_", designs["base"]),
        **_bounds("meta_design_", designs["meta"]),
        "base_reason": one.reason,
        "meta_reason": two.reason,
        "families": rows.n_families,
        "rows": len(rows.labels),
        "note": "; ".join(notes),
    }


def _bounds(prefix: str, interval: Interval | None) -> dict[str, float | None]:
    lower, upper = (None, None) if interval is None else (interval.lower, interval.upper)
    return {f"{prefix}lower": lower, f"{prefix}upper": upper}


def _interval(key: Key, figures: Figures) -> Interval | None:
    return interval_of(figures.replicates[key], figures.families[key[1]]) if key in figures.replicates else None


def _design_interval(key: Key, rows: Rows, figures: Figures) -> Interval | None:
    metric, target = key
    if metric != AP or rows.weight is None or figures.points[key].value is None:
        return None
    return figures.design_interval(target, rows.weight)


def _difference_interval(key: Key, base: Figures, meta: Figures, families: int) -> Interval | None:
    if key not in base.replicates or key not in meta.replicates:
        return None
    return interval_of(meta.replicates[key] - base.replicates[key], families)


def _design_errors(key: Key, rows: Rows, base: Figures, meta: Figures) -> dict[str, float | None]:
    names = ("base_design_error", "meta_design_error", "difference_design_error")
    metric, target = key
    if metric != AP or rows.weight is None or base.points[key].value is None:
        return dict.fromkeys(names)
    if meta.points[key].value is None:
        return dict.fromkeys(names)
    one, two = base.slopes[target], meta.slopes[target]
    values = (design_error(slopes, rows.weight) for slopes in (one, two, np.subtract(two, one)))
    return dict(zip(names, values, strict=True))
