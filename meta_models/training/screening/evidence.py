"""What the tests of one column say, before anybody decides: each statistic with how grave it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from meta_models.schema import CLASS_NAMES
from meta_models.training.screening.column import (
    TARGETS,
    Floats,
    Rows,
    TieGroups,
    linear_correlation,
    missing_counts,
    one_feature_ap,
    pattern_ap,
    rank_correlation,
    zero_counts,
)

#: From these values on a column is looked at closely. Average precisions are corrected for chance before they are
#: compared, (AP - share) / (1 - share). No k-mer or genomic column of the two real tables passes 0.15, 0.4 and 0.1.
SUSPICIOUS_LINEAR, SUSPICIOUS_RANK, SUSPICIOUS_AP = 0.3, 0.9, 0.3


class Level(IntEnum):
    """How grave a piece of evidence is.

    CLEAN says nothing, NOTE is worth reading but no ground for removal, SUSPICIOUS is a ground if the column adds
    implausibly much over the base scores, ALONE passes the leakage threshold on its own, and PROOF needs no judgement.
    """

    CLEAN = 0
    NOTE = 1
    SUSPICIOUS = 2
    ALONE = 3
    PROOF = 4


@dataclass(frozen=True)
class Evidence:
    """One statistic of one column; `target` is empty where the test knows no class."""

    test: str
    statistic: float | None
    level: Level
    reason: str
    target: str = ""


def label_evidence(ties: TieGroups, rows: Rows, threshold: float) -> list[Evidence]:
    """What the column tells about the labels: each test's strongest target, and every target that is not clean."""
    missing, zero = missing_counts(ties), zero_counts(ties)
    share = rows.prevalence
    linear, rank, tree = linear_correlation(ties), rank_correlation(ties), one_feature_ap(ties)
    holes, zeros = pattern_ap(*missing), pattern_ap(*zero)
    never = (
        np.inf
    )  # a rank correlation above the threshold is no leak by itself: a class is rare, its AP may still be low
    evidence = [
        *_by_target("linear", linear, np.abs(linear), (SUSPICIOUS_LINEAR, threshold), "Pearson correlation"),
        *_by_target("rank", rank, np.abs(rank), (SUSPICIOUS_RANK, never), "rank-biserial correlation"),
        *_by_target(
            "one-feature AP", tree, _above_chance(tree, share), (SUSPICIOUS_AP, threshold), "AP on other families"
        ),
    ]
    for test, ap, (marked, others), word in (("missing", holes, missing, "null"), ("zero", zeros, zero, "zero")):
        text = f"AP of {word} or not ({_shares(word, marked, others)})"
        evidence += _by_target(test, ap, _above_chance(ap, share), (SUSPICIOUS_AP, threshold), text)
    return evidence


def _above_chance(ap: Floats, share: Floats) -> Floats:
    above: Floats = np.divide(ap - share, 1 - share, out=np.full(len(ap), np.nan), where=share < 1)
    return above


def _by_target(
    test: str, statistic: Floats, strength: Floats, limits: tuple[float, float], text: str
) -> Iterator[Evidence]:
    """Evidence for the strongest target and for all that are not clean."""
    if np.isnan(strength).all():
        why = {"missing": "all values or none are null", "zero": "all values or none are zero"}
        yield Evidence(test, None, Level.CLEAN, why.get(test, "the column is constant or a class is absent"))
        return
    strongest = int(np.nanargmax(strength))
    suspicious, alone = min(limits), limits[1]
    for t, target in enumerate(TARGETS):
        level = Level.ALONE if strength[t] >= alone else Level.SUSPICIOUS if strength[t] >= suspicious else Level.CLEAN
        if t == strongest or level is not Level.CLEAN:
            yield Evidence(test, float(statistic[t]), level, text, target)


def _shares(word: str, marked: Floats, others: Floats) -> str:
    total = marked + others
    shares = np.divide(marked, total, out=np.zeros_like(marked), where=total > 0)
    return f"{word} in " + ", ".join(f"{s:.1%} of {name}" for s, name in zip(shares, CLASS_NAMES, strict=True))


def constant_evidence(ties: TieGroups) -> Evidence:
    """Whether all rows hold the same value. Never a ground for removal: the rest of the table may differ."""
    missing = ties.counts[-1].any()
    if ties.n_values == 0:
        return Evidence("constant", None, Level.NOTE, "null in every screened row")
    if ties.n_values == 1 and not missing:
        return Evidence("constant", None, Level.NOTE, f"{ties.values[0]:g} in every screened row")
    found = f"{ties.n_values} distinct value{'s' if ties.n_values > 1 else ''}{' and null' if missing else ''}"
    return Evidence("constant", None, Level.CLEAN, found)
