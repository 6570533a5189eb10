"""References of the programs in physics/."""

from __future__ import annotations

from typing import Any

from .cases import case, normal


@case("physics/pendulum", "energy", lambda r: [0.3, -0.7, 1.2], grad="angle velocity l")
def energy(np: Any, angle: Any, velocity: Any, length: Any) -> Any:
    return 0.5 * (length * velocity) ** 2 - 9.81 * length * np.cos(angle)


@case("physics/pendulum", "swing", lambda r: [0.3, -0.7, 1.2, 25])
def swing(np: Any, a: Any, v: Any, length: Any, steps: int) -> Any:
    h, k = 0.01, 9.81 / length
    for _ in range(steps):
        v = v - 0.5 * h * k * np.sin(a)
        a = a + h * v
        v = v - 0.5 * h * k * np.sin(a)
    return a, v


@case("physics/gravity", "potential", lambda r: [normal(r, 4, 3), abs(normal(r, 4))], grad="x m")
def potential(np: Any, x: Any, m: Any) -> Any:
    total = 0.0
    for i in range(len(m)):
        for j in range(i):
            total = total - m[i] * m[j] / np.sqrt(np.sum((x[i] - x[j]) ** 2) + 1e-4)
    return total


@case("physics/gravity", "forces", lambda r: [normal(r, 4, 3), abs(normal(r, 4))], derivatives=True)
def forces(np: Any, x: Any, m: Any) -> Any:
    d = x[:, None] - x[None, :]
    r2 = np.sum(d ** 2, axis=2) + 1e-4
    return -np.sum(d * (m[:, None] * m[None, :] / r2 ** 1.5)[..., None], axis=1)


@case("physics/verlet", "simulate", lambda r: [normal(r, 3, 2), normal(r, 3, 2), 1.3, 5], grad="position velocity k")
def simulate(np: Any, x: Any, v: Any, k: Any, steps: int) -> Any:
    def pull(x: Any) -> Any:
        return -k * x * (1 + x ** 2)

    for _ in range(steps):
        half = v + 0.025 * pull(x)
        x = x + 0.05 * half
        v = half + 0.025 * pull(x)
    return np.sum(x) + 2 * np.sum(v * v)


@case("physics/heat", "heat", lambda r: [normal(r, 7), 0.2, 4])
def heat(np: Any, u: Any, r: Any, steps: int) -> Any:
    for _ in range(steps):
        inner = u[1:-1] + r * (u[:-2] - 2 * u[1:-1] + u[2:])
        u = np.concatenate([u[:1], inner, u[-1:]])
    return u


@case("physics/wave", "wave", lambda r: [normal(r, 6), 0.5, 4])
def wave(np: Any, u: Any, c: Any, steps: int) -> Any:
    before = now = u
    for _ in range(steps):
        following = 2 * now - before + c * c * (np.roll(now, 1) - 2 * now + np.roll(now, -1))
        before, now = now, following
    return now


@case("physics/ising", "energy", lambda r: [r.choice([-1, 1], (3, 4)), 1.5, 0.25], grad="coupling field")
def ising(np: Any, s: Any, coupling: Any, field: Any) -> Any:
    bonds = np.sum(s * (np.roll(s, -1, 0) + np.roll(s, -1, 1)))
    return -coupling * bonds - field * np.sum(s)


@case("physics/lagrangian", "lagrangian", lambda r: [normal(r, 2), normal(r, 2)], grad="q v")
def lagrangian(np: Any, q: Any, v: Any) -> Any:
    kinetic = v[0] ** 2 + 0.5 * v[1] ** 2 + v[0] * v[1] * np.cos(q[0] - q[1])
    return kinetic + 9.81 * (2 * np.cos(q[0]) + np.cos(q[1]))


@case("physics/lagrangian", "mass", lambda r: [normal(r, 2), normal(r, 2)], derivatives=True)
def mass(np: Any, q: Any, v: Any) -> Any:
    c = np.cos(q[0] - q[1])
    return np.array([[2.0, c], [c, 1.0]])


@case("physics/lagrangian", "momentum", lambda r: [normal(r, 2), normal(r, 2)], derivatives=True)
def momentum(np: Any, q: Any, v: Any) -> Any:
    c = np.cos(q[0] - q[1])
    return np.array([2 * v[0] + v[1] * c, v[1] + v[0] * c])


def rk4(f: Any, y: Any, h: float, steps: int) -> Any:
    for k in range(steps):
        t = k * h
        k1 = f(t, y)
        k2 = f(t + h / 2, y + h / 2 * k1)
        k3 = f(t + h / 2, y + h / 2 * k2)
        k4 = f(t + h, y + h * k3)
        y = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return y


