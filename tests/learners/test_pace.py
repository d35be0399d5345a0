"""About how long fits take: passes over the values of a table."""

from __future__ import annotations

import pytest

from meta_models.learners.pace import Pace
from meta_models.learners.registry import LEARNERS
from meta_models.learners.seam import Shape

SHAPE = Shape(30_000, 150)
#: How much more twice the rows take at least, where a part of it is not of the rows.
LESS = {"catboost": 1.3}


def test_a_pass_takes_its_share_and_that_of_each_value() -> None:
    assert Pace(0.5, 1e-6).seconds(Shape(1000, 20), 3) == pytest.approx(3 * (0.5 + 0.02))


@pytest.mark.parametrize(
    ("name", "less", "more", "times"),
    [
        ("xgboost", {"n_estimators": 50}, {"n_estimators": 100, "trees_per_round": 3}, 6),
        ("lightgbm", {"n_estimators": 50}, {"n_estimators": 100}, 2),
        ("sgd", {"passes": 5}, {"passes": 20}, 4),
        ("svm", {"landmarks": 100}, {"landmarks": 500}, 5),
        ("logistic", {}, {}, 1),
        ("catboost", {"n_estimators": 50}, {"n_estimators": 100}, 2),
        ("random_forest", {"n_trees": 50}, {"n_trees": 200}, 4),
        ("knn", {"max_references": 100}, {"max_references": 1_000}, 10),
    ],
)
def test_seconds_of_a_learner_grow_with_its_passes_and_the_table(
    name: str, less: dict[str, int], more: dict[str, int], times: int
) -> None:
    kind = LEARNERS[name]
    one, other = (kind.cpu_seconds(SHAPE, kind.Config(**options)) for options in (less, more))
    assert one is not None
    assert other == pytest.approx(times * one)
    larger = kind.cpu_seconds(Shape(60_000, 150), kind.Config(**less))
    assert larger is not None
    assert LESS.get(name, 1.5) * one < larger < 2.01 * one


def test_the_exact_kernel_is_of_all_pairs_of_the_rows_that_are_kept() -> None:
    svm = LEARNERS["svm"]
    one, two, more = (
        svm.cpu_seconds(Shape(rows, 150), svm.Config(kernel="exact", max_rows=kept)) or 0.0
        for rows, kept in ((30_000, 2_000), (30_000, 4_000), (60_000, 4_000))
    )
    assert 3 * one < two < 4.01 * one
    assert more == two


def test_a_net_is_expected_to_read_crops_with_sites_and_some_of_the_others() -> None:
    tcn = LEARNERS["tcn"]
    none, few, many = (
        tcn.cpu_seconds(Shape(30_000, 6, sites=sites, positions=10**7, genes=90, inner=10**7), tcn.Config())
        for sites in (0, 1_900, 10**6)
    )
    assert none is not None
    assert few is not None
    assert many == pytest.approx(4 * none)  # siteless_share is a quarter
    assert 1.1 * none < few < 0.5 * many
