"""Each example, run by its one command, gives the number that its header states, and what other code computes."""

from __future__ import annotations

import ast
import itertools
import os
import subprocess
import sys
from pathlib import Path

import derivant as dv
import numpy as np
import pytest
from scipy import optimize, stats
from scipy.spatial.transform import Rotation

EXAMPLES = Path(__file__).resolve().parent.parent.parent / "examples"
DATA = EXAMPLES / "data"


def run(name: str, tmp_path: Path) -> dict[str, np.ndarray]:
    """What `derivant run` saves."""
    saved = tmp_path / "result.npz"
    command = [sys.executable, "-m", "derivant", "run", str(EXAMPLES / name), "--out", str(saved)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with np.load(saved) as arrays:
        return dict(arrays)


def script(name: str) -> str:
    """What a Python example prints."""
    done = subprocess.run([sys.executable, str(EXAMPLES / name)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def header(name: str) -> str:
    """The text that the file begins with, on one line."""
    if name.endswith(".py"):
        return " ".join((ast.get_docstring(ast.parse((EXAMPLES / name).read_text())) or "").split())
    lines = itertools.takewhile(lambda line: line.startswith("##"), (EXAMPLES / name).read_text().splitlines())
    return " ".join(line.removeprefix("##").strip() for line in lines)


def table(name: str) -> np.ndarray:
    return np.loadtxt(DATA / name, delimiter=",", skiprows=1)


def reference(points: np.ndarray) -> float:
    """The log-likelihood at the maximum, by expectation maximisation in NumPy."""
    n = len(points)
    share = (points[:, 0] > 3).astype(float)
    share = np.stack([1 - share, share])
    value = 0.0
    for _ in range(500):
        weights = share.sum(axis=1) / n
        means = share @ points / share.sum(axis=1)[:, None]
        logs = []
        for c in range(2):
            off = points - means[c]
            cov = (share[c][:, None] * off).T @ off / share[c].sum()
            maha = np.einsum("ni,ij,nj->n", off, np.linalg.inv(cov), off)
            logs.append(np.log(weights[c]) - 0.5 * (maha + np.log(np.linalg.det(2 * np.pi * cov))))
        joint = np.logaddexp(*logs)
        share = np.exp(np.stack(logs) - joint)
        value = float(joint.sum())
    return value


def test_old_faithful_from_python(tmp_path: Path) -> None:
    points = table("old_faithful.csv")
    assert abs(reference(points) + 1130.264) < 1e-3
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "old_faithful_plot.py"), str(tmp_path / "picture.png")],
        capture_output=True, text=True, check=False, env={**os.environ, "MPLBACKEND": "Agg"},
    )
    assert done.returncode == 0, done.stderr
    assert f"log-likelihood {reference(points):.3f}" in done.stdout
    assert (tmp_path / "picture.png").exists() or "matplotlib is not installed" in done.stdout


def test_kepler(tmp_path: Path) -> None:
    got = run("kepler.dv", tmp_path)
    a, e, longitude, perihelion = table("planets.csv").T
    mean = np.remainder(np.radians(longitude - perihelion) + np.pi, 2 * np.pi) - np.pi

    def anomaly(c: float, m: float) -> float:
        return float(optimize.brentq(lambda x: x - c * np.sin(x) - m, -4, 4, xtol=1e-15, rtol=1e-14))

    def place(c: float, m: float) -> np.ndarray:
        x = anomaly(c, m)
        return np.array([np.cos(x) - c, np.sqrt(1 - c * c) * np.sin(x)])

    solved = np.array([anomaly(c, m) for c, m in zip(e, mean)])
    np.testing.assert_allclose(np.radians(got["anomalies"]), solved, rtol=1e-12)
    np.testing.assert_allclose(got["distances"], a * (1 - e * np.cos(solved)), rtol=1e-12)
    h = 1e-5
    slope = [(anomaly(c + h, m) - anomaly(c - h, m)) / (2 * h) for c, m in zip(e, mean)]
    np.testing.assert_allclose(got["sensitivities"], slope, rtol=1e-7)
    drift = [np.linalg.norm(place(c + h, m) - place(c - h, m)) / (2 * h) for c, m in zip(e, mean)]
    np.testing.assert_allclose(got["kilometres"], drift * a * 149.5978707, rtol=1e-7)
    assert f"{got['distances'][3]:.4f}" == "1.3912" and "1.3912" in header("kepler.dv")


