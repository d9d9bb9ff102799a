"""The run of a matcher, read from its folder.

Shape letters: n images, E embedding size, H height, W width, k classes, P pairs, m images followed in training.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from framecast.runs import ResultFolder, RunFolder, finite, read_arrays

from ..shared._run import Run, read_metrics, read_run, readable

Scores = dict[str, float | None]
_ARRAYS = ("embeddings", "labels", "images", "classes", "distances", "similar", "pairs", "threshold")


@dataclass(frozen=True)
class Embedding:
    """Test images, and the vectors that the network maps them to."""

    vectors: NDArray[np.float32]
    """``(n, E)``."""
    labels: NDArray[np.integer]
    """``(n,)``, each an index into the classes."""
    images: NDArray[np.uint8]
    """``(n, H, W)``, or ``(n, H, W, 3)`` in colour."""
    classes: list[str]
    """Names of all classes, also of those without an image here."""

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class MatchPairs:
    """Pairs of test images, and the distance up to which two images count as the same."""

    distances: NDArray[np.float64]
    """``(P,)``."""
    similar: NDArray[np.bool_]
    """``(P,)``, whether both images are of one class."""
    images: NDArray[np.integer]
    """``(P, 2)``, indices of stored images; -1 for an image that was not stored."""
    threshold: float | None
    """None if it is not finite."""

    def wrong(self) -> NDArray[np.bool_]:
        """Return whether the threshold judges each pair wrongly, ``(P,)``; all False without a threshold."""
        if self.threshold is None:
            return np.zeros(len(self.similar), dtype=bool)
        return np.asarray((self.distances <= self.threshold) != self.similar)


@dataclass(frozen=True)
class Movement:
    """Positions of some images after each epoch of the training."""

    positions: NDArray[np.float32]
    """``(epochs, m, E)``."""
    labels: NDArray[np.integer]
    """``(m,)``, as in the embedding."""
    epochs: NDArray[np.integer]
    """Number of epochs trained by then, ``(epochs,)``."""


@dataclass(frozen=True)
class MatchRun(Run):
    """What the report tells of a run that matches."""

    scores: Scores = field(default_factory=dict)
    one_shot: Scores = field(default_factory=dict)
    """Accuracies of one-shot classification, by the kind of trial."""
    embedding: Embedding | None = None
    pairs: MatchPairs | None = None
    movement: Movement | None = None


def read_match_run(folder: RunFolder, test: str | None = None) -> MatchRun:
    """Read the run of a matcher; arguments and errors are those of :func:`read_run`."""
    run = read_run(folder, test)
    movement = read_movement(folder)
    if run.results is None:
        return MatchRun(**vars(run), movement=movement)
    scores, one_shot = _read_scores(run.results)
    embedding, pairs = read_match(run.results.match) if run.results.match.is_file() else (None, None)
    return MatchRun(**vars(run), scores=scores, one_shot=one_shot, embedding=embedding, pairs=pairs, movement=movement)


def read_match(path: Path) -> tuple[Embedding, MatchPairs]:
    """Read the embeddings and the pairs that a test of a matcher stored.

    Args:
        path: ``match.npz`` in the folder of the test.

    Raises:
        FileNotFoundError: if it does not exist.
        ValueError: if it is damaged, or its arrays do not fit each other.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no embedding at `{path}`: `framecast test` writes it")
    arrays = read_arrays(path, *_ARRAYS, remedy="run `framecast test` again")
    vectors, labels, images, classes, distances, similar, pairs, at = (arrays[name] for name in _ARRAYS)
    shapes = ", ".join(f"{name} {array.shape}" for name, array in (("embeddings", vectors), ("images", images)))
    if vectors.ndim != 2 or 0 in vectors.shape or not _are_pictures(images) or len(images) != len(vectors):
        raise ValueError(f"`{path}` must hold embeddings (n, E) and images (n, H, W) or (n, H, W, 3), got {shapes}")
    if not np.isfinite(vectors).all():
        raise ValueError(f"`{path}` must hold finite embeddings, got {int((~np.isfinite(vectors)).sum())} that are not")
    _check_labels(path, labels, len(vectors), len(classes))
    if distances.ndim != 1 or similar.shape != distances.shape or pairs.shape != (*distances.shape, 2):
        shapes = ", ".join(str(array.shape) for array in (distances, similar, pairs))
        raise ValueError(f"`{path}` must hold distances (P,), similar (P,) and pairs (P, 2), got {shapes}")
    if pairs.size and not -1 <= pairs.min() <= pairs.max() < len(vectors):
        raise ValueError(f"`pairs` of `{path}` must be indices of its {len(vectors)} images, or -1")
    if not np.isfinite(distances).all() or len(np.unique(similar)) != 2:
        raise ValueError(f"`{path}` must hold finite distances, of pairs of one class and of two")
    names = [str(name) for name in classes]
    embedding = Embedding(vectors.astype(np.float32), labels, images.astype(np.uint8), names)
    threshold = finite(float(at)) if at.size == 1 else None
    return embedding, MatchPairs(distances.astype(np.float64), similar.astype(bool), pairs, threshold)


def read_movement(folder: RunFolder) -> Movement | None:
    """Read where images lay after each epoch; None if the run did not record it.

    Epochs without a number are counted from 1.

    Raises:
        ValueError: if the file is damaged, or its arrays do not fit each other.
    """
    arrays, path = folder.read_embedding_epochs("positions", "labels"), folder.embedding_epochs
    if arrays is None:
        return None
    positions, labels = arrays["positions"], arrays["labels"]
    if positions.ndim != 3 or 0 in positions.shape or labels.shape != positions.shape[1:2]:
        shapes = f"{positions.shape} and {labels.shape}"
        raise ValueError(f"`{path}` must hold positions (epochs, m, E) and labels (m,), got {shapes}")
    if not np.isfinite(positions).all():
        raise ValueError(
            f"`{path}` must hold finite positions, got {int((~np.isfinite(positions)).sum())} that are not"
        )
    epochs = arrays.get("epochs", np.arange(1, len(positions) + 1))
    if epochs.shape != positions.shape[:1]:
        raise ValueError(f"`{path}` must hold epochs {positions.shape[:1]}, got {epochs.shape}")
    return Movement(positions.astype(np.float32), labels, epochs)


def _are_pictures(images: NDArray[Any]) -> bool:
    return (images.ndim == 3 or (images.ndim == 4 and images.shape[3] == 3)) and 0 not in images.shape


def _check_labels(path: Path, labels: NDArray[Any], images: int, classes: int) -> None:
    if labels.shape != (images,):
        raise ValueError(f"`{path}` must hold a label of each of its {images} images, got labels {labels.shape}")
    if labels.min() < 0 or labels.max() >= classes:
        span = f"{labels.min()} to {labels.max()}"
        raise ValueError(f"`labels` of `{path}` must be indices of its {classes} classes, got {span}")


def _read_scores(results: ResultFolder) -> tuple[Scores, Scores]:
    """Return the scores, and the accuracies of one-shot classification."""
    scores = read_metrics(results, "scores")
    with readable(results.metrics):
        one_shot = {str(kind): finite(value) for kind, value in (scores.pop("one_shot", None) or {}).items()}
        return {name: finite(value) for name, value in scores.items()}, one_shot
