"""The run folder of a Siamese network, read.

Shape letters: n images, E embedding size, H height, W width, k classes, P pairs, m followed images.
"""

import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..forecast._run import RunFolder, finite, read_config, read_json, read_logs, test_folder

Scores = dict[str, float | None]
MOVEMENT = "embedding_epochs.npz"
_ARRAYS = ("embeddings", "labels", "images", "classes", "distances", "similar", "pairs", "threshold")


@dataclass(frozen=True)
class Embedding:
    """Test images and the vectors that the network maps them to."""

    vectors: NDArray[np.float32]
    """`(n, E)`."""
    labels: NDArray[np.integer]
    """`(n,)`, each an index into the classes."""
    images: NDArray[np.uint8]
    """`(n, H, W)`, or `(n, H, W, 3)` in colour."""
    classes: list[str]
    """Names, of which some may have no image here."""

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class MatchPairs:
    """Pairs of test images, and the distance up to which two are taken for the same thing."""

    distances: NDArray[np.float64]
    """`(P,)`."""
    similar: NDArray[np.bool_]
    """`(P,)`, whether both images are of one class."""
    images: NDArray[np.integer]
    """`(P, 2)`, indices into the kept images, -1 for one that was not kept."""
    threshold: float | None
    """None if it is not finite."""

    def wrong(self) -> NDArray[np.bool_]:
        """Which pairs the threshold judges wrongly, `(P,)`; none without a threshold."""
        if self.threshold is None:
            return np.zeros(len(self.similar), dtype=bool)
        return np.asarray((self.distances <= self.threshold) != self.similar)


@dataclass(frozen=True)
class Movement:
    """Where some images lay after each epoch of the training."""

    positions: NDArray[np.float32]
    """`(epochs, m, E)`."""
    labels: NDArray[np.integer]
    """`(m,)`, as in the embedding."""
    epochs: NDArray[np.integer]
    """Epochs trained by then, `(epochs,)`."""


@dataclass(frozen=True)
class MatchRun(RunFolder):
    """All that the report tells of a run that matches."""

    scores: Scores = field(default_factory=dict)
    one_shot: Scores = field(default_factory=dict)
    """Accuracies of one-shot classification, by the kind of trial."""
    embedding: Embedding | None = None
    pairs: MatchPairs | None = None
    movement: Movement | None = None


def read_match_run(path: Path, test: str | None = None) -> MatchRun:
    """Read the run folder of a Siamese network.

    Args:
        path: the folder that `framecast fit` wrote.
        test: name of the folder inside it with the test results; default: the newest `test*`, if there is one.

    Raises:
        FileNotFoundError: if `path` is not a run folder, or has no folder `test`.
        ValueError: if a file inside cannot be read.
    """
    config = read_config(path)
    folder = test_folder(path, test)
    protocol, scores, one_shot = _read_scores(folder / "metrics.json") if folder else ({}, {}, {})
    embedding, pairs = read_match(folder / "match.npz") if folder and (folder / "match.npz").is_file() else (None, None)
    return MatchRun(
        path=path,
        config=config,
        log=read_logs(path / "logs" / "csv"),
        protocol=protocol,
        test=folder.name if folder else None,
        scores=scores,
        one_shot=one_shot,
        embedding=embedding,
        pairs=pairs,
        movement=read_movement(path / MOVEMENT) if (path / MOVEMENT).is_file() else None,
    )


def read_match(path: Path) -> tuple[Embedding, MatchPairs]:
    """Read a `match.npz`.

    Raises:
        FileNotFoundError: if it does not exist.
        ValueError: if it is damaged or its arrays do not fit each other.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no embedding at `{path}`: `framecast test` writes it")
    vectors, labels, images, classes, distances, similar, pairs, at = _arrays(path, _ARRAYS, "run `framecast test`")
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


def read_movement(path: Path) -> Movement:
    """Read an `embedding_epochs.npz`; without `epochs` in it they are counted from 1.

    Raises:
        ValueError: if it is damaged or its arrays do not fit each other.
    """
    positions, labels = _arrays(path, ("positions", "labels"), "delete it, or train")
    if positions.ndim != 3 or 0 in positions.shape or labels.shape != positions.shape[1:2]:
        shapes = f"{positions.shape} and {labels.shape}"
        raise ValueError(f"`{path}` must hold positions (epochs, m, E) and labels (m,), got {shapes}")
    if not np.isfinite(positions).all():
        raise ValueError(
            f"`{path}` must hold finite positions, got {int((~np.isfinite(positions)).sum())} that are not"
        )
    with np.load(path, allow_pickle=False) as file:
        epochs = np.asarray(file["epochs"]) if "epochs" in file else np.arange(1, len(positions) + 1)
    if epochs.shape != positions.shape[:1]:
        raise ValueError(f"`{path}` must hold epochs {positions.shape[:1]}, got {epochs.shape}")
    return Movement(positions.astype(np.float32), labels, epochs)


def _arrays(path: Path, names: tuple[str, ...], remedy: str) -> list[NDArray[Any]]:
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            return [np.asarray(file[name]) for name in names]
    except (KeyError, ValueError, TypeError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise ValueError(f"`{path}` cannot be read ({error}): {remedy} again") from error


def _are_pictures(images: NDArray[Any]) -> bool:
    return (images.ndim == 3 or (images.ndim == 4 and images.shape[3] == 3)) and 0 not in images.shape


def _check_labels(path: Path, labels: NDArray[Any], images: int, classes: int) -> None:
    if labels.shape != (images,):
        raise ValueError(f"`{path}` must hold a label of each of its {images} images, got labels {labels.shape}")
    if labels.min() < 0 or labels.max() >= classes:
        span = f"{labels.min()} to {labels.max()}"
        raise ValueError(f"`labels` of `{path}` must be indices of its {classes} classes, got {span}")


def _read_scores(path: Path) -> tuple[dict[str, Any], Scores, Scores]:
    """Read protocol, scores, and accuracies of one-shot classification."""
    metrics = read_json(path)
    try:
        protocol, scores = dict(metrics["protocol"]), dict(metrics["scores"])
        one_shot = {str(name): finite(value) for name, value in (scores.pop("one_shot", None) or {}).items()}
        return protocol, {name: finite(value) for name, value in scores.items()}, one_shot
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"`{path}` cannot be read ({error!r}): run `framecast test` again") from error