def test_lorenz(tmp_path: Path) -> None:
    (value,) = run("lorenz.dv", tmp_path).values()
    assert abs(float(value) - 0.906) < 0.02
    assert f"{float(value):.3f}" in header("lorenz.dv")


def soft_dtw(cost: np.ndarray, temperature: float) -> float:
    n, m = cost.shape
    table = np.full((n + 1, m + 1), np.inf)
    table[0, 0] = 0
    for i in range(n):
        for j in range(m):
            three = np.array([table[i, j], table[i, j + 1], table[i + 1, j]])
            table[i + 1, j + 1] = cost[i, j] - temperature * np.logaddexp.reduce(-three / temperature)
    return float(table[n, m])


def test_dtw(tmp_path: Path) -> None:
    got = run("dtw.dv", tmp_path)
    years, spots = table("sunspots.csv").T
    a, b = (spots[(years >= start) & (years < start + count)] for start, count in ((1755, 11), (1954, 10)))
    cost = (a[:, None] / a.max() - b[None, :] / b.max()) ** 2
    assert abs(float(got["distance"]) - soft_dtw(cost, 0.05)) < 1e-12
    assert f"{float(got['distance']):.5f}" in header("dtw.dv")
    slope = np.zeros_like(cost)
    for index in np.ndindex(*cost.shape):
        step = np.zeros_like(cost)
        step[index] = 1e-5
        slope[index] = (soft_dtw(cost + step, 0.05) - soft_dtw(cost - step, 0.05)) / 2e-5
    np.testing.assert_allclose(got["alignment"], slope, atol=1e-6)


def reprojection(p: np.ndarray, corners: np.ndarray) -> np.ndarray:
    view, x, y, u, v = corners.T
    pose = p[6:].reshape(-1, 6)[view.astype(int)]
    q = Rotation.from_rotvec(pose[:, :3]).apply(np.stack([x, y, 0 * x], axis=1)) + pose[:, 3:]
    flat = q[:, :2] / q[:, 2:]
    r2 = (flat**2).sum(axis=1, keepdims=True)
    seen = p[2:4] + p[:2] * (1 + p[4] * r2 + p[5] * r2**2) * flat
    return np.asarray((seen - np.stack([u, v], axis=1)).ravel())


def test_bundle(tmp_path: Path) -> None:
    got = run("bundle.dv", tmp_path)
    corners = table("calibration_corners.csv")
    start = np.array([800, 800, 320, 240, 0, 0] + 5 * [0.1, 0, 0, -3.5, 3.5, 13], dtype=float)
    fit = optimize.least_squares(reprojection, start, args=(corners,), method="lm", xtol=1e-12, ftol=1e-12, gtol=1e-12)
    for name, want in (("focal", fit.x[:2]), ("centre", fit.x[2:4]), ("distortion", fit.x[4:6])):
        np.testing.assert_allclose(got[name], want, rtol=1e-4)
        for number in got[name]:
            assert f"{number:.{3 if name == 'distortion' else 2}f}" in header("bundle.dv")
    poses = np.concatenate([got["rotations"], got["positions"]], axis=1)
    np.testing.assert_allclose(poses.ravel(), fit.x[6:], atol=2e-3)
    assert abs(float(got["pixels_rms"]) - np.sqrt(2 * fit.cost / len(corners))) < 1e-6
    # Against the published calibration, which had four times the corners and one parameter more.
    np.testing.assert_allclose(got["focal"], [832.50, 832.53], rtol=1e-3)


def test_bundle_takes_the_right_jacobian() -> None:
    module = dv.load(EXAMPLES / "bundle.dv")
    names = ("view", "board_x", "board_y", "image_x", "image_y")
    corners = dict(zip(names, table("calibration_corners.csv").T))
    corners["view"] = corners["view"].astype(np.int64)
    rng = np.random.default_rng(7)
    p = np.array([800, 800, 320, 240, -0.1, 0.1] + 5 * [0.1, 0, 0, -3.5, 3.5, 13]) + 0.05 * rng.normal(size=36)
    slope = dv.grad(module.cost)(p, corners)
    for k in range(36):
        step = np.zeros(36)
        step[k] = 1e-5
        want = (module.cost(p + step, corners) - module.cost(p - step, corners)) / 2e-5
        assert slope[k] == pytest.approx(want, rel=1e-5, abs=1e-3)


