"""What comes after training needs of memory: declared by analyses, added up where a run is planned."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class AnalysisNeeds:
    """Made from what the analyses of a run declare; by itself, of none.

    Attributes
    ----------
    bytes : int
        At most, beside what the process itself takes.
    trains_again : bool
        Whether one of them trains again: what training takes then comes on top.
    """

    bytes: int = 0
    trains_again: bool = False


NO_ANALYSES = AnalysisNeeds()
