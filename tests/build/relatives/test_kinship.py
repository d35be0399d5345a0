from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from gene_models import Letters, gene, transcript

from meta_models.build.relatives.kinship import find_families
from meta_models.errors import InputError

rng = np.random.default_rng(0)
EXON = "".join("ACGT"[k] for k in rng.integers(0, 4, 400))
#: Unlike bases, then one exon twice (once more on the other strand).
TEXT = "".join("ACGT"[k] for k in rng.integers(0, 4, 2000)) + EXON + "N" * 200
TEXT += EXON[::-1].translate(str.maketrans("ACGT", "TGCA")) + "N" * 100
GENES = [
    gene("a", transcript("t", (1, 300))),
    gene("b", transcript("t", (290, 600)), strand="-"),
    gene("c", transcript("t", (1001, 1400))),
    gene("d", transcript("t", (2001, 2400))),
    gene("e", transcript("t", (2601, 3000)), strand="-"),
]


def families(rule: str, genes: list = GENES) -> list[str]:
    found = find_families(genes, Letters(TEXT), rule)  # type: ignore[arg-type]
    return [found.of[g.gene_id] for g in genes]


def test_copies_and_overlaps_are_one_family() -> None:
    assert families("auto") == ["a", "a", "c", "d", "d"]


def test_none_is_none() -> None:
    assert families("none") == ["a", "b", "c", "d", "e"]


def test_a_file_wins_over_sequences_but_not_over_overlaps(tmp_path: Path) -> None:
    file = tmp_path / "families.tsv"
    file.write_text("c\tx\nd\tx\n")
    assert families(str(file)) == ["a", "a", "x", "x", "e"]


def test_a_file_names_genes_whatever_the_version_and_the_prefix(tmp_path: Path) -> None:
    file = tmp_path / "families.tsv"
    genes = [gene(f"ENSG0000000000{n}.7", transcript("t", (n * 500, n * 500 + 300))) for n in (1, 2, 3)]
    file.write_bytes(b"\xef\xbb\xbfENSG00000000001.6\tx\ngene:ENSG00000000002\tx\n")
    found = find_families(genes, Letters(TEXT), str(file))  # type: ignore[arg-type]
    assert list(found.of.values()) == ["x", "x", "ENSG00000000003.7"]
    assert found.unknown == 1


def test_a_file_that_names_no_gene_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "families.tsv"
    file.write_text("other\tx\n")
    with pytest.raises(InputError, match=r"none of the 5 genes \(a, b, .*\) among those of the file \(other"):
        families(str(file))


def test_one_id_on_two_contigs_is_one_family() -> None:
    first, second = gene("s", transcript("t", (1, 200))), gene("s@chr2", transcript("t", (700, 900)))
    object.__setattr__(second, "source_id", "s")
    assert families("auto", [first, second]) == ["s", "s"]


@pytest.mark.parametrize("span", [(1, 14), (3051, 3090)])
def test_genes_without_a_word_are_families_of_their_own(span: tuple[int, int]) -> None:
    assert families("auto", [gene("x", transcript("t", span)), GENES[2]]) == ["x", "c"]
