"""The functions in JAX: double precision, jitted, one thread, waited for."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

# Read when JAX starts: its own threads would compare two cores with one.
os.environ.setdefault("NPROC", "1")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_cpu_multi_thread_eigen=false"

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.scipy.special import gammaln

from .inputs import Args

_JAX: Any = jax  # parts of it carry no types
_JAX.config.update("jax_enable_x64", True)

Array = jax.Array


def bind(name: str, mode: str, args: Args) -> Callable[[], Any]:
    """The call for function `name`, `mode` being "primal" or "derivative"; its arguments are on the device."""
    function = _FUNCTIONS[name, mode]
    given = [jnp.asarray(a) if isinstance(a, np.ndarray) else a for a in args]
    return lambda: _JAX.block_until_ready(function(*given))


def _logsumexp(v: Array) -> Array:
    top = lax.stop_gradient(jnp.max(v, axis=-1))
    return top + jnp.log(jnp.sum(jnp.exp(v - top[..., None]), axis=-1))


# ---------------------------------------------------------------- gmm


def gmm(alpha: Array, mu: Array, q: Array, l: Array, x: Array, gamma: float, m: int) -> Array:
    """Gaussian mixture with packed inverse factors and a Wishart prior."""
    n, d = x.shape
    k = len(alpha)
    cols, rows = np.triu_indices(d, 1)
    factors = jnp.zeros((k, d, d)).at[:, rows, cols].set(l)
    factors = factors.at[:, np.arange(d), np.arange(d)].set(jnp.exp(q))
    z = jnp.einsum("krs,nks->nkr", factors, x[:, None, :] - mu)
    beta = alpha + jnp.sum(q, axis=1) - 0.5 * jnp.sum(z**2, axis=-1)
    freedom = d + m + 1
    log_gamma = 0.25 * d * (d - 1) * np.log(np.pi) + jnp.sum(gammaln(0.5 * freedom - 0.5 * jnp.arange(d)))
    constant = freedom * d * (jnp.log(gamma) - 0.5 * np.log(2)) - log_gamma
    prior = k * constant - 0.5 * gamma**2 * (jnp.sum(jnp.exp(q) ** 2) + jnp.sum(l**2)) + m * jnp.sum(q)
    result: Array = jnp.sum(_logsumexp(beta)) - n * _logsumexp(alpha) - 0.5 * n * d * np.log(2 * np.pi) + prior
    return result


# ---------------------------------------------------------------- ba


def _rotate(r: Array, x: Array) -> Array:
    square = r @ r
    zero = square == 0
    theta = jnp.sqrt(jnp.where(zero, 1.0, square))
    w = r / theta
    turned = x * jnp.cos(theta) + jnp.cross(w, x) * jnp.sin(theta) + w * (w @ x) * (1 - jnp.cos(theta))
    return jnp.where(zero, x + jnp.cross(r, x), turned)


def _residual(cam: Array, point: Array, weight: Array, feat: Array) -> Array:
    seen = _rotate(cam[0:3], point - cam[3:6])
    p = seen[:2] / seen[2]
    square = p @ p
    lens = 1 + cam[9] * square + cam[10] * square**2
    return weight * (cam[6] * lens * p + cam[7:9] - feat)


def ba(cams: Array, points: Array, weights: Array, feats: Array, obs: Array) -> tuple[Array, Array]:
    """Reprojection errors and errors of the weights."""
    errors = jax.vmap(_residual)(cams[obs[:, 0]], points[obs[:, 1]], weights, feats)
    return errors, 1 - weights**2


def ba_jacobian(cams: Array, points: Array, weights: Array, feats: Array, obs: Array) -> tuple[Array, Array, Array]:
    """Their Jacobian in compressed rows."""
    n, m, p = len(cams), len(points), len(obs)
    rows_of = jax.vmap(jax.jacrev(_residual, argnums=(0, 1, 2)))
    c, x, w = rows_of(cams[obs[:, 0]], points[obs[:, 1]], weights, feats)
    blocks = jnp.concatenate([c, x, w[:, :, None]], axis=2)
    cam_cols = 11 * obs[:, 0, None] + jnp.arange(11)
    point_cols = 11 * n + 3 * obs[:, 1, None] + jnp.arange(3)
    weight_cols = 11 * n + 3 * m + jnp.arange(p)
    line = jnp.concatenate([cam_cols, point_cols, weight_cols[:, None]], axis=1)
    cols = jnp.concatenate([jnp.stack([line, line], axis=1).ravel(), weight_cols])
    i = jnp.arange(3 * p + 1)
    rows = jnp.where(i < 2 * p, 15 * i, 28 * p + i)
    return rows, cols, jnp.concatenate([blocks.ravel(), -2 * weights])


# ---------------------------------------------------------------- lstm


def lstm(main: Array, extra: Array, state: Array, sequence: Array) -> Array:
    """Mean negative log-likelihood of the bits under a stack of elementwise LSTM layers."""
    c, b = sequence.shape
    layers = len(state) // 2
    weights = main.reshape(layers, 2, 4, b)

    def layer(x: Array, given: tuple[Array, Array, Array]) -> tuple[Array, tuple[Array, Array]]:
        (w, v), hidden, cell = given[0], given[1], given[2]
        forget, out = jax.nn.sigmoid(x * w[0] + v[0]), jax.nn.sigmoid(x * w[2] + v[2])
        write, change = jax.nn.sigmoid(hidden * w[1] + v[1]), jnp.tanh(hidden * w[3] + v[3])
        next_cell = cell * forget + write * change
        shown = out * jnp.tanh(next_cell)
        return shown, (shown, next_cell)

    def step(carry: tuple[Array, Array, Array], given: tuple[Array, Array]) -> tuple[tuple[Array, Array, Array], None]:
        hidden, cell, total = carry
        here, following = given
        x, (hidden, cell) = lax.scan(layer, here * extra[0], (weights, hidden, cell))
        y = x * extra[1] + extra[2]
        norm = jnp.log(2 + jnp.sum(jnp.exp(y)))
        return (hidden, cell, total + jnp.sum(following * (y - norm))), None

    start = (state[0::2], state[1::2], jnp.zeros(()))
    (_, _, total), _ = lax.scan(step, start, (sequence[:-1], sequence[1:]))
    return -total / ((c - 1) * b)


# ---------------------------------------------------------------- lse and ode


def lse(x: Array) -> Array:
    """log(sum(exp(x)))."""
    return _logsumexp(x)


def ode(x: Array, s: int) -> Array:
    """y'[0] = x[0], y'[i] = x[i] y[i - 1] to t = 2 by s Runge-Kutta steps."""
    h = 2 / s

    def slope(y: Array) -> Array:
        return x * jnp.concatenate([jnp.ones(1), y[:-1]])

    def step(y: Array, _: None) -> tuple[Array, None]:
        k1 = slope(y)
        k2 = slope(y + 0.5 * h * k1)
        k3 = slope(y + 0.5 * h * k2)
        k4 = slope(y + h * k3)
        return y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4), None

    return lax.scan(step, jnp.zeros_like(x), None, length=s)[0]


_FUNCTIONS: Mapping[tuple[str, str], Callable[..., Any]] = {
    ("gmm", "primal"): jax.jit(gmm, static_argnums=(5, 6)),
    ("gmm", "derivative"): jax.jit(jax.grad(gmm, argnums=(0, 1, 2, 3)), static_argnums=(5, 6)),
    ("ba", "primal"): jax.jit(ba),
    ("ba", "derivative"): jax.jit(ba_jacobian),
    ("lstm", "primal"): jax.jit(lstm),
    ("lstm", "derivative"): jax.jit(jax.grad(lstm, argnums=(0, 1))),
    ("lse", "primal"): jax.jit(lse),
    ("lse", "derivative"): jax.jit(jax.grad(lse)),
    ("ode", "primal"): jax.jit(ode, static_argnums=1),
    ("ode", "derivative"): jax.jit(jax.grad(lambda x, s: ode(x, s)[-1]), static_argnums=1),
}
