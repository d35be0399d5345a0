from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from gene_models import Letters, gene, transcript
from hypothesis import given, settings
from hypothesis import strategies as st

from meta_models.build.annotation import GeneModel, Transcript
from meta_models.build.labels.introns import WINDOW, bases_at
from meta_models.build.labels.selection import SelectedGene
from meta_models.build.labels.sites import Labeller, LabelRules, require_consensus
from meta_models.errors import InputError
from meta_models.schema import MASKED

D, A, M = 1, 2, MASKED
PLAIN = Letters("GTAG" * 30)


def labeller(*genes: GeneModel | SelectedGene, bases: Letters = PLAIN, **rules: object) -> Labeller:
    selected = [g if isinstance(g, SelectedGene) else SelectedGene(g, g.transcripts, ()) for g in genes]
    return Labeller(selected, LabelRules(**{"min_intron": 3, **rules}), bases)  # type: ignore[arg-type]


def sites(labels: np.ndarray) -> dict[int, int]:
    return {int(k): int(labels[k]) for k in np.flatnonzero(labels)}


def test_donor_is_the_last_and_acceptor_the_first_base_of_an_exon() -> None:
    for strand, expected in (("+", {4: D, 9: A}), ("-", {2: D, 7: A})):
        built = gene("g", transcript("t", (11, 15), (20, 22)), strand=strand)
        assert sites(labeller(built)(built).labels) == expected


def test_labels_stand_where_the_genome_says_gt_and_ag() -> None:
    """Ends of the intron in the sequence itself, on both strands: no convention is believed."""
    #       1234567890123456789
    text = "AAACCGTCCCCAGTTTAAA"  # exon 1-5, intron GTCCCCAG = 6-13, exon 14-19
    turned = text[::-1].translate(str.maketrans("ACGT", "TGCA"))
    for strand, letters, exons in (("+", text, [(1, 5), (14, 19)]), ("-", turned, [(1, 6), (15, 19)])):
        built = gene("g", transcript("t", *exons), strand=strand)
        found = labeller(built, bases=Letters(letters))
        (donor,), (acceptor,) = (np.flatnonzero(found(built).labels == kind) for kind in (D, A))
        assert (text[donor + 1 : donor + 3], text[acceptor - 2 : acceptor]) == ("GT", "AG")
        assert found.motifs == {"GT-AG": 1}


def test_short_gaps_are_no_introns() -> None:
    built = gene("g", transcript("t", (1, 5), (25, 30), (50, 60)), transcript("u", (1, 5), (25, 30)))
    found = labeller(built, min_intron=20)
    assert sites(found(built).labels) == {}
    assert found.counts["gaps shorter than 20 bases, no introns"] == 2
    assert sites(labeller(built, min_intron=19)(built).labels) == {4: D, 24: A, 29: D, 49: A}


def test_adjacent_exons_make_no_site() -> None:
    built = gene("g", transcript("t", (1, 5), (6, 10)))
    assert sites(labeller(built, min_intron=1)(built).labels) == {}


def test_sites_of_unused_transcripts_are_masked_or_neither() -> None:
    used, other = transcript("t", (1, 5), (11, 15)), transcript("u", (1, 5), (13, 15))
    built = gene("g", used, other)
    selected = SelectedGene(built, (used,), (other,))
    found = labeller(selected)
    assert sites(found(built).labels) == {4: D, 10: A, 12: M}
    assert found.counts["sites of transcripts not used: mask"] == 1
    assert sites(labeller(selected, other_sites="neither")(built).labels) == {4: D, 10: A}


def test_sites_of_genes_left_out_are_masked_in_those_built() -> None:
    built = gene("g", transcript("t", (1, 5), (21, 30)))
    left_out = gene("h", transcript("u", (2, 8), (14, 28)), kind="lncRNA")
    found = labeller(built, SelectedGene(left_out, (), left_out.transcripts))
    assert [g.gene_id for g in found.genes] == ["g"]
    assert sites(found(built).labels) == {4: D, 20: A, 7: M, 13: M}


@pytest.mark.parametrize(
    ("rule", "expected"),
    [("keep", {4: D, 10: A, 14: D, 20: A}), ("mask", {4: D, 10: A, 14: M, 20: M}), ("drop-gene", None)],
)
def test_noncanonical_introns(rule: str, expected: dict[int, int] | None) -> None:
    #                123456789012345678901234567890
    bases = Letters("AAAAAGTAAGAAAAACTAAGAAAAA" + "A" * 30)  # introns 6-10 GT-AG and 16-20 CT-AG
    built = gene("g", transcript("t", (1, 5), (11, 15), (21, 25)))
    beside = gene("h", transcript("u", (1, 5), (11, 15)))
    found = labeller(built, beside, bases=bases, noncanonical=rule)
    assert found.motifs == {"GT-AG": 1, "CT-AG": 1}
    assert found.counts["non-canonical introns"] == 1
    if expected is None:
        assert [g.gene_id for g in found.genes] == ["h"]
        assert sites(found(beside).labels) == {4: D, 10: A, 14: M}
    else:
        assert sites(found(built).labels) == expected


