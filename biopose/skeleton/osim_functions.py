"""OpenSim's functions of coordinates as ours."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from biopose.skeleton.functions import PiecewisePolynomial
from biopose.skeleton.multivariate import CoordinateFunction, MultivariatePolynomial, Sine
from biopose.skeleton.quiet_opensim import opensim

KNOWN = (
    "Constant, LinearFunction, PolynomialFunction, SimmSpline, PiecewiseLinearFunction, MultiplierFunction, Sine, "
    "MultivariatePolynomialFunction"
)


class UnknownFunctionError(Exception):
    """A function that cannot be represented; the message tells why."""


def function_of(function: opensim.Function, *, n_inputs: int) -> PiecewisePolynomial | CoordinateFunction:
    """A function of so many coordinates.

    Raises:
        UnknownFunctionError: if its type is not known, or is not one of so many coordinates.
    """
    kind = str(function.getConcreteClassName())
    if kind == "Constant":
        return PiecewisePolynomial.polynomial([_value(function, 0.0)])
    if kind == "MultiplierFunction":
        multiplier = opensim.MultiplierFunction.safeDownCast(function)
        return function_of(multiplier.getFunction(), n_inputs=n_inputs).times(multiplier.getScale())
    if n_inputs == 1 and (found := _of_one(kind, function)) is not None:
        return found
    if n_inputs > 1 or kind in {"LinearFunction", "MultivariatePolynomialFunction"}:
        return _of_several(kind, function, n_inputs)
    raise UnknownFunctionError(f"function type {kind} is not supported; known are {KNOWN}")


def _of_one(kind: str, function: opensim.Function) -> PiecewisePolynomial | CoordinateFunction | None:
    match kind:
        case "LinearFunction":
            coefficients = _linear_coefficients(function)
            return PiecewisePolynomial.polynomial(coefficients[::-1]) if len(coefficients) == 2 else None
        case "PolynomialFunction":
            coefficients = opensim.PolynomialFunction.safeDownCast(function).getCoefficients()
            return PiecewisePolynomial.polynomial([coefficients[i] for i in range(coefficients.size())][::-1])
        case "SimmSpline":
            knots = _knots(opensim.SimmSpline.safeDownCast(function))
            values = np.array([_value(function, x) for x in knots])
            return PiecewisePolynomial.hermite(knots, values, _slopes_of_cubics(function, knots))
        case "PiecewiseLinearFunction":
            knots = _knots(opensim.PiecewiseLinearFunction.safeDownCast(function))
            return PiecewisePolynomial.linear_pieces(knots, np.array([_value(function, x) for x in knots]))
        case "Sine":
            names = ("amplitude", "omega", "phase", "offset")
            return Sine(
                **{name: opensim.PropertyHelper.getValueDouble(function.getPropertyByName(name)) for name in names}
            )
    return None


def _of_several(kind: str, function: opensim.Function, n_inputs: int) -> CoordinateFunction:
    if kind == "LinearFunction":
        coefficients = np.array(_linear_coefficients(function))
        powers = np.vstack([np.eye(len(coefficients) - 1, dtype=np.int64), np.zeros(len(coefficients) - 1, np.int64)])
    elif kind == "MultivariatePolynomialFunction":
        polynomial = opensim.MultivariatePolynomialFunction.safeDownCast(function)
        powers = _powers(polynomial.getDimension(), polynomial.getOrder())
        stored = polynomial.getCoefficients()
        coefficients = np.array([stored[i] for i in range(stored.size())])
    else:
        raise UnknownFunctionError(
            f"function type {kind} of {n_inputs} coordinates is not supported; known are LinearFunction and "
            "MultivariatePolynomialFunction"
        )
    if powers.shape != (len(coefficients), n_inputs):
        raise UnknownFunctionError(f"{kind} of {len(coefficients)} coefficients does not fit {n_inputs} coordinates")
    return MultivariatePolynomial(powers=powers, coefficients=coefficients)


def _powers(dimension: int, order: int) -> NDArray[np.int64]:
    """(K, dimension) powers of the monomials up to an order, those of the last coordinate counting up fastest."""
    every = np.stack(np.meshgrid(*[np.arange(order + 1)] * dimension, indexing="ij"), axis=-1).reshape(-1, dimension)
    return np.asarray(every[every.sum(axis=1) <= order])


def _linear_coefficients(function: opensim.Function) -> list[float]:
    coefficients = opensim.LinearFunction.safeDownCast(function).getCoefficients()
    return [coefficients.get(i) for i in range(coefficients.getSize())]


def _knots(function: opensim.SimmSpline | opensim.PiecewiseLinearFunction) -> NDArray[np.float64]:
    return np.array([function.getX(i) for i in range(function.getSize())])


def _value(function: opensim.Function, x: float) -> float:
    return float(function.calcValue(opensim.Vector(1, x)))


def _slopes_of_cubics(function: opensim.Function, knots: NDArray[np.float64]) -> NDArray[np.float64]:
    """Slopes at the knots of a function that is a cubic between each two, from its values.

    Four values determine a cubic exactly. OpenSim's own derivative takes a std::vector<int>, and once that type has
    been used from Python, ezc3d's of the same name is broken in the process (and the other way round).
    """
    order = np.array([-11.0, 18.0, -9.0, 2.0]) / 6  # derivative at the first of four points at unit distance
    steps = np.append(np.diff(knots), knots[-2] - knots[-1]) / 3  # the last knot looks back
    values = [[_value(function, x + i * step) for i in range(4)] for x, step in zip(knots, steps, strict=True)]
    return np.asarray(np.array(values) @ order / steps)
