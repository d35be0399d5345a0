"""How numbers of things are told in messages."""

from __future__ import annotations


def counted(number: int, noun: str, plural: str = "") -> str:
    """``1 file``, ``2,000 files``.

    Parameters
    ----------
    plural : str
        Of nouns that take more than an ``s``.
    """
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"
