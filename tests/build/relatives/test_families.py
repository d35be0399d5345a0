"""Sketches find copies on either strand, repeats link nothing, files and overlaps win."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from meta_models.build.relatives import families
from meta_models.build.relatives.families import FamilyRule, GeneSketches, group_families, read_families, sketch
from meta_models.errors import InputError

ALL = FamilyRule(scaled=1)
NONE = np.zeros((0, 2), np.int64)


def random_gene(seed: int, length: int = 10_000) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 4, length).astype(np.uint8)


def copy(codes: np.ndarray, substituted: float, seed: int = 9) -> np.ndarray:
    rng = np.random.default_rng(seed)
    hit = rng.random(len(codes)) < substituted
    return np.where(hit, (codes + rng.integers(1, 4, len(codes))) % 4, codes).astype(np.uint8)


def reverse_complement(codes: np.ndarray) -> np.ndarray:
    return np.where(codes == 4, 4, 3 - codes)[::-1].astype(np.uint8)


def links(genes: list[np.ndarray], rule: FamilyRule | None = None) -> list[list[int]]:
    sketches = GeneSketches(rule)
    for codes in genes:
        sketches.add(codes)
    return sketches.links().tolist()


def words(codes: np.ndarray, k: int) -> set[str]:
    """Canonical words, one at a time."""
    text = "".join("ACGTN"[c] for c in codes)
    turned = str.maketrans("ACGT", "TGCA")
    found = {text[i : i + k] for i in range(len(text) - k + 1)}
    return {min(word, word.translate(turned)[::-1]) for word in found if "N" not in word}


@pytest.mark.parametrize("k", [1, 3, 5, 7, 15, 21, 31])
def test_a_sketch_holds_every_word_once(k: int) -> None:
    codes = random_gene(0, 500)
    codes[[100, 220, 221]] = 4
    assert len(sketch(codes, FamilyRule(k=k, scaled=1))) == len(words(codes, k))


def test_a_sketch_is_the_same_on_both_strands_and_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    codes = random_gene(1)
    found = sketch(codes, FamilyRule())
    assert found.tolist() == sketch(reverse_complement(codes), FamilyRule()).tolist()
    monkeypatch.setattr(families, "_WORDS_AT_A_TIME", 977)
    assert found.tolist() == sketch(codes, FamilyRule()).tolist()


def test_a_sketch_holds_one_word_in_so_many() -> None:
    codes = random_gene(2, 200_000)
    assert len(sketch(codes, FamilyRule())) == pytest.approx(200_000 / 16, rel=0.05)
    assert len(sketch(codes[:14], FamilyRule())) == 0


@pytest.mark.parametrize("substituted", [0.0, 0.01, 0.05, 0.1])
def test_copies_are_linked_on_either_strand(substituted: float) -> None:
    genes = [random_gene(seed) for seed in range(6)]
    genes.append(reverse_complement(copy(genes[2], substituted)))
    assert links(genes) == [[2, 6]]


def test_links_follow_the_rule_exactly() -> None:
    """Pairs and containments from sets of words."""
    base = random_gene(3, 2000)
    genes = [base, base[1000:1300], np.concatenate([random_gene(4, 900), base[:100]]), random_gene(5, 400), base[:17]]
    sets = [words(codes, 15) for codes in genes]
    expected = [
        [i, j]
        for i in range(5)
        for j in range(i + 1, 5)
        if len(sets[i] & sets[j]) >= max(3, 0.1 * min(len(sets[i]), len(sets[j])))
    ]
    assert links(genes, ALL) == expected
    assert [0, 1] in expected
    assert [0, 3] not in expected


def test_repeats_of_many_genes_link_nothing() -> None:
    repeat = random_gene(6, 300)
    genes = [np.concatenate([random_gene(seed, 300), repeat]) for seed in range(10, 16)]
    assert len(links(genes)) == 15
    assert links(genes, FamilyRule(repeats=5)) == []


def test_genes_are_matched_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    genes = [random_gene(seed % 4, 1000) for seed in range(12)]
    whole = links(genes)
    monkeypatch.setattr(families, "_GENES_AT_A_TIME", 5)
    assert links(genes) == whole
    assert len(whole) == 12


def test_no_gene_and_genes_without_words() -> None:
    assert links([]) == []
    assert links([np.full(50, 4, np.uint8), np.zeros(0, np.uint8)]) == []


def test_families_are_named_by_their_first_gene() -> None:
    pairs = np.array([[3, 1], [1, 4]])
    assert group_families(["e", "d", "c", "b", "a"], pairs, NONE) == ["e", "a", "c", "a", "a"]


def test_overlaps_join_and_the_file_wins_over_links() -> None:
    genes, pairs = ["a", "b", "c", "d", "e"], np.array([[0, 1], [2, 3], [1, 2]])
    given = {"a": "F1", "b": "F2"}
    assert group_families(genes, pairs, NONE, given) == ["F1", "F2", "c", "c", "e"]
    assert group_families(genes, pairs, np.array([[1, 4]]), given) == ["F1", "F2", "c", "c", "F2"]
    assert group_families(genes, pairs, np.array([[0, 1]]), given) == ["F1", "F1", "c", "c", "e"]
    assert group_families(genes, NONE, NONE, {"a": "F", "e": "F"}) == ["F", "b", "c", "d", "F"]
    assert group_families([], NONE, NONE) == []


def test_a_file_of_families_is_read(tmp_path: Path) -> None:
    text = "# made elsewhere\ng1\tF1\n\ng2\tF 2\r\ng1\tF1\n"
    (tmp_path / "f.tsv").write_text(text, newline="")
    (tmp_path / "f.tsv.gz").write_bytes(gzip.compress(text.encode()))
    (tmp_path / "packed").write_bytes(gzip.compress(text.encode()))
    for name in ("f.tsv", "f.tsv.gz", "packed"):
        assert read_families(tmp_path / name) == {"g1": "F1", "g2": "F 2"}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"g1 F1\n", "line 1: expected a gene id and its family.*'g1 F1'"),
        (b"g1\tF1\ng2\tF1\t1\n", "line 2"),
        (b"g1\t\n", "line 1"),
        (b"g1\tF1\ng1\tF2\n", r"line 2: expected g1 in one family \(it is in F1 before\)"),
        (b"# nothing\n", "Found no line"),
        (b"g1\t\xff\n", "line 1: expected UTF-8 text"),
        (b"ENSG00000000001.1\tF1\nENSG00000000001.2\tF2\n", r"line 2.*\(ENSG00000000001.1 is in F1 before\)"),
        ("g1\tF1\n".encode("utf-16"), "must be text in UTF-8. Found UTF-16"),
    ],
)
def test_bad_files_are_refused(tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / "f.tsv").write_bytes(data)
    with pytest.raises(InputError, match=message):
        read_families(tmp_path / "f.tsv")


def test_an_absent_or_cut_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="It does not exist"):
        read_families(tmp_path / "f.tsv")
    (tmp_path / "f.tsv.gz").write_bytes(gzip.compress(b"g1\tF1\n" * 1000)[:30])
    with pytest.raises(InputError, match="must be readable to its end"):
        read_families(tmp_path / "f.tsv.gz")


@pytest.mark.parametrize("rule", [{"k": 14}, {"k": 33}, {"scaled": 3}])
def test_rules_without_meaning_are_refused(rule: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="found"):
        FamilyRule(**rule)  # type: ignore[arg-type]
