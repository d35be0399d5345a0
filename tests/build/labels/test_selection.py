from __future__ import annotations

from collections import Counter

import pytest
from gene_models import gene, transcript

from meta_models.build.labels.selection import GeneRules, chosen_genes, require_types, select_genes
from meta_models.errors import InputError


def test_types_read_through_and_par_copies() -> None:
    counts: Counter[str] = Counter()
    through = transcript("r", (1, 5), (9, 12), tags=["readthrough_transcript"])
    genes = [
        gene("a", transcript("t", (1, 5), (9, 12)), through),
        gene("b", through),
        gene("c", transcript("u", (1, 5)), tags=["readthrough_gene"]),
        gene("d", transcript("v", (1, 5)), kind="lncRNA"),
        gene("e.1_PAR_Y", transcript("w", (1, 5))),
    ]
    selected = select_genes(genes, GeneRules(), counts)
    told = {s.model.gene_id: ([t.transcript_id for t in s.used], [t.transcript_id for t in s.others]) for s in selected}
    assert told == {"a": (["t"], ["r"]), "b": ([], ["r"]), "c": ([], ["u"]), "d": ([], ["v"])}
    assert counts == {
        "genes dropped: second copy of a pseudoautosomal region (_PAR_Y)": 1,
        "genes left out: other gene type": 1,
        "genes left out: read-through": 2,
        "transcripts left out: read-through": 3,
    }
    assert select_genes(genes[3:4], GeneRules(("all",)), counts)[0].built


@pytest.mark.parametrize(
    ("transcripts", "best"),
    [
        ([transcript("a", (1, 90), cds=90), transcript("b", (1, 5), tags=["MANE_Select"])], "b"),
        ([transcript("a", (1, 90), cds=90), transcript("b", (1, 5), tags=["Ensembl_canonical"])], "b"),
        ([transcript("a", (1, 9), tags=["appris_principal_2"]), transcript("b", (1, 5), tags=["appris_principal_1"])],
         "b"),
        ([transcript("a", (1, 90)), transcript("b", (1, 5), cds=3)], "b"),
        ([transcript("a", (1, 3), (80, 90)), transcript("b", (1, 50))], "b"),
        ([transcript("b", (1, 50)), transcript("a", (1, 50))], "a"),
    ],
)  # fmt: skip
def test_the_canonical_transcript(transcripts: list, best: str) -> None:
    (selected,) = select_genes([gene("g", *transcripts)], GeneRules(transcripts="canonical"), Counter())
    assert [t.transcript_id for t in selected.used] == [best]
    assert len(selected.others) == 1


def test_genes_by_id_name_and_contig() -> None:
    genes = [gene("a", transcript("t", (1, 5))), gene("b", transcript("t", (1, 5)), chrom="chr2")]
    assert [g.gene_id for g in chosen_genes(genes, ["b"], None)] == ["b"]
    assert [g.gene_id for g in chosen_genes(genes, None, ["chr1"])] == ["a"]
    assert chosen_genes(genes, ["b"], ["chr1"]) == ()
    with pytest.raises(InputError, match=r"--genes must name genes.*1 others: x; known are a, b\. Check"):
        chosen_genes(genes, ["x", "a"], None)
    with pytest.raises(InputError, match="--chroms must name"):
        chosen_genes(genes, None, ["1"])


def test_an_annotation_without_the_type_names_those_it_has() -> None:
    selected = select_genes([gene("a", transcript("t", (1, 5)), kind="unknown")], GeneRules(), Counter())
    with pytest.raises(InputError, match=r"type protein_coding.*unknown \(1\).*--gene-types all"):
        require_types(selected, GeneRules())


def test_a_type_that_no_gene_has_is_told_beside_one_that_there_is(caplog: pytest.LogCaptureFixture) -> None:
    selected = select_genes([gene("a", transcript("t", (1, 5)), kind="lncRNA")], GeneRules(("lncRNA",)), Counter())
    require_types(selected, GeneRules(("lncRNA", "all")))
    assert not caplog.text
    require_types(selected, GeneRules(("lncRNA", "lincRNA")))
    assert "has the type lincRNA; found lncRNA (1)" in caplog.text
