import numpy as np
import pytest

from meta_models.dataset.genes.genome import Genome, Stretches
from meta_models.inference.checks.overlap import TrainedOn
from meta_models.inference.suggestion.candidates import Candidate
from meta_models.inference.suggestion.choice import choose, scores_of, unknown_ones


def gene(name, value, family=None, prints=(), places=((None, None, None),)):
    totals = {"uncertainty": value, "distance": -value}
    return Candidate(name, family or name, list(places), 1.0, totals, np.array(prints, np.uint64))


def chosen(genes, n=10):
    return [suggestion.candidate.gene_id for suggestion in choose(genes, *scores_of(genes, "uncertainty"), n)]


def test_the_most_uncertain_come_first_and_equal_ones_by_name():
    assert chosen([gene("b", 1.0), gene("a", 1.0), gene("c", 2.0)]) == ["c", "a", "b"]


def test_one_gene_of_a_family_is_taken_and_says_how_many_it_stands_for():
    genes = [gene("a", 3.0, "f"), gene("b", 2.0, "f"), gene("c", 1.0), gene("d", 0.5, "f")]
    found = choose(genes, *scores_of(genes, "uncertainty"), 10)
    assert [(s.candidate.gene_id, s.relatives) for s in found] == [("a", 2), ("c", 0)]
    assert found[0].reasons.endswith("stands for 2 relatives")


def test_relatives_beyond_the_last_place_are_counted_too():
    genes = [gene("a", 3.0, "f"), gene("b", 2.0), gene("c", 1.0, "f")]
    found = choose(genes, *scores_of(genes, "uncertainty"), 1)
    assert [(s.candidate.gene_id, s.relatives) for s in found] == [("a", 1)]


def test_versions_of_one_id_are_one_gene():
    assert chosen([gene("ENSG00000000001.4", 2.0), gene("ENSG00000000001.5", 1.0)]) == ["ENSG00000000001.4"]


@pytest.mark.parametrize(("shared", "taken"), [(10, ["a"]), (5, ["a"]), (4, ["a", "b"])])
def test_genes_with_half_of_the_rows_of_another_are_copies(shared, taken):
    one, other = gene("a", 2.0, prints=range(10)), gene("b", 1.0, prints=range(10 - shared, 20 - shared))
    assert chosen([one, other]) == taken


def test_few_rows_in_common_say_nothing():
    assert chosen([gene("a", 2.0, prints=range(4)), gene("b", 1.0, prints=range(4))]) == ["a", "b"]


def test_all_is_the_mean_rank_of_the_measures():
    genes = [gene("a", 1.0), gene("b", 2.0), gene("c", 3.0)]
    scores, above = scores_of(genes, "all")
    np.testing.assert_allclose(scores, [0.5, 0.5, 0.5])
    np.testing.assert_allclose(above["uncertainty"], [0.0, 0.5, 1.0])


def test_what_the_model_knows_is_left_out_and_counted():
    known = TrainedOn(frozenset({"a"}), frozenset({"f"}), (Stretches(Genome("one"), ("1:+:100-200",)),))
    here, there = ("chr1", "+", 150), ("chr1", "+", 400)
    genes = [
        gene("a", 1.0), gene("b", 1.0, "f"), gene("c", 1.0, places=[here, there]), gene("d", 1.0, places=[there]),
    ]  # fmt: skip
    new, words = unknown_ones(genes, known, Genome("one"))
    assert new == [False, False, False, True]
    assert words == ("1 are of families that were trained on; 1 overlap genes that were trained on; 1 were trained on")
    assert unknown_ones(genes, known, Genome("another"))[0] == [False, False, True, True]


def test_reasons_name_the_measures_that_stand_out():
    genes = [gene(name, value) for name, value in zip("abcde", range(5), strict=True)]
    found = {s.candidate.gene_id: s.reasons for s in choose(genes, *scores_of(genes, "uncertainty"), 5)}
    assert found["e"] == "uncertainty above 100 % of the others"
    assert found["a"] == "distance above 100 % of the others"
    assert found["c"] == "uncertainty above 50 % of the others"
