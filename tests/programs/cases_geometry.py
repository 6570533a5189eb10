"""References of the programs in geometry/."""

from __future__ import annotations

from typing import Any

import numpy

from .cases import case, normal, uniform

CAMERAS = lambda r: [
    {"rotation": normal(r, 2, 3), "centre": normal(r, 2, 3), "focal": 1 + uniform(r, 2), "principal": normal(r, 2, 2),
     "radial": 0.1 * normal(r, 2, 2)},
    normal(r, 3, 3) + 3, numpy.array([[0, 1], [1, 2], [1, 0], [0, 0]]), uniform(r, 4), normal(r, 4, 2)]


@case("geometry/bundle_adjustment", "residuals", CAMERAS, grad="cams points w", tol=1e-9)
def bundle(np: Any, cams: Any, points: Any, seen: Any, w: Any, feature: Any) -> Any:
    total = 0.0
    for i, (c, p) in enumerate(seen):
        r = cams["rotation"][c]
        x = points[p] - cams["centre"][c]
        angle = np.sqrt(r @ r)
        u = r / angle
        x = np.cos(angle) * x + np.sin(angle) * np.cross(u, x) + (u @ x) * (1 - np.cos(angle)) * u
        q = x[:2] / x[2]
        k = cams["radial"][c]
        s = q @ q
        q = cams["focal"][c] * (1 + k[0] * s + k[1] * s**2) * q + cams["principal"][c]
        total = total + np.sum((w[i] * (q - feature[i])) ** 2) + (1 - w[i] ** 2) ** 2
    return total


@case("geometry/kinematics", "hand", lambda r: [normal(r, 4), uniform(r, 4)], grad="angles lengths")
def hand(np: Any, angles: Any, lengths: Any) -> Any:
    h = np.cumsum(angles)
    return np.stack([np.sum(lengths * np.cos(h)), np.sum(lengths * np.sin(h))])


@case("geometry/kinematics", "reach", lambda r: [normal(r, 4), uniform(r, 4), [0.4, 0.9]], derivatives=True)
def reach(np: Any, angles: Any, lengths: Any, target: Any) -> Any:
    h = np.cumsum(angles)
    s, c = lengths * np.sin(h), lengths * np.cos(h)
    j = np.stack([-np.cumsum(s[::-1])[::-1], np.cumsum(c[::-1])[::-1]])
    return angles + j.T @ np.linalg.solve(j @ j.T + 0.01 * np.eye(2), target - np.array([c.sum(), s.sum()]))


@case("geometry/polygon", "area", lambda r: [normal(r, 5, 2)], grad="p")
def area(np: Any, p: Any) -> Any:
    q = np.roll(p, -1, axis=0)
    return 0.5 * np.sum(p[:, 0] * q[:, 1] - q[:, 0] * p[:, 1])


@case("geometry/polygon", "how_many", lambda r: [numpy.array([[0.0, 0], [2, 0], [2, 1], [0, 1]]), 2 * uniform(r, 9, 2)])
def how_many(np: Any, p: Any, qs: Any) -> Any:
    return np.sum((qs[:, 0] < 2) & (qs[:, 1] < 1))


@case("geometry/icp", "misfit", lambda r: [0.3, [0.1, -0.2], normal(r, 5, 2), normal(r, 4, 2)],
      grad="angle shift a b")
def icp(np: Any, angle: Any, shift: Any, a: Any, b: Any) -> Any:
    c, s = np.cos(angle), np.sin(angle)
    p = np.stack([c * a[:, 0] - s * a[:, 1] + shift[0], s * a[:, 0] + c * a[:, 1] + shift[1]], axis=1)
    return np.sum(np.min(np.sum((p[:, None] - b[None]) ** 2, axis=2), axis=1))


@case("geometry/mesh", "area", lambda r: [normal(r, 5, 3), [[0, 1, 2], [1, 2, 3], [2, 3, 4]]], grad="vertex")
def mesh(np: Any, vertex: Any, triangles: Any) -> Any:
    a, b, c = (vertex[numpy.asarray(triangles)[:, k]] for k in range(3))
    return 0.5 * np.sum(np.sqrt(np.sum(np.cross(b - a, c - a) ** 2, axis=1)))


def bernstein(np: Any, points: Any, t: Any) -> Any:
    n = len(points) - 1
    choose = [1.0]
    for k in range(n):
        choose.append(choose[-1] * (n - k) / (k + 1))
    return sum(choose[k] * t**k * (1 - t) ** (n - k) * points[k] for k in range(n + 1))


@case("geometry/bezier", "bezier", lambda r: [normal(r, 4, 2), 0.3], grad="points t")
def bezier(np: Any, points: Any, t: Any) -> Any:
    return bernstein(np, points, t)


@case("geometry/bezier", "speed", lambda r: [normal(r, 4, 2), 0.3], derivatives=True)
def speed(np: Any, points: Any, t: Any) -> Any:
    return np.linalg.norm(bernstein(np, 3 * (points[1:] - points[:-1]), t))


@case("geometry/spheres", "total", lambda r: [1.1, 0.7, 2.0], grad="r a h")
def solids(np: Any, r: Any, a: Any, h: Any) -> Any:
    return 4 / 3 * np.pi * r**3 + a * 2 * a * 3.0 - np.pi * r**2 * h


@case("geometry/curvature", "curvature", lambda r: [0.4, 0.9], derivatives=True)
def curvature(np: Any, x: Any, y: Any) -> Any:
    fx, fy = np.cos(x) * np.cos(y) + 0.1 * y, -np.sin(x) * np.sin(y) + 0.1 * x
    fxx = fyy = -np.sin(x) * np.cos(y)
    fxy = -np.cos(x) * np.sin(y) + 0.1
    return (fxx * fyy - fxy**2) / (1 + fx**2 + fy**2) ** 2


@case("geometry/voronoi", "sizes", lambda r: [uniform(r, 4, 2), 8])
def voronoi(np: Any, sites: Any, n: int) -> Any:
    x, y = np.meshgrid(np.arange(n) / n, np.arange(n) / n, indexing="ij")
    d = (sites[:, 0, None, None] - x) ** 2 + (sites[:, 1, None, None] - y) ** 2
    return np.bincount(np.argmin(d, axis=0).ravel(), minlength=len(sites))


@case("geometry/homography", "homography", lambda r: [normal(r, 4, 2), normal(r, 4, 2)], grad="p q", tol=1e-8)
def homography(np: Any, p: Any, q: Any) -> Any:
    rows = []
    for i in range(4):
        (x, y), (u, v) = p[i], q[i]
        rows.append(np.stack([x, y, 1.0 + 0 * x, 0 * x, 0 * x, 0 * x, -x * u, -y * u]))
        rows.append(np.stack([0 * x, 0 * x, 0 * x, x, y, 1.0 + 0 * x, -x * v, -y * v]))
    h = np.linalg.solve(np.stack(rows), q.reshape(-1))
    return np.concatenate([h, np.ones(1)]).reshape(3, 3)
