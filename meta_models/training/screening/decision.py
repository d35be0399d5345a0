"""Which columns may not be trained on: the decision over what the tests of a column say.

For a column that tells about the labels:

1. Columns computed from base scores are meant to predict the label, and columns named in ``protect_features`` are the
   user's to answer for: reported, never removed. So is a column that repeats a protected one value for value, and the
   evidence of a built table, which its builder was given as measured: reads over junctions do tell the label.
2. A column that takes away at least 0.4 of the log-loss that the base scores leave, on families held out from that
   judgement and with 95 % confidence, is removed. (The lower end of the interval never passed 0.2 for the genuine
   columns of the real tables, nor 0.35 for a base model with 25 times the context; that of a label with 2 % of its
   values flipped is 0.43 to 0.76.)
3. A column that passes the leakage threshold on its own is removed, too, unless it is shown to tell little more than
   the base scores: it takes away less than three quarters with 95 % confidence, and the base scores leave room for that
   judgement. Where they are nearly perfect, or too few families were screened to judge, the column is removed: what it
   tells the base scores tell as well, so little is lost if it was honest, and much is gained if it was not.
4. Identifiers are removed on grounds of their own (see ``identifiers``). Constant and duplicate columns are reported
   only: they do no harm, and the rest of the table may differ.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meta_models.training.screening.addition import Addition, BaseReference
from meta_models.training.screening.column import TARGETS
from meta_models.training.screening.evidence import Evidence, Level

#: Share of the log-loss left by the base scores beyond which what a column adds is implausible.
IMPLAUSIBLE = 0.4
#: The same for a column that passes the leakage threshold on its own, which has to clear itself: the upper end of its
#: interval must stay below.
NOT_CLEARED = 0.75
#: Average precision of the base scores beyond which they leave no room to judge by what is added.
NEARLY_PERFECT = 0.99
#: What an arbitrary code may add at most, by chance (lower end of the interval).
NOTHING = 0.05

_HINT = "if it comes from another predictor and not from the annotation, name it in protect_features"

ColumnValues = tuple[NDArray[np.float32], NDArray[np.intp]]


@dataclass(frozen=True)
class Case:
    """Returned by :func:`decide`: all evidence about a column, and what follows from it.

    Attributes
    ----------
    why : str
        Why the column is removed, or why it is not although it is suspicious; empty where nothing is held against it.
    """

    evidence: tuple[Evidence, ...]
    removed: bool = False
    why: str = ""


def worst(evidence: tuple[Evidence, ...]) -> Level:
    """The gravest level among `evidence`."""
    return max(e.level for e in evidence)


def decide(
    evidence: tuple[Evidence, ...], shield: str, judge: BaseReference | None, values: Callable[[], ColumnValues]
) -> Case:
    """Decide about a column.

    Parameters
    ----------
    shield : str
        Why the column may not be removed; empty where it may.
    judge : BaseReference or None
        Needed only where the evidence is suspicious without being a proof.
    values : callable
        Gives the column's values, (n,), and the quantile bins of its rows, (n,); called only if it is judged.
    """
    level = worst(evidence)
    if level < Level.SUSPICIOUS:
        return Case(evidence)
    if shield:
        return Case(evidence, why=shield)
    if level is Level.PROOF:
        return Case(evidence, removed=True, why=next(e.reason for e in evidence if e.level is level))
    if judge is None or judge.unusable:
        return _unjudged(evidence, judge.unusable if judge else "no judgement")
    additions = dict(zip(TARGETS, judge.addition(*values()), strict=True))
    ap = dict(zip(TARGETS, map(float, judge.ap), strict=True))
    removed, why = _judged(evidence, additions, ap)
    return Case((*evidence, *(_added(t, additions[t], ap[t]) for t in TARGETS)), removed, why)


def _unjudged(evidence: tuple[Evidence, ...], unusable: str) -> Case:
    """Where nothing can be judged by what it adds, only the leakage threshold counts."""
    alone = next((e for e in evidence if e.level is Level.ALONE), None)
    if alone is None:
        return Case(evidence, why=f"suspicious, not judged over the base scores: {unusable}")
    return Case(evidence, removed=True, why=f"{_passes(alone)}; not judged over the base scores: {unusable}")


def _judged(
    evidence: tuple[Evidence, ...], additions: Mapping[str, Addition], ap: Mapping[str, float]
) -> tuple[bool, str]:
    """Whether the column is removed, and why or why not."""
    target, most = max(additions.items(), key=lambda item: item[1].low)
    adds = f"takes away {_text(most)} of the log-loss that base scores leave for {target}"
    if most.low >= IMPLAUSIBLE:
        return True, f"implausible: {adds}, on held-out families ({_HINT})"
    for e in evidence:
        if e.level is Level.ALONE and ap[e.target] >= NEARLY_PERFECT:
            return True, f"{_passes(e)}; base scores, at AP {ap[e.target]:.3f}, leave no room to judge what it adds"
        if e.level is Level.ALONE and additions[e.target].high >= NOT_CLEARED:
            return True, f"{_passes(e)}, and tells more than the base scores: {adds} ({_HINT})"
    if _arbitrary_code(evidence) and most.low <= NOTHING:
        return True, f"{_arbitrary_code(evidence)}; {adds}: it could only be memorised"
    return False, f"plausible: {adds}"


def _arbitrary_code(evidence: tuple[Evidence, ...]) -> str:
    return next((e.reason for e in evidence if e.test == "identifier" and e.level is Level.SUSPICIOUS), "")


def _passes(e: Evidence) -> str:
    return f"{e.test} {e.statistic:.3f} for {e.target} passes the leakage threshold"


def _text(addition: Addition) -> str:
    return f"{addition.closed:.2f} [{addition.low:.2f}, {addition.high:.2f}]"


def _added(target: str, addition: Addition, ap: float) -> Evidence:
    level = Level.SUSPICIOUS if addition.low >= IMPLAUSIBLE else Level.CLEAN
    reason = (
        f"share of the log-loss left by base scores that it takes away on held-out families; 95 % interval "
        f"[{addition.low:.3g}, {addition.high:.3g}]; AP of base scores {ap:.3f}"
    )
    return Evidence("adds over base", addition.closed, level, reason, target)
