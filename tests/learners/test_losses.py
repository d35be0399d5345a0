"""Focal loss and its derivatives."""

from __future__ import annotations

import numpy as np
import pytest

from meta_models.learners.losses import focal_gradients, focal_loss, focal_scale

MARGINS = np.linspace(-4, 4, 33)


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("truth", [True, False])
def test_derivatives(gamma: float, truth: bool) -> None:
    of, step = np.full(len(MARGINS), truth), 1e-5
    slope, bend = focal_gradients(MARGINS, of, gamma)
    low, high = (focal_loss(MARGINS + d, of, gamma) for d in (-step, step))
    np.testing.assert_allclose(slope, (high - low) / (2 * step), atol=1e-7)
    slopes = [focal_gradients(MARGINS + d, of, gamma)[0] for d in (-step, step)]
    exact = (slopes[1] - slopes[0]) / (2 * step)
    np.testing.assert_allclose(bend[exact > 1e-3], exact[exact > 1e-3], rtol=1e-5)
    assert (bend > 0).all()


def test_without_gamma_it_is_log_loss() -> None:
    truth = MARGINS > 1
    np.testing.assert_allclose(focal_loss(MARGINS, truth, 0), np.logaddexp(0, np.where(truth, -MARGINS, MARGINS)))
    assert focal_scale(0.01, 1e-9) == pytest.approx(1, abs=1e-6)
    assert focal_scale(0.01, 2) < 0.1
