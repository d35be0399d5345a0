"""One of a thing is told in the singular."""

from __future__ import annotations

import pytest

from meta_models.wording import counted


@pytest.mark.parametrize(
    ("number", "noun", "plural", "expected"),
    [
        (0, "file", "", "0 files"), (1, "file", "", "1 file"), (1234, "row", "", "1,234 rows"),
        (1, "gene family", "gene families", "1 gene family"), (2, "gene family", "gene families", "2 gene families"),
    ],
)  # fmt: skip
def test_counted(number: int, noun: str, plural: str, expected: str) -> None:
    assert counted(number, noun, plural) == expected
