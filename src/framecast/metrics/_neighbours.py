"""Accuracy of the nearest neighbours in an embedding.

Shape letters: N images, G images of the gallery, E embedding size.
"""

from sklearn.neighbors import KNeighborsClassifier
from torch import Tensor


def neighbour_accuracy(
    embeddings: Tensor, labels: Tensor, gallery: Tensor, gallery_labels: Tensor, k: int = 5
) -> float:
    """Return the share of images whose class is that of most of their nearest neighbours in a gallery.

    The distance is Euclidean. If several classes are equally frequent among the neighbours, the smallest label wins
    (scikit-learn's ``KNeighborsClassifier``). The gallery must not hold the images themselves.

    Args:
        embeddings: embeddings ``(N, E)`` of the images.
        labels: classes ``(N,)``.
        gallery: embeddings ``(G, E)`` of the gallery.
        gallery_labels: classes ``(G,)``.
        k: number of neighbours, at most G.

    Returns:
        A share from 0 to 1.

    Raises:
        ValueError: if the shapes do not fit, there are no images, or k is not from 1 to G.

    Example:
        >>> import torch
        >>> gallery, gallery_labels = torch.tensor([[0.0], [0.1], [1.0], [1.1]]), torch.tensor([3, 3, 7, 7])
        >>> neighbour_accuracy(torch.tensor([[0.2], [0.4]]), torch.tensor([3, 7]), gallery, gallery_labels, k=1)
        0.5
    """
    check_embedded("embeddings", embeddings, "labels", labels)
    check_embedded("gallery", gallery, "gallery_labels", gallery_labels)
    if embeddings.shape[1] != gallery.shape[1]:
        sizes = f"{embeddings.shape[1]} and {gallery.shape[1]}"
        raise ValueError(f"`embeddings` and `gallery` must be of one embedding size, got {sizes}")
    if not 1 <= k <= len(gallery):
        raise ValueError(f"`k` (={k}) must be from 1 to {len(gallery)}, the images of the gallery")
    x, y, gallery_x, gallery_y = (
        t.detach().cpu() for t in (embeddings.float(), labels, gallery.float(), gallery_labels)
    )
    classifier = KNeighborsClassifier(k).fit(gallery_x.numpy(), gallery_y.numpy())
    return float(classifier.score(x.numpy(), y.numpy()))


def check_embedded(name: str, embeddings: Tensor, labels_name: str, labels: Tensor) -> None:
    """Raise ``ValueError`` unless they are embeddings ``(N, E)``, N at least 1, with a class each."""
    if embeddings.dim() != 2 or len(embeddings) == 0:
        raise ValueError(f"`{name}` must have shape (N, E) with N at least 1, got {tuple(embeddings.shape)}")
    if labels.shape != embeddings.shape[:1]:
        shape = tuple(labels.shape)
        raise ValueError(f"`{labels_name}` must have shape ({len(embeddings)},), one per embedding, got {shape}")
