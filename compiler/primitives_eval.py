"""Values of the primitives on NumPy scalars, for the reference interpreter.

Every function keeps the kind of its arguments (f32 stays f32), wraps integers, and follows IEEE on
NaN and infinity.  Callers switch NumPy's floating-point warnings off.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .errors import ArithmeticError, ValueError_

DTYPES: dict[str, Any] = {"f64": np.float64, "f32": np.float32, "i64": np.int64, "i32": np.int32, "bool": np.bool_}


def scipy_special(name: str) -> Callable[..., Any]:
    """A function of scipy.special, imported at its first use, that keeps the kind of its argument."""
    found: list[Any] = []

    def call(x: Any) -> Any:
        if not found:
            import scipy.special

            found.append(getattr(scipy.special, name))
        return type(x)(found[0](x))

    return call


_GAMMALN = scipy_special("gammaln")


def lgamma(x: Any) -> Any:
    """log |gamma(x)|; scipy's is infinite for all subnormal numbers."""
    tiny = x != 0 and abs(x) < np.finfo(x.dtype).tiny
    return -np.log(abs(x)) if tiny else _GAMMALN(x)


def floordiv(x: Any, y: Any) -> Any:
    """Python's: the quotient rounded towards minus infinity."""
    if isinstance(x, np.integer) and y == 0:
        raise ArithmeticError("DV0504", "integer division by zero")
    return x // y


def mod(x: Any, y: Any) -> Any:
    """Python's: of the sign of y."""
    if isinstance(x, np.integer):
        if y == 0:
            raise ArithmeticError("DV0504", "integer modulo by zero")
        if y == -1:
            return x - x
    return x % y


def ipow(x: Any, n: Any) -> Any:
    """Integer power, wrapping, by squaring."""
    if n < 0:
        raise ArithmeticError("DV0505", f"negative integer exponent {n}", help="write `x ** f64(n)` for a fraction")
    bits = 64 if isinstance(x, np.int64) else 32
    value = pow(int(x), int(n), 1 << bits)
    return type(x)(value - (1 << bits) if value >> (bits - 1) else value)


def powi(x: Any, n: Any) -> Any:
    return type(x)(np.power(np.float64(x), np.float64(n)))


def maximum(x: Any, y: Any) -> Any:
    """The larger, the first on ties; NaN wins."""
    return x if x >= y or np.isnan(x) else y


def minimum(x: Any, y: Any) -> Any:
    return x if x <= y or np.isnan(x) else y


def sigmoid(x: Any) -> Any:
    one = type(x)(1)
    if x < 0:
        e = np.exp(x)
        return e / (one + e)
    return one / (one + np.exp(-x))


def softplus(x: Any) -> Any:
    zero = type(x)(0)
    return maximum(x, zero) + np.log1p(np.exp(-np.abs(x)))


def relu(x: Any) -> Any:
    return type(x)(0) if x <= 0 else x


def logaddexp(x: Any, y: Any) -> Any:
    return x if x == y and np.isinf(x) else maximum(x, y) + np.log1p(np.exp(-np.abs(x - y)))


def xlogy(x: Any, y: Any) -> Any:
    return x if x == 0 and not np.isnan(y) else x * np.log(y)


def log1mexp(x: Any) -> Any:
    """log(1 - exp(-x)) for x > 0."""
    return np.log(-np.expm1(-x)) if x <= type(x)(0.6931471805599453) else np.log1p(-np.exp(-x))


def polygamma(n: Any, x: Any) -> Any:
    """The n-th derivative of digamma; NaN for a negative order."""
    import scipy.special

    if n < 0:
        return type(x)(np.nan)
    if n == 0:
        return type(x)(scipy.special.digamma(np.float64(x)))
    sign = 1.0 if n % 2 else -1.0
    return type(x)(sign * scipy.special.gamma(n + 1.0) * scipy.special.zeta(n + 1.0, np.float64(x)))


def select(c: Any, x: Any, y: Any) -> Any:
    return x if c else y


def cast(kind: str) -> Callable[..., Any]:
    """The conversion to a kind; from a float to an integer it truncates and checks the range."""
    dtype = DTYPES[kind]
    if kind in ("f64", "f32"):
        return lambda x: dtype(x)
    low, high = (-(2.0**63), 2.0**63) if kind == "i64" else (-(2.0**31), 2.0**31)

    def to_integer(x: Any) -> Any:
        if isinstance(x, np.floating):
            whole = np.trunc(np.float64(x))
            if not low <= whole < high:
                raise ValueError_("DV0506", f"{kind}({x}) is out of range")
            return dtype(whole)
        return x.astype(dtype)

    return to_integer