def test_lstm(tmp_path: Path) -> None:
    got = run("lstm.dv", tmp_path)
    text = (DATA / "sonnet.txt").read_bytes()
    letters = sorted(set(text))
    codes = [letters.index(c) for c in text]

    def scattered(rows: int, columns: int, seed: float) -> np.ndarray:
        i, j = np.arange(1, rows + 1)[:, None], np.arange(1, columns + 1)[None, :]
        x = 43758.5453 * np.sin(12.9898 * i + 78.233 * j + seed)
        return np.asarray(0.3 * (2 * (x - np.floor(x)) - 1))

    embedding, recurrent, final = scattered(41, 96, 0.1), scattered(24, 96, 0.2), scattered(24, 41, 0.3)
    output, memory, nats = np.zeros(24), np.zeros(24), 0.0
    for letter, following in itertools.pairwise(codes):
        enter, keep, new, leave = (embedding[letter] + output @ recurrent).reshape(4, 24)
        memory = memory / (1 + np.exp(-keep - 1)) + np.tanh(new) / (1 + np.exp(-enter))
        output = np.tanh(memory) / (1 + np.exp(-leave))
        scores = output @ final
        nats += float(np.logaddexp.reduce(scores) - scores[following])
    assert float(got["first_loss"]) == pytest.approx(nats / (len(codes) - 1), rel=1e-9)
    assert f"{float(got['first_loss']):.4f}" in header("lstm.dv")
    assert f"{len(codes)} letters" in header("lstm.dv") and f"{len(letters)} letters" in header("lstm.dv")
    assert float(got["last_loss"]) < 1.8 and float(got["guessed"]) > 0.45


def test_options() -> None:
    printed = dict(line.split(maxsplit=1) for line in script("options.py").splitlines()[:6])
    found = {name: float(number) for name, number in printed.items()}
    s, k, r, v, t = 49.0, 50.0, 0.05, 0.2, 20 / 52
    d1 = (np.log(s / k) + (r + v * v / 2) * t) / (v * np.sqrt(t))
    d2 = d1 - v * np.sqrt(t)
    cdf, pdf = stats.norm.cdf, stats.norm.pdf(d1)
    want = {
        "value": s * cdf(d1) - k * np.exp(-r * t) * cdf(d2), "delta": cdf(d1), "gamma": pdf / (s * v * np.sqrt(t)),
        "theta": -s * pdf * v / (2 * np.sqrt(t)) - r * k * np.exp(-r * t) * cdf(d2), "vega": s * pdf * np.sqrt(t),
        "rho": k * t * np.exp(-r * t) * cdf(d2),
    }
    assert found == pytest.approx(want, abs=5e-5)
    for name, digits in (("value", 2), ("delta", 3), ("gamma", 3), ("theta", 2), ("vega", 1), ("rho", 2)):
        assert f"{want[name]:.{digits}f}" in header("options.py")
    assert "implied volatility 0.200000" in script("options.py")


def test_logistic() -> None:
    pytest.importorskip("sklearn")
    from sklearn.datasets import load_breast_cancer
    from sklearn.linear_model import LogisticRegression

    printed = script("logistic.py")
    found = load_breast_cancer()
    x = (found.data - found.data.mean(axis=0)) / found.data.std(axis=0)
    fit = LogisticRegression(C=1.0, tol=1e-10, max_iter=10000).fit(x, found.target)
    score = x @ fit.coef_[0] + fit.intercept_[0]
    loss = np.logaddexp(0, score).sum() - found.target @ score + 0.5 * (fit.coef_**2).sum()
    assert f"loss {loss:.4f}" in printed and f"{loss:.4f}" in header("logistic.py")
    assert "9 Newton steps" in printed and f"{100 * fit.score(x, found.target):.1f} % told right" in printed
