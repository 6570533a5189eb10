"""Old Faithful from Python: fits the mixture, checks its gradient, draws points and ellipses.

    python examples/old_faithful_plot.py [picture.png]
"""

import sys
from pathlib import Path

import derivant as dv
import numpy as np

HERE = Path(__file__).parent


def ellipse(mean: np.ndarray, covariance: np.ndarray, deviations: float) -> np.ndarray:
    """Points of the ellipse at so many standard deviations, shape (100, 2)."""
    angle = np.linspace(0, 2 * np.pi, 100)
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return mean + deviations * circle @ np.linalg.cholesky(covariance).T


def main() -> None:
    model = dv.load(HERE / "old_faithful.dv")
    points = np.loadtxt(HERE / "data" / "old_faithful.csv", delimiter=",", skiprows=1)
    data = {"eruption_minutes": points[:, 0], "waiting_minutes": points[:, 1]}

    fit = model.main(data)
    print(f"log-likelihood {fit.log_likelihood:.3f} after {fit.iterations} steps, gradient {fit.gradient_norm:.1e}")
    for weight, mean, covariance in zip(fit.weights, fit.means, fit.covariances, strict=True):
        print(f"weight {weight:.3f}  mean {mean.round(3)}  covariance {covariance.round(4).tolist()}")

    # Any function of the file can be differentiated from here too.
    start = np.concatenate([np.zeros(2), fit.means.ravel(), np.zeros(8)])
    value, slope = dv.value_and_grad(model.log_likelihood)(start, points, 2)
    print(f"with unit covariances: {value:.1f}, length of the gradient {np.linalg.norm(slope):.1f}")

    try:
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib import pyplot
    except ImportError:
        print("no picture: matplotlib is not installed (pip install 'derivant[plot]')")
        return
    figure, axes = pyplot.subplots(figsize=(7, 5))
    axes.plot(*points.T, ".", color="0.4", markersize=5)
    for colour, mean, covariance in zip(("tab:blue", "tab:orange"), fit.means, fit.covariances, strict=True):
        for deviations in (1, 2, 3):
            axes.plot(*ellipse(mean, covariance, deviations).T, color=colour, linewidth=1.5 / deviations + 0.5)
    axes.set_xlabel("length of the eruption (minutes)")
    axes.set_ylabel("waiting time to the next one (minutes)")
    axes.set_title("Old Faithful: two Gaussians by maximum likelihood")
    path = sys.argv[1] if len(sys.argv) > 1 else "old_faithful.png"
    figure.savefig(path, dpi=150, bbox_inches="tight")
    print(f"drawn to {path}")


if __name__ == "__main__":
    main()
