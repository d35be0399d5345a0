"""Genes cut into crops, and crops packed into batches."""

from __future__ import annotations

import numpy as np

from meta_models.learners.neural.inputs.crops import chosen_crops, cut, packed, shuffled_batches


def test_grid_by_hand():
    crops = cut(np.array([25, 10]), size=10, margin=4, flank=3)
    assert crops.gene.tolist() == [0, 0, 0, 1]
    assert crops.start.tolist() == [0, 10, 20, 0]
    assert crops.stop.tolist() == [10, 20, 25, 10]
    assert crops.low.tolist() == [0, 9, 19, 0]  # in arrays that begin 3 before the gene
    assert crops.high.tolist() == [17, 27, 31, 16]
    assert crops.spans.tolist() == [17, 18, 12, 16]


def test_every_position_is_in_one_crop():
    lengths = np.array([1, 16, 17, 1000])
    crops = cut(lengths, size=16, margin=100, flank=0)
    for gene, length in enumerate(lengths):
        mine = crops.gene == gene
        covered = np.concatenate([np.arange(*span) for span in zip(crops.start[mine], crops.stop[mine], strict=True)])
        np.testing.assert_array_equal(covered, np.arange(length))


def test_crops_without_sites_count_as_many_as_they_stand_for():
    sites = np.zeros(4000, np.bool_)
    sites[:100] = True
    crops = cut(np.full(4000, 10), 10, 0, 0, sites)
    among = np.arange(4000) % 2 == 0
    numbers, counts = chosen_crops(crops.sites, among, 0.25, np.random.default_rng(0))
    assert among[numbers].all()
    assert set(np.flatnonzero(sites & among)) <= set(numbers.tolist())
    assert set(counts[sites[numbers]]) == {1.0}
    assert set(counts[~sites[numbers]]) == {4.0}
    # 1,950 crops without a site: their counts sum to 1,950 with a standard deviation of sqrt(1950 * 3) = 76
    assert abs(counts[~sites[numbers]].sum() - 1950) < 4 * 76


def test_packing_by_hand():
    assert [batch.tolist() for batch in packed(np.array([4, 4, 5, 3, 20, 1]), room=12)] == [[0, 1], [2, 3], [4], [5]]
    assert packed(np.array([], np.int64), 10) == []


def test_shuffled_batches_have_each_crop_once_and_fit():
    spans = np.random.default_rng(1).integers(10, 100, 3000)
    batches = shuffled_batches(spans, 500, np.random.default_rng(2))
    np.testing.assert_array_equal(np.sort(np.concatenate(batches)), np.arange(3000))
    assert all(spans[batch].max() * len(batch) <= 500 for batch in batches)
    again = shuffled_batches(spans, 500, np.random.default_rng(2))
    assert all(np.array_equal(one, two) for one, two in zip(batches, again, strict=True))
    padding = sum(int(spans[batch].max()) * len(batch) for batch in batches) / spans.sum()
    assert padding < 1.1  # unsorted it is about 1.5
