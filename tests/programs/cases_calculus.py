"""References of the programs in calculus/: closed forms, or JAX."""

from __future__ import annotations

from typing import Any

import numpy

from .cases import case, normal


def closed(program: str, function: str, args: Any, reference: Any, tol: float = 1e-10, later: bool = False) -> None:
    case(program, function, args, derivatives=True, tol=tol, later=later)(reference)


def jax_of(make: Any) -> Any:
    """A reference in JAX (`make(jax)` gives it), with NumPy results."""

    def reference(np: Any, *args: Any) -> Any:
        import jax

        jax.config.update("jax_enable_x64", True)
        result = make(jax)(*args)
        return jax.tree_util.tree_map(numpy.asarray, result)

    return reference


X = lambda r: [0.4]


def jets(jax: Any) -> Any:
    def f(x: Any) -> Any:
        return jax.numpy.exp(-(x**2)) * jax.numpy.sin(3 * x)

    d = [f]
    for _ in range(3):
        d.append(jax.grad(d[-1]))
    return lambda x: tuple(g(x) for g in d)


closed("calculus/primes", "jets", X, jax_of(jets))
closed("calculus/primes", "tangent", X, lambda np, t: np.array([-np.sin(t), np.cos(t), 0.1]))
closed("calculus/primes", "partial", lambda r: [0.4, 0.7], lambda np, x, y: 2 * x * y + x * x)
closed("calculus/confusion", "trap", X, lambda np, x: 1.0)
closed("calculus/confusion", "nested", X, lambda np, x: 2 * x)
closed("calculus/confusion", "inner", X, lambda np, x: 6 * x * x)
closed("calculus/confusion", "shadow", X, lambda np, x: 4 * x)


def cubic(jax: Any) -> Any:
    np = jax.numpy

    def f(x: Any) -> Any:
        return np.sum(np.triu(np.outer(x**2, x))) + np.exp(x[0])

    return f


VEC = lambda r: [normal(r, 3)]
closed("calculus/hessians", "full", VEC, jax_of(lambda jax: jax.hessian(cubic(jax))))
closed("calculus/hessians", "product", lambda r: [normal(r, 3), normal(r, 3)],
       jax_of(lambda jax: lambda x, v: jax.hessian(cubic(jax))(x) @ v))
closed("calculus/laplacian", "laplace", VEC, jax_of(lambda jax: lambda x: jax.numpy.trace(jax.hessian(cubic(jax))(x))))

XA = lambda r: [normal(r, 3), 0.7]
closed("calculus/jacobians", "with_x", XA,
       jax_of(lambda jax: jax.jacobian(lambda x, a: a * x * jax.numpy.roll(x, -1))))
closed("calculus/jacobians", "with_a", XA, lambda np, x, a: x * np.roll(x, -1))
closed("calculus/laplacian", "spread", VEC, lambda np, x: np.sum(3 * x**2))
JV = lambda r: [normal(r, 3), 0.7, normal(r, 3), -0.4]
closed("calculus/jvp_vjp", "forward", JV, lambda np, x, s, dx, ds: (
    s * np.cos(x) * dx + ds * np.sin(x), 2 * s * ds * np.sum(x) + s * s * np.sum(dx)))
closed("calculus/jvp_vjp", "backward", JV, lambda np, x, s, y, z: (
    s * np.cos(x) * y + s * s * z, np.sin(x) @ y + 2 * s * np.sum(x) * z))
closed("calculus/jvp_vjp", "adjoint_test", lambda r: [*JV(r), normal(r, 3), 1.3], lambda np, *args: 0.0)
TWO = lambda r: [normal(r, 4), normal(r, 4)]
closed("calculus/linearize", "twice", TWO, lambda np, x, v: np.cumsum(x * x) + 3 * np.cumsum(2 * x * v))
closed("calculus/linearize", "turned", TWO, lambda np, x, w: 2 * x * np.cumsum(w[::-1])[::-1])
case("calculus/rules", "all_of", lambda r: [0.02, normal(r, 3)], derivatives=True)(
    lambda np, x, v: np.log1p(np.exp(50 * x)) + x**2 + x * np.sum(v * v))
