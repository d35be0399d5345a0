from __future__ import annotations

import numpy as np
import pytest

from meta_models.errors import InputError
from meta_models.metrics import effective_sample_size, prevalence_weights


def test_prevalence_weights_restore_the_true_ratio() -> None:
    labels = np.repeat([0, 1, 2], [90, 5, 5])
    true = {"neither": 0.998, "donor": 0.0012, "acceptor": 0.0008}
    weight = prevalence_weights(labels, true)
    shares = np.bincount(labels, weight) / weight.sum()
    assert shares == pytest.approx([0.998, 0.0012, 0.0008])
    assert weight.min() == 1.0


def test_a_class_absent_from_the_table_is_fine() -> None:
    assert prevalence_weights([0, 0, 1], {"neither": 0.9, "donor": 0.1, "acceptor": 0.0}).tolist() == [4.5, 4.5, 1.0]


@pytest.mark.parametrize(
    ("prevalence", "found"),
    [
        ({"neither": 0.9, "donor": 0.1}, "acceptor"),
        ({"neither": 0.9, "donor": 0.2, "acceptor": 0.1}, "sum to 1"),
        ({"neither": 1.0, "donor": 0.0, "acceptor": 0.0}, "0 for donor"),
        ({"neither": 1.2, "donor": -0.1, "acceptor": -0.1}, "-0.1"),
    ],
)
def test_bad_prevalences_are_refused(prevalence: dict[str, float], found: str) -> None:
    with pytest.raises(InputError, match=found):
        prevalence_weights([0, 1], prevalence)


def test_effective_sample_size() -> None:
    assert effective_sample_size(np.full(7, 3.0)) == pytest.approx(7)
    assert effective_sample_size([1000.0, 1.0, 1.0]) == pytest.approx(1.004, abs=1e-3)
    assert effective_sample_size([5.0, 1.0, 1.0], [False, True, True]) == pytest.approx(2)
    assert effective_sample_size([]) == 0.0
