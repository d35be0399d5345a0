from __future__ import annotations

import numpy as np
import pytest
from simulated_scores import class_table

from meta_models.metrics import best_by_fold, best_scorer, mean_site_ap


def test_the_choice_never_sees_its_own_fold() -> None:
    labels, good, _ = class_table(0, n=600, strength=3)
    poor = class_table(1, n=600, strength=0)[1]
    fold = np.arange(600) % 3
    trap = poor.copy()
    trap[fold == 0] = np.eye(3)[labels[fold == 0]]
    scores = {"trap": trap, "good": good}
    assert mean_site_ap(labels[fold == 0], trap[fold == 0]) == 1.0
    assert best_by_fold(labels, scores, fold) == dict.fromkeys(range(3), "good")


def test_where_folds_disagree_one_scorer_stands_for_all_of_them() -> None:
    labels, one, _ = class_table(0, n=900, strength=1)
    other = one.copy()
    fold = np.arange(900) % 3
    one[fold == 0], other[fold == 1] = np.eye(3)[labels[fold == 0]], np.eye(3)[labels[fold == 1]]
    scores = {"one": one, "other": 0.01 * other}
    alone = {
        held_out: best_scorer(labels[fold != held_out], {k: s[fold != held_out] for k, s in scores.items()})
        for held_out in range(3)
    }
    assert set(alone.values()) == {"one", "other"}
    assert best_by_fold(labels, scores, fold) == dict.fromkeys(range(3), best_scorer(labels, scores))


def test_weights_decide() -> None:
    labels, p, _ = class_table(2, n=400, strength=2)
    heavy = (labels == 0) & (np.arange(400) % 10 == 0)
    wrong_on_heavy, wrong_on_light = p.copy(), p.copy()
    wrong_on_heavy[heavy] = [0.0, 1.0, 1.0]
    wrong_on_light[(labels == 0) & (np.arange(400) % 5 == 1)] = [0.0, 1.0, 1.0]
    scores = {"a": wrong_on_heavy, "b": wrong_on_light}
    assert best_scorer(labels, scores) == "a"
    assert best_scorer(labels, scores, np.where(heavy, 50.0, 1.0)) == "b"


def test_the_first_wins_where_nothing_can_be_told() -> None:
    labels, p, _ = class_table(3)
    assert best_scorer(labels, {"x": p, "y": p}) == "x"
    none = np.zeros(len(labels), int)
    assert best_scorer(none, {"x": p, "y": p}) == "x"
    assert mean_site_ap(none, p) is None


def test_mean_site_ap_is_the_mean_of_donor_and_acceptor() -> None:
    labels = np.array([1, 0, 2, 0])
    p = np.array([[0.0, 0.9, 0.1], [0.1, 0.5, 0.4], [0.5, 0.2, 0.3], [1.0, 0.0, 0.0]])
    assert mean_site_ap(labels, p) == pytest.approx((1.0 + 0.5) / 2)
