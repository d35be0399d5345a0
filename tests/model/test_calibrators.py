import numpy as np
import pytest

from meta_models.model import (
    IdentityCalibrator,
    IsotonicCalibrator,
    PlattCalibrator,
    apply_calibrators,
    normalise,
)
from meta_models.model.calibrators import CALIBRATORS, BlendCalibrator, blend_inputs, logit

P = np.array([0.0, 1e-9, 0.1, 0.5, 0.9, 1.0])
EXAMPLES = [
    IdentityCalibrator(),
    PlattCalibrator(1.3, -0.2),
    IsotonicCalibrator(np.array([0.1, 0.6]), np.array([0.05, 0.9])),
    BlendCalibrator(0.8, -0.1, np.array([]), ()),
]


def test_every_kind_has_an_example():
    assert {type(c) for c in EXAMPLES} == set(CALIBRATORS.values())


@pytest.mark.parametrize("calibrator", EXAMPLES, ids=lambda c: c.kind)
def test_maps_are_monotone_probabilities_and_survive_arrays(calibrator):
    result = calibrator(P)
    again = CALIBRATORS[calibrator.kind].from_arrays(calibrator.to_arrays())
    assert result.dtype == np.float64
    assert result.shape == P.shape
    assert np.all((result >= 0) & (result <= 1))
    assert np.all(np.diff(result) >= 0)
    np.testing.assert_array_equal(again(P), result)


def test_platt_follows_its_formula_and_clips():
    calibrator = PlattCalibrator(2.0, 0.5)
    expected = 1 / (1 + np.exp(-(2.0 * np.log(0.1 / 0.9) + 0.5)))
    assert calibrator(np.array([0.1]))[0] == pytest.approx(expected, rel=1e-12)
    np.testing.assert_array_equal(calibrator(np.array([0.0])), calibrator(np.array([1e-7])))
    np.testing.assert_allclose(PlattCalibrator(1.0, 0.0)(P[2:5]), P[2:5], rtol=1e-12)


def test_platt_does_not_overflow():
    assert PlattCalibrator(1e6, 0.0)(P).tolist() == [0.0, 0.0, 0.0, 0.5, 1.0, 1.0]


def test_isotonic_has_flat_ends():
    assert EXAMPLES[2](P).tolist() == pytest.approx([0.05, 0.05, 0.05, 0.05 + 0.85 * 0.8, 0.9, 0.9])


@pytest.mark.parametrize(
    ("x", "y"),
    [
        ([], []),
        ([0.1], [0.1, 0.2]),
        ([0.2, 0.1], [0.1, 0.2]),
        ([0.1, 0.1], [0.1, 0.2]),
        ([0.1, 0.2], [0.2, 0.1]),
        ([0.1], [1.1]),
        ([0.1], [np.nan]),
        ([np.inf], [0.1]),
        ([[0.1]], [[0.1]]),
    ],
)
def test_isotonic_refuses_other_knots(x, y):
    with pytest.raises(ValueError):
        IsotonicCalibrator(np.array(x), np.array(y))


def test_isotonic_keeps_its_own_knots():
    x = np.array([0.1, 0.2])
    calibrator = IsotonicCalibrator(x, np.array([0.0, 1.0]))
    x[0] = 0.15
    assert calibrator.x[0] == 0.1
    with pytest.raises(ValueError):
        calibrator.x[0] = 0.3


def test_platt_refuses_what_is_not_finite():
    with pytest.raises(ValueError, match="finite"):
        PlattCalibrator(float("nan"), 0.0)


@pytest.mark.parametrize("kind", sorted(CALIBRATORS))
def test_from_arrays_refuses_other_names(kind):
    with pytest.raises(ValueError, match="needed"):
        CALIBRATORS[kind].from_arrays({"z": np.zeros(1)})


def test_without_a_class_that_is_the_rest_a_row_of_zeros_is_shared_out():
    scores = np.array([[0.0, 0.0], [0.1, 0.3]])
    np.testing.assert_allclose(normalise(scores, zeros_mean=None), [[0.5, 0.5], [0.25, 0.75]])


def test_normalised_rows_sum_to_one_and_a_row_of_zeros_is_neither():
    scores = np.array([[0.2, 0.2, 0.4], [0.0, 0.0, 0.0], [0.0, 0.3, 0.0]])
    kept = scores.copy()
    np.testing.assert_allclose(normalise(scores), [[0.25, 0.25, 0.5], [1, 0, 0], [0, 1, 0]])
    np.testing.assert_array_equal(scores, kept)
    assert normalise(np.empty((0, 3))).shape == (0, 3)