@case("physics/rk4", "lotka_volterra", lambda r: [[1.0, 0.5], [1.1, 0.4, 0.1, 0.4], 6])
def lotka_volterra(np: Any, y: Any, p: Any, steps: int) -> Any:
    def f(t: Any, u: Any) -> Any:
        return np.array([p[0] * u[0] - p[1] * u[0] * u[1], p[2] * u[0] * u[1] - p[3] * u[1]])

    return rk4(f, np.asarray(y), 0.05, steps)


@case("physics/rk4", "driven", lambda r: [[1.0, 0.0], 2.5])
def driven(np: Any, y: Any, w: Any) -> Any:
    return rk4(lambda t, u: np.array([u[1], np.sin(w * t) - u[0]]), np.asarray(y), 0.1, 12)


def lj(np: Any, x: Any) -> Any:
    total = 0.0
    for i in range(len(x)):
        for j in range(i):
            s = 1 / np.sum((x[i] - x[j]) ** 2) ** 3
            total = total + 4 * (s * s - s)
    return total


@case("physics/lennard_jones", "energy", lambda r: [2 * normal(r, 4, 3)], grad="x")
def lj_energy(np: Any, x: Any) -> Any:
    return lj(np, x)


@case("physics/lennard_jones", "virial", lambda r: [2 * normal(r, 4, 3)], derivatives=True)
def virial(np: Any, x: Any) -> Any:
    total = 0.0
    for i in range(len(x)):
        for j in range(i):
            s = 1 / np.sum((x[i] - x[j]) ** 2) ** 3
            total = total + 4 * (-12 * s * s + 6 * s)
    return total


@case("physics/orbit", "kepler", lambda r: [1.1, 0.4], grad="mean_anomaly e")
def kepler(np: Any, m: Any, e: Any) -> Any:
    x = m
    while abs(x - e * np.sin(x) - m) > 1e-13:
        x = x - (x - e * np.sin(x) - m) / (1 - e * np.cos(x))
    return x


@case("physics/orbit", "place", lambda r: [1.1, 0.4])
def place(np: Any, m: Any, e: Any) -> Any:
    x = kepler(np, m, e)
    return np.cos(x) - e, np.sqrt(1 - e * e) * np.sin(x)


@case("physics/raymarch", "march",
      lambda r: [[0.0, 0.1, -4.0], [0.0, 0.0, 1.0], [[0.0, 0.0, 0.0], [0.5, 0.2, 3.0]], [0.8, 0.5]],
      grad="origin radii")
def march(np: Any, origin: Any, direction: Any, centres: Any, radii: Any) -> Any:
    origin, direction = np.asarray(origin), np.asarray(direction)
    centres, radii = np.asarray(centres), np.asarray(radii)
    t, d, n = 0.0, 1.0, 0
    while n < 60 and d > 1e-10:
        p = origin + t * direction
        d = np.min(np.sqrt(np.sum((p - centres) ** 2, axis=1)) - radii)
        t, n = t + d, n + 1
    return t


@case("physics/advection", "transport", lambda r: [normal(r, 6), normal(r, 6), 0.3, 3])
def transport(np: Any, q: Any, v: Any, r: Any, steps: int) -> Any:
    for _ in range(steps):
        left = np.concatenate([np.zeros(1), q[:-1]])
        right = np.concatenate([q[1:], np.zeros(1)])
        q = np.where(v >= 0, q - r * v * (q - left), q - r * v * (right - q))
    return q


@case("physics/optics", "telescope", lambda r: [2.0, 0.5, 2.3])
def telescope(np: Any, f: Any, g: Any, d: Any) -> Any:
    a = np.array([[1.0, 0.0], [-1 / g, 1.0]]) @ np.array([[1.0, d], [0.0, 1.0]])
    return a @ np.array([[1.0, 0.0], [-1 / f, 1.0]]) @ np.array([[1.0, 0.0], [0.0, -1.0]])


@case("physics/optics", "focus", lambda r: [2.0, 0.5, 2.3], grad="f g d")
def focus(np: Any, f: Any, g: Any, d: Any) -> Any:
    return -1 / g - 1 / f + d / (f * g)


@case("physics/quaternion", "rotate", lambda r: [normal(r, 3), 0.7, normal(r, 3)])
def rotate(np: Any, axis: Any, angle: Any, x: Any) -> Any:
    a = axis / np.sqrt(np.sum(axis ** 2))
    return x * np.cos(angle) + np.cross(a, x) * np.sin(angle) + a * (a @ x) * (1 - np.cos(angle))


@case("physics/relaxation", "solve_poisson", lambda r: [normal(r, 4, 5), 3])
def solve_poisson(np: Any, f: Any, sweeps: int) -> Any:
    u = np.zeros_like(f)
    for _ in range(sweeps):
        for i in range(1, f.shape[0] - 1):
            for j in range(1, f.shape[1] - 1):
                u[i, j] = 0.25 * (u[i - 1, j] + u[i + 1, j] + u[i, j - 1] + u[i, j + 1] - f[i, j])
    return u
