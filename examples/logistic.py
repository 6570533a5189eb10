"""Logistic regression by Newton's method, with gradients and Hessians of a decorated function, on the breast cancer
data of scikit-learn (569 tumours, 30 features, standardised).

Nine steps bring the gradient below 1e-9; the penalised loss is then 37.7589 and 98.8 % of the tumours are told right.

    python examples/logistic.py        (needs scikit-learn)
"""

import derivant as dv
import numpy as np
from sklearn.datasets import load_breast_cancer


@dv.jit
def loss(w: dv.f64["d"], b: float, x: dv.f64["n", "d"], y: dv.f64["n"], penalty: float = 0.5) -> float:
    """The negative log-likelihood, with a penalty on the weights but not on the intercept."""
    total = penalty * sum(w[j] ** 2 for j in range(len(w)))
    for i in range(len(y)):
        score = b + sum(x[i, j] * w[j] for j in range(len(w)))
        total += np.logaddexp(0.0, score) - y[i] * score
    return total


def newton(x: np.ndarray, y: np.ndarray, tolerance: float = 1e-9) -> tuple[np.ndarray, float, int]:
    """Weights, intercept and the number of steps."""
    slope, curvature = dv.grad(loss, argnums=(0, 1)), dv.hessian(loss, argnums=(0, 1))
    w, b = np.zeros(x.shape[1]), 0.0
    for step in range(50):
        gw, gb = slope(w, b, x, y)
        gradient = np.append(gw, gb)
        if np.abs(gradient).max() < tolerance:
            return w, b, step
        (ww, wb), (bw, bb) = curvature(w, b, x, y)
        hessian = np.block([[ww, wb[:, None]], [bw[None, :], np.array([[bb]])]])
        move = np.linalg.solve(hessian, gradient)
        w, b = w - move[:-1], b - float(move[-1])
    raise RuntimeError("Newton's method has not converged")


def data() -> tuple[np.ndarray, np.ndarray]:
    found = load_breast_cancer()
    x = (found.data - found.data.mean(axis=0)) / found.data.std(axis=0)
    return x, found.target.astype(float)


def main() -> None:
    x, y = data()
    w, b, steps = newton(x, y)
    right = np.mean((x @ w + b > 0) == (y > 0.5))
    print(f"{steps} Newton steps, loss {loss(w, b, x, y):.4f}, {100 * right:.1f} % told right")


if __name__ == "__main__":
    main()
