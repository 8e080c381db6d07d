"""A piecewise polynomial is the OpenSim function that it stands for; a bank of them is each of them."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from biopose.skeleton.functions import FunctionBank, PiecewisePolynomial
from biopose.skeleton.quiet_opensim import opensim
from tests.skeleton.builder import piecewise_linear, spline

KNOTS = ((-1.0, 0.02), (-0.4, -0.3), (0.1, 0.5), (0.7, 0.1), (1.2, 0.8))
X = np.linspace(-2.5, 2.5, 401)


def opensim_values(function: opensim.Function) -> tuple[np.ndarray, np.ndarray]:
    return values_of(function, X), slopes_ahead(function, X)


def values_of(function: opensim.Function, x: np.ndarray) -> np.ndarray:
    return np.array([function.calcValue(opensim.Vector(1, v)) for v in x.tolist()])


def slopes_ahead(function: opensim.Function, x: np.ndarray, *, step: float = 1e-3) -> np.ndarray:
    """Slopes just after x, exact for a cubic.

    OpenSim's calcDerivative takes a std::vector<int>, whose use from Python breaks ezc3d's in the same process.
    """
    ahead = [values_of(function, x + i * step) for i in range(4)]
    return np.tensordot([-11 / 6, 3, -3 / 2, 1 / 3], ahead, 1) / step


def values(function: PiecewisePolynomial, x: np.ndarray = X) -> tuple[np.ndarray, np.ndarray]:
    y, slope = FunctionBank([(function, 0)], n_inputs=1)(torch.from_numpy(x)[:, None])
    return y[:, 0].numpy(), slope[:, 0].numpy()


def knots_values_slopes(function: opensim.SimmSpline) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    x = np.array([function.getX(i) for i in range(function.getSize())])
    return x, values_of(function, x), slopes_ahead(function, x)


@pytest.mark.parametrize("count", [2, 3, 5])
def test_hermite_is_a_simm_spline_within_and_beyond_its_knots(count: int) -> None:
    curve = spline(*KNOTS[:count])
    y, slope = values(PiecewisePolynomial.hermite(*knots_values_slopes(curve)))
    expected_y, expected_slope = opensim_values(curve)
    np.testing.assert_allclose(y, expected_y, atol=1e-12)
    np.testing.assert_allclose(slope, expected_slope, atol=1e-11)


def test_hermite_has_the_values_and_slopes_it_was_given() -> None:
    rng = np.random.default_rng(0)
    x, y, slope = np.sort(rng.uniform(-2, 2, 6)), rng.normal(size=6), rng.normal(size=6)
    found_y, found_slope = values(PiecewisePolynomial.hermite(x, y, slope), x)
    np.testing.assert_allclose(found_y, y, atol=1e-13)
    np.testing.assert_allclose(found_slope, slope, atol=1e-12)
    just_below_y, just_below_slope = values(PiecewisePolynomial.hermite(x, y, slope), x - 1e-9)
    np.testing.assert_allclose(just_below_y, y, atol=1e-7)
    np.testing.assert_allclose(just_below_slope, slope, atol=1e-6)


@pytest.mark.parametrize("count", [2, 3, 5])
def test_linear_pieces_are_opensims(count: int) -> None:
    x, y = np.array(KNOTS[:count]).T
    expected_y, _ = opensim_values(piecewise_linear(*KNOTS[:count]))
    np.testing.assert_allclose(values(PiecewisePolynomial.linear_pieces(x, y))[0], expected_y, atol=1e-13)


def test_polynomial_is_numpys() -> None:
    coefficients = [0.3, -1.0, 0.5, 0.2]
    y, slope = values(PiecewisePolynomial.polynomial(coefficients))
    expected = np.polynomial.Polynomial(coefficients)
    np.testing.assert_allclose(y, expected(X), atol=1e-12)
    np.testing.assert_allclose(slope, expected.deriv()(X), atol=1e-12)


def several_functions() -> list[PiecewisePolynomial]:
    x, y = np.array(KNOTS).T
    return [
        PiecewisePolynomial.polynomial([0.7]),
        PiecewisePolynomial.polynomial([0.0, 1.0]),
        PiecewisePolynomial.hermite(x, y, np.sin(x)),
        PiecewisePolynomial.polynomial([0.1, -2.0]),
        PiecewisePolynomial.linear_pieces(x[:2], y[:2]),
        PiecewisePolynomial.polynomial([0.3, -1.0, 0.5, 0.2, 0.1]),
        PiecewisePolynomial.linear_pieces(x, y),
        PiecewisePolynomial.hermite(x[:2], y[:2], y[:2]),
        PiecewisePolynomial.polynomial([0.0]),
    ]


def test_a_bank_is_each_of_its_functions_alone() -> None:
    functions = several_functions()
    inputs = [2, 0, 1, 2, 2, 0, 0, 1, 0]
    q = torch.from_numpy(np.random.default_rng(1).uniform(-2, 2, (50, 3)))
    y, slope = FunctionBank(list(zip(functions, inputs, strict=True)), n_inputs=3)(q)
    for row, (function, column) in enumerate(zip(functions, inputs, strict=True)):
        expected_y, expected_slope = values(function, q[:, column].numpy())
        np.testing.assert_allclose(y[:, row], expected_y, atol=1e-14)
        np.testing.assert_allclose(slope[:, row], expected_slope, atol=1e-14)


def test_a_banks_slopes_are_its_derivatives() -> None:
    functions = several_functions()
    bank = FunctionBank([(f, i) for i, f in enumerate(functions)], n_inputs=len(functions))
    q = torch.from_numpy(np.random.default_rng(2).uniform(-2, 2, len(functions)))
    by_autograd = torch.autograd.functional.jacobian(lambda x: bank(x)[0], q)
    step = 1e-6
    by_differences = (bank(q + step)[0] - bank(q - step)[0]) / (2 * step)
    torch.testing.assert_close(bank(q)[1], by_autograd.diagonal(), atol=1e-12, rtol=0)
    torch.testing.assert_close(bank(q)[1], by_differences, atol=1e-7, rtol=0)


def test_a_bank_takes_any_batch_axes_and_precision() -> None:
    bank = FunctionBank([(f, i % 2) for i, f in enumerate(several_functions())], n_inputs=2)
    q = torch.from_numpy(np.random.default_rng(3).uniform(-2, 2, (4, 3, 2)))
    y, slope = bank(q)
    assert y.shape == slope.shape == (4, 3, 9)
    torch.testing.assert_close(bank(q[2, 1])[0], y[2, 1])
    torch.testing.assert_close(bank(q[:0])[0], y[:0])
    in_single, slope_in_single = bank.float()(q.float())
    torch.testing.assert_close(in_single, y.float(), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(slope_in_single, slope.float(), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("function", several_functions())
def test_times_multiplies(function: PiecewisePolynomial) -> None:
    for found, expected in zip(values(function.times(-1.7)), values(function), strict=True):
        np.testing.assert_allclose(found, -1.7 * expected, atol=1e-14)


@pytest.mark.parametrize(
    ("made", "affine", "constant", "identity"),
    [
        (lambda: PiecewisePolynomial.polynomial([0.4]), True, True, False),
        (lambda: PiecewisePolynomial.polynomial([0.4, 0.0, 0.0]), True, True, False),
        (lambda: PiecewisePolynomial.polynomial([0.0, 1.0]), True, False, True),
        (lambda: PiecewisePolynomial.polynomial([0.0, 1.0, 0.0]), True, False, True),
        (lambda: PiecewisePolynomial.polynomial([0.1, 1.0]), True, False, False),
        (lambda: PiecewisePolynomial.polynomial([0.0, 1.0, 0.1]), False, False, False),
        (lambda: PiecewisePolynomial.linear_pieces(np.array([-1.0, 0.0, 1.0]), np.ones(3)), False, False, False),
    ],
)
def test_functions_of_each_kind_are_distinguished(
    made: Callable[[], PiecewisePolynomial], *, affine: bool, constant: bool, identity: bool
) -> None:
    function = made()
    assert (function.is_affine, function.is_constant, function.is_identity) == (affine, constant, identity)
