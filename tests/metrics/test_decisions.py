from __future__ import annotations

import numpy as np
import pytest
from simulated_scores import class_table
from sklearn import metrics as sk

from meta_models.metrics import accuracy, class_f1, confusion, decided, macro_f1
from meta_models.schema import SpliceClass


@pytest.mark.parametrize("weighted", [False, True])
def test_equals_scikit_learn(*, weighted: bool) -> None:
    labels, p, w = class_table(0)
    weight, predicted = (w if weighted else None), decided(p)
    assert np.allclose(
        confusion(labels, predicted, weight), sk.confusion_matrix(labels, predicted, sample_weight=weight)
    )
    assert accuracy(labels, predicted, weight).value == pytest.approx(
        sk.accuracy_score(labels, predicted, sample_weight=weight)
    )
    f1 = sk.f1_score(labels, predicted, average=None, sample_weight=weight)
    found = [class_f1(labels, predicted, target, weight).value for target in SpliceClass]
    assert found == pytest.approx(list(f1))
    assert macro_f1(labels, predicted, weight).value == pytest.approx(f1.mean())


def test_a_class_never_called_has_f1_zero_but_a_class_absent_has_none() -> None:
    assert class_f1([0, 1, 2], [0, 0, 2], SpliceClass.DONOR).value == 0.0
    assert class_f1([0, 2], [1, 2], SpliceClass.DONOR).reason == "no donor rows"
    assert macro_f1([0, 2], [1, 2]).reason == "no donor rows"
    assert accuracy([], []).reason == "no rows with a weight above 0"


def test_ties_go_to_the_first_class() -> None:
    assert decided([[0.4, 0.4, 0.2], [0.2, 0.4, 0.4]]).tolist() == [0, 1]
