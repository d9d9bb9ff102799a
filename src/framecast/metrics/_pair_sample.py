"""Pairs drawn from labelled images.

Shape letters: N images, P pairs.
"""

import numpy as np
import torch
from torch import Tensor


def sample_pairs(labels: Tensor, count: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Draw pairs of images, half of one class and half of two classes.

    Of a similar pair, the first image is any image whose class has another one, and the second is any other image of
    that class. Of a dissimilar pair, the first is any image, and the second is any image of another class. All draws
    are uniform. A pair may be drawn more than once. The same arguments give the same pairs.

    Args:
        labels: classes ``(N,)``.
        count: number of pairs P, at least 2; if odd, there is one more dissimilar pair.
        seed: a whole number, not negative.

    Returns:
        Indices int64 ``(P,)`` of the first and of the second image, which differ; and bool ``(P,)``, whether both are
        of one class. The similar pairs come first.

    Raises:
        ValueError: if the shape is not ``(N,)``, the count is less than 2, or there are no two images of one class or
            no two classes.

    Example:
        >>> import torch
        >>> labels = torch.tensor([3, 3, 7, 7, 7])
        >>> i, j, similar = sample_pairs(labels, 6, seed=0)
        >>> torch.equal(labels[i] == labels[j], similar), similar.sum()
        (True, tensor(3))
    """
    if labels.dim() != 1:
        raise ValueError(f"`labels` must have shape (N,), got {tuple(labels.shape)}")
    if count < 2:
        raise ValueError(f"`count` (={count}) must be at least 2: a pair of each kind")
    values = labels.cpu().numpy()
    order = np.argsort(values, kind="stable")
    _, class_of, sizes = np.unique(values[order], return_inverse=True, return_counts=True)
    if not (sizes > 1).any():
        raise ValueError(f"`labels` must hold two images of one class, got {len(values)} of {len(sizes)} classes")
    if len(sizes) < 2:
        raise ValueError("`labels` must hold at least two classes, got one")
    size, start = sizes[class_of], (np.cumsum(sizes) - sizes)[class_of]  # of the class of each image, in sorted order
    generator = np.random.default_rng(seed)
    paired = np.flatnonzero(size > 1)
    i = paired[generator.integers(len(paired), size=count // 2)]
    step = generator.integers(1, size[i])  # round the images of the class, and not back to the first
    same = start[i] + (i - start[i] + step) % size[i]
    k = generator.integers(len(values), size=count - count // 2)
    step = generator.integers(len(values) - size[k])  # round the images of all other classes
    other = (start[k] + size[k] + step) % len(values)
    first, second = order[np.concatenate([i, k])], order[np.concatenate([same, other])]
    similar = torch.arange(count, device=labels.device) < count // 2
    return torch.from_numpy(first).to(labels.device), torch.from_numpy(second).to(labels.device), similar