def test_each_column_is_calibrated_on_its_own_before_normalising():
    scores = np.array([[0.5, 0.2, 0.1]])
    step = IsotonicCalibrator(np.array([0.4, 0.6]), np.array([0.0, 1.0]))
    result = apply_calibrators(scores, [IdentityCalibrator(), step, PlattCalibrator(1.0, 1.0)])
    third = 1 / (1 + 9 * np.exp(-1))
    np.testing.assert_allclose(result, np.array([[0.5, 0.0, third]]) / (0.5 + third))


def test_rows_that_every_calibrator_sets_to_zero_do_not_rise_in_a_site_class():
    step = IsotonicCalibrator(np.array([0.4, 0.6]), np.array([0.0, 1.0]))
    result = apply_calibrators(np.array([[0.1, 0.3, 0.2], [0.1, 0.55, 0.2]]), [step] * 3)
    assert result[0].tolist() == [1.0, 0.0, 0.0]
    assert result[1, 1] > result[0, 1]


def test_a_calibrator_for_each_column_is_needed():
    with pytest.raises(ValueError, match="each column"):
        apply_calibrators(np.zeros((1, 3)), [IdentityCalibrator()])


def test_a_blend_follows_its_formula_and_survives_arrays():
    blend = BlendCalibrator(0.5, 0.25, np.array([1.0, 0.5]), (4, 7))
    base = np.array([[0.9, 0.2], [0.3, 0.6]], np.float32)
    expected = 0.25 + 0.5 * np.log(0.1 / 0.9) + np.log(0.9 / 0.1) + 0.5 * np.log(0.2 / 0.8)
    found = blend(np.array([0.1, 0.1]), base)
    assert found[0] == pytest.approx(1 / (1 + np.exp(-expected)), rel=1e-6)
    again = BlendCalibrator.from_arrays(blend.to_arrays())
    assert again.columns == (4, 7)
    np.testing.assert_array_equal(again(np.array([0.1, 0.1]), base), found)


@pytest.mark.parametrize("missing", [np.nan, -3e38])
def test_a_missing_base_score_says_what_the_score_says(missing):
    blend = BlendCalibrator(0.5, 0.0, np.array([1.0]), (0,))
    here = blend(np.array([0.2]), np.array([[missing]], np.float32))
    np.testing.assert_allclose(here, blend(np.array([0.2]), np.array([[0.2]])))


@pytest.mark.parametrize(
    ("slope", "weights", "columns"),
    [
        (-1.0, [0.5], (0,)),
        (1.0, [-0.5], (0,)),
        (1.0, [0.5], ()),
        (np.nan, [], ()),
        (1.0, [np.inf], (0,)),
        (1e308, [], ()),
        (1.0, [1e308], (0,)),
    ],
)
def test_a_blend_refuses_other_coefficients(slope, weights, columns):
    with pytest.raises(ValueError):
        BlendCalibrator(slope, 0.0, np.array(weights), columns)


@pytest.mark.parametrize("columns", [[0.5], [-1.0], [np.nan], [[0.0]], 0.0])
def test_a_blend_refuses_columns_that_are_no_features(columns):
    arrays = BlendCalibrator(1.0, 0.0, np.array([1.0]), (0,)).to_arrays()
    with pytest.raises(ValueError):
        BlendCalibrator.from_arrays({**arrays, "columns": np.array(columns)})


@pytest.mark.parametrize("name", ["slope", "intercept"])
def test_a_blend_refuses_a_vector_for_a_number(name):
    arrays = BlendCalibrator(1.0, 0.0, np.array([1.0]), (0,)).to_arrays()
    with pytest.raises(ValueError, match="scalars"):
        BlendCalibrator.from_arrays({**arrays, name: np.array([1.0])})


def test_a_score_below_zero_by_rounding_is_there_and_a_missing_one_is_not():
    others = np.array([[-6e-8], [0.0], [np.nan], [np.nan]], dtype=np.float32)
    own, base = blend_inputs(np.full(4, 0.7), others)
    np.testing.assert_array_equal(base[:2], logit(np.zeros(2)))
    np.testing.assert_array_equal(base[2:], own[2:])
