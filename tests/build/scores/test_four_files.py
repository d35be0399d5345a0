"""The four files of a track, by their names."""

from __future__ import annotations

from pathlib import Path

import pytest

from meta_models.build.scores.four_files import BIGWIG_SUFFIXES, find_four, role_name
from meta_models.errors import InputError


@pytest.mark.parametrize(
    "pattern", ["spliceAi{Kind}{Strand}.bw", "{kind}_{strand}.bw", "{KIND}.{STRAND}.BigWig", "x_{strand}_{kind}.bw"]
)
@pytest.mark.parametrize("words", [("plus", "minus"), ("forward", "reverse"), ("fwd", "rev"), ("pos", "neg")])
def test_names_of_all_kinds(tmp_path: Path, pattern: str, words: tuple[str, str]) -> None:
    expected = {}
    for score, kind in enumerate(("donor", "acceptor")):
        for strand, word in zip("+-", words, strict=True):
            name = pattern.format(
                kind=kind, Kind=kind.title(), KIND=kind.upper(), strand=word, Strand=word.title(), STRAND=word.upper()
            )
            (tmp_path / name).touch()
            expected[score, strand] = tmp_path / name
    (tmp_path / "phylop.bw").touch()
    assert find_four(tmp_path, BIGWIG_SUFFIXES) == expected


def test_a_prefix_chooses(tmp_path: Path) -> None:
    for prefix in ("a_", "b_"):
        for kind in ("donor", "acceptor"):
            for strand in ("plus", "minus"):
                (tmp_path / f"{prefix}{kind}_{strand}.bw").touch()
    found = find_four(tmp_path / "b_", BIGWIG_SUFFIXES)
    assert {role_name(role): path.name for role, path in found.items()} == {
        "donor_plus": "b_donor_plus.bw", "donor_minus": "b_donor_minus.bw", "acceptor_plus": "b_acceptor_plus.bw",
        "acceptor_minus": "b_acceptor_minus.bw",
    }  # fmt: skip
    with pytest.raises(InputError, match=r"donor_plus: a_donor_plus\.bw, b_donor_plus\.bw"):
        find_four(tmp_path, BIGWIG_SUFFIXES)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    for name in ("donor_plus", "donor_minus", "acceptor_plus"):
        (tmp_path / f"{name}.bw").touch()
    with pytest.raises(InputError, match="acceptor_minus: none"):
        find_four(tmp_path, BIGWIG_SUFFIXES)