closed("calculus/custom_second", "curvature", X, lambda np, x: np.exp(-x) / (1 + np.exp(-x)) ** 2)
closed("calculus/cotangents", "slope", lambda r: [1.5, normal(r, 3)], lambda np, m, p: (3 * p @ p, 6 * m * p))
closed("calculus/edges", "kinks", lambda r: [0.0], lambda np, x: (0.0, 0.0, 1.0, 0.0, 0.0))
closed("calculus/edges", "kinks", lambda r: [2.0], lambda np, x: (1.0, 1.0, 1.0, 0.0, 5.0**0.5))
closed("calculus/edges", "powers", lambda r: [0.0], lambda np, x: (0.0, 1.0, 2.0))
closed("calculus/edges", "products", lambda r: [[0.0, 2.0, 3.0]], lambda np, v: numpy.array([6.0, 0.0, 0.0]))
closed("calculus/edges", "products", lambda r: [[0.0, 2.0, 0.0]], lambda np, v: numpy.array([0.0, 0.0, 0.0]))
closed("calculus/edges", "not_taken", lambda r: [0.0], lambda np, x: 0.0)
closed("calculus/stopped", "slope", X, lambda np, x: x)
closed("calculus/straight_through", "through", X, lambda np, x: 3.0)


def coefficients(jax: Any) -> Any:
    np = jax.numpy
    d = [lambda t: np.exp(np.sin(t))]
    for _ in range(4):
        d.append(jax.grad(d[-1]))
    return lambda x: np.stack([g(x) / f for g, f in zip(d, [1, 1, 2, 6, 24], strict=True)])


closed("calculus/taylor", "coefficients", X, jax_of(coefficients))


def hyper(jax: Any) -> Any:
    def outer(rate: Any, a: Any) -> Any:
        w = 0.0
        for _ in range(5):
            w = w - rate * (2 * (w - a) + 0.4 * w**3)
        return (w - 1) ** 2 + 0.1 * w**4

    return jax.grad(outer, argnums=(0, 1))


closed("calculus/unrolled", "hyper", lambda r: [0.2, 0.8], jax_of(hyper))


def ode(p: Any, y: Any, steps: int) -> Any:
    for _ in range(steps):
        y = y + 0.05 * (p[0] * y - p[1] * y * y)
    return y


ODE = lambda r: [[1.2, 0.7], 0.3, 6]
closed("calculus/sensitivity", "sensitivities", ODE,
       jax_of(lambda jax: lambda p, y, n: jax.grad(ode)(jax.numpy.array(p), y, n)))
closed("calculus/sensitivity", "second", ODE,
       jax_of(lambda jax: lambda p, y, n: jax.hessian(ode)(jax.numpy.array(p), y, n)))


def descend(np: Any, w: Any, b: Any, x: Any, steps: int) -> Any:
    v = 0.0
    for _ in range(steps):
        e = w @ x + b - 1
        w, b, v = w - 0.2 * e * x, b - 0.2 * e, e**2
    return w, b, v


closed("calculus/value_and_grad", "descend", lambda r: [normal(r, 3), 0.2, normal(r, 3), 4], descend)


def fit(np: Any, p: Any, t: Any, y: Any, steps: int) -> Any:
    for _ in range(steps):
        e = np.exp(-p[1] * t)
        j = np.stack([e, -p[0] * t * e, np.ones(len(t))], axis=1)
        p = p - np.linalg.solve(j.T @ j + 1e-3 * np.eye(3), j.T @ (p[0] * e + p[2] - y))
    return p


closed("calculus/gauss_newton", "fit",
       lambda r: [numpy.array([1.0, 0.5, 0.0]), numpy.linspace(0, 3, 8), numpy.exp(-numpy.linspace(0, 3, 8)) + 0.1, 4],
       fit, 1e-9)


def tension(n: int) -> Any:
    k = 2 * numpy.eye(n) - numpy.eye(n, k=1) - numpy.eye(n, k=-1)
    k[0, 0] = k[-1, -1] = 1
    return k * (n - 1)


closed("calculus/pde_energy", "equation", lambda r: [normal(r, 6)], lambda np, u: tension(6) @ u - 1 / 5)
closed("calculus/pde_energy", "stiffness", lambda r: [normal(r, 6)], lambda np, u: tension(6))
closed("calculus/adjoint_rule", "slope", lambda r: [[2.0, 3.0, 5.0], 1], lambda np, t, i: numpy.array([1.0, 6.0, 0.0]),
       later=True)
