"""What a reader must know of the weights behind a figure: in numbers for its section, in plain words where it leads."""

from __future__ import annotations

from collections.abc import Mapping

from meta_models.metrics import HeavyRows

_SEPARATOR = "; "
#: What the clauses begin with, or hold, that are said in plain words.
_COARSE, _FEW = "weights are large for so few sites", "a few heavy rows decide"
_UNTOLD = "what the sampling of the negatives adds to the uncertainty cannot be told"
_PLAIN = "few of the rows that were drawn stand for very many positions, so this figure may be too high"


def weight_notes(effects: Mapping[str, Mapping[str, HeavyRows]]) -> list[str]:
    """Clauses on the weights behind the figures of both scorers, which `in_short` knows.

    Parameters
    ----------
    effects : mapping of scorer to mapping of class to HeavyRows
    """
    found = {f"{who} {name}": heavy for who, classes in effects.items() for name, heavy in classes.items()}
    notes = [f"{name}: {heavy.text}" for name, heavy in found.items() if heavy.few]
    coarse = {name: heavy.single_row for name, heavy in found.items() if heavy.coarse}
    if coarse:
        notes.append(
            f"{_COARSE} ({', '.join(coarse)}): one more sampled negative at the median site would take up to "
            f"{max(coarse.values()):.3f} from the average precision, so its true value may be lower"
        )
    return notes


def untold(who: str, reason: str) -> str:
    """Clause on the figure of a scorer whose error by the sampling of negatives is not known."""
    return f"{who}-model: {_UNTOLD}, {reason}"


def in_short(note: str) -> str:
    """`note`, clauses joined by ``"; "``, with those on weights as one in plain words."""
    of_weights = (_COARSE, _FEW, _UNTOLD)
    clauses = (_PLAIN if any(map(clause.__contains__, of_weights)) else clause for clause in note.split(_SEPARATOR))
    return _SEPARATOR.join(dict.fromkeys(clauses))
