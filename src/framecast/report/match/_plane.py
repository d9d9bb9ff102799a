"""The plane in which an embedding is drawn.

Shape letters: n vectors, E embedding size.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Plane:
    """Maps vectors to points of a plane."""

    centre: NDArray[np.float64]
    """``(E,)``, the vector that becomes the origin."""
    directions: NDArray[np.float64]
    """``(2, E)``, the directions that become right and up."""
    shares: tuple[float, float] | None
    """Shares of the variance along the two directions; None if the plane holds all of it."""

    def __call__(self, vectors: NDArray[Any]) -> NDArray[np.float64]:
        """Return the points ``(..., 2)`` of vectors ``(..., E)``."""
        return np.asarray((vectors - self.centre) @ self.directions.T)

    @property
    def axis_names(self) -> tuple[str, str]:
        """Names of the two axes."""
        if self.shares is None:
            return "first number of the embedding", "second number"
        first, second = (f"{100 * share:.0f} % of the variance" for share in self.shares)
        return f"first principal component, {first}", f"second, {second}"


def fit_plane(vectors: NDArray[Any]) -> Plane:
    """Return the plane of the first two principal components of vectors.

    Vectors of one or two numbers are drawn as they are.

    Args:
        vectors: ``(n, E)``.

    Example:
        >>> vectors = np.array([[3.0, 0.0, 0.0], [-3.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 0.0, -1.0]])
        >>> plane = fit_plane(vectors)
        >>> plane.shares, plane(vectors[0])
        ((0.9, 0.1), array([3., 0.]))
    """
    size = vectors.shape[1]
    if size <= 2:
        return Plane(np.zeros(size), np.eye(2, size), None)
    exact = vectors.astype(np.float64)
    centre = exact.mean(axis=0)
    variance, directions = np.linalg.eigh((exact - centre).T @ (exact - centre))
    first = directions.T[:-3:-1]
    # An eigenvector has no sign of its own: its largest number becomes positive, so that reports of one run agree.
    largest = np.take_along_axis(first, np.abs(first).argmax(axis=1, keepdims=True), axis=1)
    shares = variance[:-3:-1] / max(float(variance.sum()), np.finfo(float).tiny)
    return Plane(centre, first * np.sign(largest), (round(float(shares[0]), 12), round(float(shares[1]), 12)))


def window(points: NDArray[np.float64], aspect: float) -> tuple[float, float, float]:
    """Return left, bottom and width of the window that shows all points, with a margin and equal scales.

    Args:
        points: ``(..., 2)``.
        aspect: height of the window over its width.
    """
    low, high = (extreme(points.reshape(-1, 2), axis=0) for extreme in (np.min, np.max))
    across, up = high - low
    width = 1.1 * max(across, up / aspect) or 1.0  # if all points are the same, any window shows them
    left, bottom = (low + high) / 2 - np.array([width, width * aspect]) / 2
    return float(left), float(bottom), float(width)
