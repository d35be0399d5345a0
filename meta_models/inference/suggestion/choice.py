"""Which candidates are suggested: the best first, one of a family, no copies, none that the model knows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.stats import rankdata

from meta_models.dataset.genes.genome import Genome
from meta_models.dataset.genes.loci import Locus, spans
from meta_models.inference.checks.overlap import TrainedOn
from meta_models.inference.suggestion.candidates import MEASURES, Candidate
from meta_models.names import gene_key
from meta_models.schema import CHROM, GENOMIC_POSITION, STRAND
from meta_models.wording import counted

#: Rows in common, and their share of those by which the smaller gene is known, from which genes are copies.
_LEAST_SHARED, _LEAST_SHARE = 5, 0.5
#: A measure is a reason where it is above so many of the candidates.
_NOTABLE = 0.75


@dataclass(frozen=True)
class Suggestion:
    """A gene that was chosen.

    Attributes
    ----------
    score : float
        What it was chosen by.
    above : dict of str to float
        Share of the other candidates that each measure is above.
    relatives : int
        Candidates left out since they are of its family, or copies of it.
    """

    candidate: Candidate
    score: float
    above: dict[str, float]
    relatives: int = 0

    @property
    def reasons(self) -> str:
        """In words: the measures that stand out, the highest first."""
        order = sorted(self.above.items(), key=lambda item: -item[1])
        shown = [item for item in order if item[1] >= _NOTABLE] or order[:1]
        words = [f"{name.replace('_', ' ')} above {100 * share:.3g} % of the others" for name, share in shown]
        return "; ".join([*words, *([f"stands for {counted(self.relatives, 'relative')}"] if self.relatives else [])])


def unknown_ones(candidates: Sequence[Candidate], known: TrainedOn, genome: Genome) -> tuple[list[bool], str]:
    """Which candidates, genes of `genome`, tell the model something new, and what was left out, in words."""
    within = known.within(_placed(candidates), genome)
    why = [_why_known(candidate, known, overlaps=at in within) for at, candidate in enumerate(candidates)]
    counts = Counter(reason for reason in why if reason)
    return [not reason for reason in why], "; ".join(f"{count} {reason}" for reason, count in sorted(counts.items()))


def scores_of(candidates: Sequence[Candidate], by: str) -> tuple[NDArray[np.float64], dict[str, NDArray[np.float64]]]:
    """What the candidates are ordered by (n,), and the share of the others that each measure is above, (n,) each."""
    there = [name for name in MEASURES if candidates[0].value(name) is not None]
    values = {name: np.array([candidate.value(name) for candidate in candidates], np.float64) for name in there}
    above = {name: (rankdata(found, "min") - 1) / max(len(found) - 1, 1) for name, found in values.items()}
    if by == "all":
        return np.mean(list(above.values()), axis=0), above
    return values[by], above


def choose(
    candidates: Sequence[Candidate], scores: NDArray[np.float64], above: dict[str, NDArray[np.float64]], n: int
) -> list[Suggestion]:
    """At most `n`, by falling score, of equal ones by gene id; what is related to one that was taken is left out."""
    taken, relatives, chosen = _Taken(), Counter[str](), list[int]()
    for at in sorted(range(len(candidates)), key=lambda at: (-scores[at], candidates[at].gene_id)):
        candidate = candidates[at]
        if (relative := taken.relative(candidate)) is not None:
            relatives[relative] += 1
        elif len(chosen) < n:
            chosen.append(at)
            taken.add(candidate)
    return [
        Suggestion(
            candidates[at], float(scores[at]), {name: float(shares[at]) for name, shares in above.items()},
            relatives[candidates[at].gene_id],
        )
        for at in chosen
    ]  # fmt: skip


class _Taken:
    """Genes that were taken, by what relatives have in common with them."""

    def __init__(self) -> None:
        self._by_name: dict[tuple[str, str], str] = {}
        self._by_print: dict[int, list[Candidate]] = {}

    def add(self, candidate: Candidate) -> None:
        """Take one."""
        self._by_name |= dict.fromkeys(_names(candidate), candidate.gene_id)
        for value in candidate.prints.tolist():
            self._by_print.setdefault(value, []).append(candidate)

    def relative(self, candidate: Candidate) -> str | None:
        """Id of one that is of its family, the same gene under another name, or holds the same rows; None for none."""
        named = next((self._by_name[name] for name in _names(candidate) if name in self._by_name), None)
        return named if named is not None else self._copy(candidate)

    def _copy(self, candidate: Candidate) -> str | None:
        holders = {
            other.gene_id: other for value in candidate.prints.tolist() for other in self._by_print.get(value, [])
        }
        shared = Counter(
            other.gene_id for value in candidate.prints.tolist() for other in self._by_print.get(value, [])
        )
        for gene, count in shared.most_common():
            if count >= max(_LEAST_SHARED, _LEAST_SHARE * min(len(candidate.prints), len(holders[gene].prints))):
                return gene
        return None


def _names(candidate: Candidate) -> tuple[tuple[str, str], tuple[str, str]]:
    return ("family", candidate.family), ("gene", gene_key(candidate.gene_id))


def _why_known(candidate: Candidate, known: TrainedOn, *, overlaps: bool) -> str:
    if gene_key(candidate.gene_id) in known.genes:
        return "were trained on"
    if candidate.family in known.families:
        return "are of families that were trained on"
    return "overlap genes that were trained on" if overlaps else ""


def _placed(candidates: Sequence[Candidate]) -> list[tuple[Locus, int]]:
    places = [(at, *place) for at, candidate in enumerate(candidates) for place in candidate.places]
    schema = {"at": pl.Int64, CHROM: pl.String, STRAND: pl.String, GENOMIC_POSITION: pl.Int64}
    frame = pl.DataFrame(places, schema, orient="row")
    return spans(frame, frame["at"])
