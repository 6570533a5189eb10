"""References of the programs in numeric/."""

from __future__ import annotations

from typing import Any

import numpy
import scipy.linalg
import scipy.special

from .cases import case, normal, uniform


@case("numeric/newton", "cube_root", lambda r: [5.0], derivatives=True)
def cube_root(np: Any, a: Any) -> Any:
    return np.cbrt(a)


@case("numeric/newton", "lambert", lambda r: [0.8], derivatives=True)
def lambert(np: Any, a: Any) -> Any:
    return scipy.special.lambertw(a).real


@case("numeric/newton_system", "root", lambda r: [3.0], derivatives=True)
def system(np: Any, a: Any) -> Any:
    x = numpy.array([1.0, 1.0])
    for _ in range(30):
        j = numpy.array([[2 * x[0], 2 * x[1]], [numpy.exp(x[0]), -1.0]])
        x = x - numpy.linalg.solve(j, [x[0] ** 2 + x[1] ** 2 - a, numpy.exp(x[0]) - x[1] - 1])
    return x


@case("numeric/implicit", "root", lambda r: [2.5], later=True)
def implicit(np: Any, a: Any) -> Any:
    return numpy.roots([1, 0, 1, -a])[-1].real


@case("numeric/implicit", "twice", lambda r: [2.5], grad="a", tol=1e-9, later=True)
def twice(np: Any, a: Any) -> Any:
    # Cardano's formula, so that JAX has something to differentiate
    s = np.sqrt(a**2 / 4 + 1 / 27)
    return (np.cbrt(a / 2 + s) + np.cbrt(a / 2 - s)) ** 2


@case("numeric/simpson", "bump", lambda r: [1.3, 0.4], grad="s c")
def bump(np: Any, s: Any, c: Any) -> Any:
    x = np.linspace(-1, 2, 81)
    w = np.ones(81) + np.where(np.arange(81) % 2 == 1, 3.0, 1.0)
    w = np.where((np.arange(81) == 0) | (np.arange(81) == 80), 1.0, w)
    return np.sum(w * np.exp(-s * (x - c) ** 2)) * (3 / 80) / 3


@case("numeric/fft", "power", lambda r: [normal(r, 6)], grad="re")
def power(np: Any, re: Any) -> Any:
    return np.abs(np.fft.fft(re)) ** 2



def positive(r: Any) -> Any:
    a = normal(r, 4, 4)
    return a @ a.T + numpy.eye(4)



@case("numeric/conjugate_gradient", "solve_spd", lambda r: [positive(r), normal(r, 4)], tol=1e-9)
def cg(np: Any, a: Any, b: Any) -> Any:
    return np.linalg.solve(a, b)


@case("numeric/conjugate_gradient", "direction", lambda r: [normal(r, 4)], derivatives=True, tol=1e-9)
def direction(np: Any, x: Any) -> Any:
    s = 1 / (1 + np.exp(-x))
    return np.linalg.solve(np.diag(s * (1 - s) + 2) + 0.2, s + 2 * x + 0.2 * np.sum(x))


@case("numeric/thomas", "thomas", lambda r: [normal(r, 5), 4 + uniform(r, 5), normal(r, 5), normal(r, 5)],
      grad="a b c d")
def thomas(np: Any, a: Any, b: Any, c: Any, d: Any) -> Any:
    return np.linalg.solve(np.diag(b) + np.diag(a[1:], -1) + np.diag(c[:-1], 1), d)


@case("numeric/interpolate", "resample", lambda r: [numpy.sort(normal(r, 6)), normal(r, 6), 0.4 * normal(r, 5)],
      grad="ys at")
def resample(np: Any, xs: Any, ys: Any, at: Any) -> Any:
    k = numpy.clip(numpy.searchsorted(xs, numpy.asarray(at.primal if hasattr(at, "primal") else at)), 1, len(xs) - 1)
    t = (at - xs[k - 1]) / (xs[k] - xs[k - 1])
    return (1 - t) * ys[k - 1] + t * ys[k]


@case("numeric/lagrange", "evaluate", lambda r: [numpy.arange(4.0), normal(r, 4), 1.7], grad="y t")
def lagrange(np: Any, x: Any, y: Any, t: Any) -> Any:
    total = 0.0
    for i in range(len(x)):
        term = y[i]
        for j in range(len(x)):
            if j != i:
                term = term * (t - x[j]) / (x[i] - x[j])
        total = total + term
    return total


@case("numeric/lagrange", "weights", lambda r: [normal(r, 4)], grad="x")
def weights(np: Any, x: Any) -> Any:
    d = x[:, None] - x[None] + np.eye(len(x))
    return 1 / np.prod(d, axis=1)


@case("numeric/power_iteration", "largest", lambda r: [positive(r)], tol=1e-9)
def largest(np: Any, a: Any) -> Any:
    return np.linalg.eigvalsh(a)[-1]


SQUARE = lambda r: [normal(r, 3, 3)]


@case("numeric/linalg", "logdet", SQUARE, grad="a")
def logdet(np: Any, a: Any) -> Any:
    return np.linalg.slogdet(a @ a.T + np.eye(3))[1]


@case("numeric/linalg", "ratio", SQUARE, grad="a")
def ratio(np: Any, a: Any) -> Any:
    return np.linalg.det(a) * np.trace(np.linalg.inv(a))


@case("numeric/linalg", "gram", SQUARE, grad="a")
def gram(np: Any, a: Any) -> Any:
    return np.linalg.cholesky(a @ a.T + np.eye(3))


@case("numeric/linalg", "propagate", lambda r: [2 * normal(r, 3, 3), normal(r, 3)], grad="a v")
def propagate(np: Any, a: Any, v: Any) -> Any:
    return np.scipy_linalg.expm(0.3 * a) @ v


@case("numeric/linalg", "spectrum", SQUARE, grad="a")
def spectrum(np: Any, a: Any) -> Any:
    return np.linalg.eigvalsh(a + a.T)


@case("numeric/linalg", "singular", lambda r: [normal(r, 5, 3)], grad="a")
def singular(np: Any, a: Any) -> Any:
    return np.linalg.svd(a, compute_uv=False)


@case("numeric/linalg", "triangle", lambda r: [normal(r, 5, 3)], grad="a")
def triangle(np: Any, a: Any) -> Any:
    # the factor with a positive diagonal is Cholesky's
    return np.linalg.cholesky(a.T @ a).T


@case("numeric/polynomials", "product", lambda r: [normal(r, 4), normal(r, 3)], grad="a b")
def product(np: Any, a: Any, b: Any) -> Any:
    return np.convolve(a, b)


@case("numeric/polynomials", "check", lambda r: [normal(r, 4), normal(r, 3), 0.7])
def check(np: Any, a: Any, b: Any, x: Any) -> Any:
    return 0.0


@case("numeric/polynomials", "slope", lambda r: [normal(r, 5)], grad="c")
def slope(np: Any, c: Any) -> Any:
    return np.arange(1, len(c)) * c[1:]
