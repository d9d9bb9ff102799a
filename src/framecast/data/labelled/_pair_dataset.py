"""Pairs of images, or of clips, and whether both show the same thing.

Shape letters: N pairs, C channels, H height, W width.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from .._checks import check_positive, check_seed, list_index
from ..loading import gather
from ._labelled_images import ImageTransform
from ._pairing_rules import pairing_of


class Pairs(Dataset[dict[str, Tensor]]):
    """Pairs from any labelled data set.

    Item ``{"first": (C, H, W), "second": (C, H, W), "similar": bool (), "first_label": (), "second_label": ()}``. Other
    values of the source's items come twice as well: a clip's ``"length"`` becomes ``"first_length"`` and
    ``"second_length"``. A pair is similar if the labels are equal. An item is a function of (seed, index) alone.

    Args:
        source: a data set whose items are ``{"image", "label", ...}`` or ``(image, label)``. Its labels are its
            ``labels`` or ``targets`` if it has them, otherwise all items are read once.
        pairing: ``"random"``: of two pairs, 2k and 2k + 1, one is similar and the other is not, in random order; the
            first image is any, the second any other that fits. ``"neighbours"``: pair k is images 2k and 2k + 1, as in
            Caffe's Siamese example. Or a list of pairs (i, j).
        length: number of random pairs; it may be huge, as none is drawn in advance. Default: half the images.
        seed: seed of random pairs.
        transform: function of an image and a key, which is 2k for the first image of pair k and 2k + 1 for the second.
        similar: for a list of pairs, whether each is similar. Default: by the labels.

    Raises:
        ValueError: if the pairing is unknown or empty, an image in the list is not there, ``similar`` is of another
            length, or random pairs are asked for and there is only one class, or one image in a class.
        IndexError: for an index out of range.

    Example:
        >>> from framecast.data import load_digit_images
        >>> pair = Pairs(load_digit_images(), pairing="random", seed=1)[4]
        >>> pair["first"].shape, pair["similar"] == (pair["first_label"] == pair["second_label"])
        (torch.Size([1, 28, 28]), tensor(True))
    """

    def __init__(
        self,
        source: Any,
        pairing: str | Sequence[tuple[int, int]] | np.ndarray = "random",
        length: int | None = None,
        *,
        seed: int = 0,
        transform: ImageTransform | None = None,
        similar: Sequence[bool] | np.ndarray | None = None,
    ) -> None:
        check_seed(seed)
        self.source, self.transform = source, transform
        self.pairing = pairing_of(source, pairing, seed)
        self.similar = None if similar is None else np.asarray(similar, bool)
        self.length = self.pairing.length if length is None else length
        check_positive("length", self.length)
        if self.pairing.is_listed and length is not None:
            raise ValueError(f"`length` (={length}) is for random pairs; these are {self.pairing.length}")
        if self.similar is not None and not self.pairing.is_listed:
            raise ValueError("`similar` is for a list of pairs; random ones are similar by their labels")
        if self.similar is not None and self.similar.shape != (self.length,):
            raise ValueError(f"`similar` {self.similar.shape} must be one for each of the {self.length} pairs")

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        single = self.batch(np.array([list_index(index, self.length, "pairs")]))
        return {name: values[0] for name, values in single.items()}

    def batch(self, pairs: np.ndarray) -> dict[str, Tensor]:
        """Return several items at once, stacked: images ``(N, C, H, W)``, labels ``(N,)``."""
        pairs = np.asarray(pairs, np.int64)
        images = gather(self.source, np.concatenate(self.pairing(pairs)))
        if self.transform is not None:
            keys = np.concatenate([2 * pairs, 2 * pairs + 1]).tolist()
            changed = [self.transform(image, key) for image, key in zip(images["image"], keys, strict=True)]
            images = images | {"image": torch.stack(changed)}
        if self.similar is not None:
            images = images | {"similar": torch.from_numpy(self.similar[pairs])}
        return images_to_pairs(images)


def pairs_to_images(batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """View N pairs as 2N images: all first ones, then all second ones.

    Args:
        batch: ``"first"`` and ``"second"`` ``(N, ...)``, and other values that come twice: ``"first_label"``,
            ``"second_label"``, ...

    Returns:
        ``"image"`` ``(2N, ...)``, ``"label"`` ``(2N,)``, ...; all else, such as ``"similar"`` ``(N,)``, as it was.

    Example:
        >>> batch = {"first": torch.zeros(3, 1, 2, 2), "second": torch.ones(3, 1, 2, 2), "similar": torch.zeros(3)}
        >>> {name: tuple(values.shape) for name, values in pairs_to_images(batch).items()}
        {'image': (6, 1, 2, 2), 'similar': (3,)}
    """
    images = {}
    for name, values in batch.items():
        if name == "first" or name.startswith("first_"):
            other = batch["second" + name.removeprefix("first")]
            images["image" if name == "first" else name.removeprefix("first_")] = torch.cat([values, other])
        elif name != "second" and not name.startswith("second_"):
            images[name] = values
    return images


def images_to_pairs(batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """View 2N images as N pairs: the inverse of :func:`pairs_to_images`.

    Args:
        batch: ``"image"`` ``(2N, ...)``, ``"label"`` ``(2N,)``, ..., and perhaps ``"similar"`` ``(N,)``.

    Returns:
        ``"first"`` and ``"second"`` ``(N, ...)``, ``"first_label"`` and so on, and ``"similar"``: that of the batch, or
        whether the labels are equal.

    Raises:
        ValueError: if the number of images is odd.

    Example:
        >>> images_to_pairs({"image": torch.zeros(4, 1, 2, 2), "label": torch.tensor([0, 1, 0, 0])})["similar"]
        tensor([ True, False])
    """
    count = len(batch["image"])
    if count % 2:
        raise ValueError(f"`image` must hold an even number of images, got {count}")
    pairs: dict[str, Tensor] = {}
    for name, values in batch.items():
        if name != "similar":
            suffix = "" if name == "image" else f"_{name}"
            pairs["first" + suffix], pairs["second" + suffix] = values[: count // 2], values[count // 2 :]
    similar = batch["similar"] if "similar" in batch else pairs["first_label"] == pairs["second_label"]
    return pairs | {"similar": similar}