def test_a_base_that_is_both_is_masked() -> None:
    built = gene("g", transcript("t", (1, 5), (10, 10), (15, 20)))
    found = labeller(built)
    assert sites(found(built).labels) == {4: D, 9: M, 14: A}
    assert found.counts["bases both donor and acceptor, masked"] == 1


def test_overlapping_genes_share_sites_and_each_base_counts_once() -> None:
    first = gene("a", transcript("t", (1, 5), (11, 20)))
    second = gene("b", transcript("u", (8, 13), (18, 30)))
    antisense = gene("c", transcript("v", (1, 5), (11, 20)), strand="-")
    found = labeller(second, antisense, first)
    assert [g.gene_id for g in found.genes] == ["a", "c", "b"]
    one, two = found(first), found(second)
    assert sites(one.labels) == {4: D, 10: A, 12: D, 17: A}
    assert sites(two.labels) == {3: A, 5: D, 10: A}
    assert np.flatnonzero(one.elsewhere).tolist() == [12, 17]
    assert np.flatnonzero(~two.elsewhere).tolist() == [5, 10, *range(13, 23)]
    assert not found(antisense).elsewhere.any()
    assert found.counts["genes that overlap an earlier one on their strand"] == 1


EXONS = st.lists(st.integers(1, 60), min_size=2, max_size=8, unique=True).map(
    lambda cuts: [(a, b) for a, b in zip(sorted(cuts)[::2], sorted(cuts)[1::2], strict=False)]
)
GENES = st.lists(st.lists(EXONS, min_size=1, max_size=3), min_size=1, max_size=4)


@settings(deadline=None)
@given(GENES, st.sampled_from("+-"), st.integers(1, 6))
def test_labels_are_those_of_the_definition(exons: list[list[list[tuple[int, int]]]], strand: str, least: int) -> None:
    genes = [
        gene(f"g{k}", *(transcript(f"t{j}", *e) for j, e in enumerate(found)), strand=strand)
        for k, found in enumerate(exons)
    ]
    labels = labeller(*genes, min_intron=least)
    counted: Counter[int] = Counter()
    for built in labels.genes:
        found = labels(built)
        places = range(built.start, built.end + 1)
        places = places if strand == "+" else places[::-1]
        makers = {p: [] for p in places}
        for place, label in zip(places, found.labels.tolist(), strict=True):
            kinds = {kind for g in genes for t in g.transcripts for kind in kinds_at(t, place, strand, least)}
            assert label == {0: 0, 1: min(kinds, default=0), 2: MASKED}[len(kinds)]
            makers[place] = [
                g.gene_id for g in labels.genes if any(kinds_at(t, place, strand, least) for t in g.transcripts)
            ]
        own = [p for p, away in zip(places, found.elsewhere.tolist(), strict=True) if not away]
        assert all(built.gene_id == makers[p][0] for p in own if makers[p] and MASKED not in found.labels)
        counted.update(own)
    assert set(counted) == {p for g in genes for p in range(g.start, g.end + 1)}
    assert set(counted.values()) == {1}


def kinds_at(built: Transcript, place: int, strand: str, least: int) -> set[int]:
    exons = built.exons.tolist()
    long = [(a[1], b[0]) for a, b in pairwise(exons) if b[0] - a[1] - 1 >= least]
    kinds = {D if strand == "+" else A} if place in [low for low, _ in long] else set()
    return kinds | ({A if strand == "+" else D} if place in [high for _, high in long] else set())


def test_single_bases_in_any_order_and_window() -> None:
    letters = "ACGTN" * 9
    places = np.array([44, 0, 3, 3, 12])
    assert "".join("ACGTN"[code] for code in bases_at(Letters(letters), "c", places)) == "NATTG"
    far = bases_at(Letters("A" * (WINDOW + 5) + "C"), "c", np.array([WINDOW + 5, 1, WINDOW + 4]))
    assert far.tolist() == [1, 0, 0]


def test_introns_that_are_none_are_refused_with_their_ends() -> None:
    require_consensus({"GT-AG": 90, "GC-AG": 5, "AT-AC": 5})
    with pytest.raises(InputError, match=r"28.0% of 100 are; most common: CT-AC 0.72, GT-AG 0.28.*strands"):
        require_consensus({"GT-AG": 28, "CT-AC": 72})
