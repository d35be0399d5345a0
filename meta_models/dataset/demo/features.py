"""The feature columns of a table, from scores, sequence and position: the same formulas for every row.

``d``, ``a`` and ``n`` are the donor, acceptor and neither scores of the main base model at a position; the context
score of a position is ``d + a``, and ``m2, m1, p1, p2`` are those of the bases at -2, -1, +1, +2 (0 outside the gene).
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meta_models.dataset.demo.genes import FLANK, Gene
from meta_models.dataset.demo.motifs import BASES, N_BASES, Codes, Floats
from meta_models.schema import CLASSES, MAIN_BASE, BaseModel, SpliceClass

Columns = dict[str, NDArray[Any]]
Rows = NDArray[np.int64]

TINY = 1e-10
LARGEST_RATIO = 1e6
PEAK_FLOOR = 1e-3  # a score below it is no peak
WINDOW = 2 * FLANK + 1
KMER = 3


def feature_columns(gene: Gene, scores: Mapping[BaseModel, Floats], rows: Rows) -> Columns:
    """All features of some positions of a gene.

    Parameters
    ----------
    gene : Gene
        The gene.
    scores : mapping of BaseModel to ndarray of float64 (length, 3)
        Scores of every base model at every position; the derived features come from the main one.
    rows : ndarray of int64 (n,)
        Positions, counted from the first base of the gene.

    Returns
    -------
    dict of str to ndarray (n,)
        float32 but for flags (int8), lengths (int32) and k-mer counts (uint8).
    """
    columns: Columns = {}
    for base, values in scores.items():
        order = (SpliceClass.DONOR, SpliceClass.ACCEPTOR, SpliceClass.NEITHER)
        columns |= {base.columns[kind]: values[rows, kind] for kind in order}
    main = scores[MAIN_BASE]
    context = _context_scores(main, rows)
    columns |= {f"context_score_{name}": values for name, values in context.items()}
    columns |= _probability_features(main[rows]) | _context_features(**context)
    columns |= _peak_features("donor", main[rows, SpliceClass.DONOR], **context)
    columns |= _peak_features("acceptor", main[rows, SpliceClass.ACCEPTOR], **context)
    columns |= _contrast_features(columns)
    columns |= _place_features(gene, rows) | _composition_features(gene.sequence, rows)
    columns |= _kmer_features(gene.sequence, rows)
    return {name: v.astype(np.float32) if v.dtype == np.float64 else v for name, v in columns.items()}


def _ratio(over: Floats, under: Floats) -> Floats:
    """``over / under`` held within +-`LARGEST_RATIO`; a denominator near 0 counts as `TINY`."""
    safe = np.where(np.abs(under) < TINY, TINY, under)
    return np.clip(over / safe, -LARGEST_RATIO, LARGEST_RATIO)


def _context_scores(scores: Floats, rows: Rows) -> dict[str, Floats]:
    splice = np.pad(scores[:, SpliceClass.DONOR] + scores[:, SpliceClass.ACCEPTOR], 2)
    return {name: splice[rows + 2 + shift] for name, shift in (("m2", -2), ("m1", -1), ("p1", 1), ("p2", 2))}


def _probability_features(scores: Floats) -> Columns:
    n, d, a = (scores[:, kind] for kind in CLASSES)
    best = np.maximum(d, a)
    return {
        "relative_donor_probability": d / (d + a + TINY),
        "splice_probability": (d + a) / (d + a + n + TINY),
        "donor_acceptor_diff": (d - a) / (best + TINY),
        "splice_neither_diff": (best - n) / (np.maximum(best, n) + TINY),
        "donor_acceptor_logodds": np.log(d + TINY) - np.log(a + TINY),
        "splice_neither_logodds": np.log(d + a + TINY) - np.log(n + TINY),
        "probability_entropy": -(n * np.log(n + TINY) + d * np.log(d + TINY) + a * np.log(a + TINY)),
    }


def _context_features(m2: Floats, m1: Floats, p1: Floats, p2: Floats) -> Columns:
    return {
        "context_neighbor_mean": (m2 + m1 + p1 + p2) / 4,
        "context_asymmetry": m1 + m2 - p1 - p2,
        "context_max": np.max([m2, m1, p1, p2], axis=0),
    }


def _peak_features(kind: str, s: Floats, m2: Floats, m1: Floats, p1: Floats, p2: Floats) -> Columns:
    """How the score `s` of one class stands out from the context scores around it."""
    mean, highest = (m2 + m1 + p1 + p2) / 4, np.max([m2, m1, p1, p2], axis=0)
    peak = (s > np.maximum(m1, p1)) & (s > PEAK_FLOOR)
    named: Columns = {
        "diff_m1": s - m1,
        "diff_m2": s - m2,
        "diff_p1": s - p1,
        "diff_p2": s - p2,
        "surge_ratio": _ratio(s, m1 + p1 + TINY),
        "is_local_peak": peak.astype(np.int8),
        "weighted_context": 0.4 * s + 0.2 * (m1 + p1) + 0.1 * (m2 + p2),
        "peak_height_ratio": _ratio(s, mean + TINY),
        "second_derivative": 2 * s - m1 - p1,
        "signal_strength": s - mean,
        "context_diff_ratio": _ratio(s, highest + TINY),
    }
    return {f"{kind}_{name}": values for name, values in named.items()}


def _contrast_features(done: Columns) -> Columns:
    """Donor against acceptor, from the features made so far."""
    donor, acceptor = done["donor_signal_strength"], done["acceptor_signal_strength"]
    d, a = done["donor_score"], done["acceptor_score"]
    return {
        "donor_acceptor_peak_ratio": _ratio(done["donor_peak_height_ratio"], done["acceptor_peak_height_ratio"] + TINY),
        "type_signal_difference": donor - acceptor,
        "score_difference_ratio": (d - a) / (d + a + TINY),
        "signal_strength_ratio": _ratio(donor, acceptor + TINY),
    }


def _place_features(gene: Gene, rows: Rows) -> Columns:
    return {
        "gene_length": np.full(len(rows), gene.length, np.int32),
        "distance_to_start": rows.astype(np.int32),
        "distance_to_end": (gene.length - 1 - rows).astype(np.int32),
    }


def _word_counts(sequence: Codes, rows: Rows, k: int) -> NDArray[np.int32]:
    """Occurrences of each k-mer inside the window of each position, int32 (n, 4**k)."""
    words = sum(sequence[j : len(sequence) - k + 1 + j].astype(np.int64) * N_BASES ** (k - 1 - j) for j in range(k))
    seen = np.zeros((len(sequence) - k + 2, N_BASES**k), np.int32)
    seen[np.arange(1, len(seen)), words] = 1
    np.cumsum(seen, axis=0, out=seen)
    return seen[rows + WINDOW - k + 1] - seen[rows]


def _composition_features(sequence: Codes, rows: Rows) -> Columns:
    """GC share of the window, and its base entropy in units of two bits."""
    shares = _word_counts(sequence, rows, 1) / WINDOW
    entropy = -(shares * np.log2(np.maximum(shares, TINY))).sum(1)
    return {"gc_content": shares[:, 1] + shares[:, 2], "sequence_complexity": entropy / 2}


def _kmer_features(sequence: Codes, rows: Rows) -> Columns:
    counts = _word_counts(sequence, rows, KMER).astype(np.uint8)
    words = itertools.product(BASES, repeat=KMER)
    return {f"{KMER}mer_{''.join(word)}": counts[:, j] for j, word in enumerate(words)}
