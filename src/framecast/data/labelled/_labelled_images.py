"""Images in memory with the class of each.

Shape letters: n images, N batch, C channels, H height, W width.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from .._checks import list_index

ImageTransform = Callable[[Tensor, int], Tensor]


class LabelledImages(Dataset[dict[str, Tensor]]):
    """Images with class labels, held in memory as bytes.

    Item ``{"image": float32 (C, H, W) in [0, 1], "label": int64 ()}``, and int64 ``"group"`` and ``"writer"`` if
    known.

    Args:
        images: uint8 ``(n, C, H, W)``, or ``(n, H, W)`` of one channel.
        labels: class labels ``(n,)``, from 0.
        classes: names of the classes, by label.
        groups: number of each image's group of classes ``(n,)``, for example its alphabet.
        writers: number of the person who drew each image ``(n,)``.
        group_names: names of the groups, by number.
        transform: function that changes an image, from the image and its index.

    Raises:
        ValueError: if there are no images, their type or shape is wrong, there is not one label, group or writer for
            each image, or a label has no class.
        IndexError: for an index out of range.

    Example:
        >>> images = LabelledImages(np.full((2, 4, 5), 51, np.uint8), [1, 0], ("cat", "dog"))
        >>> item = images[0]
        >>> item["image"].shape, item["image"].max(), images.classes[item["label"]]
        (torch.Size([1, 4, 5]), tensor(0.2000), 'dog')
    """

    def __init__(
        self,
        images: np.ndarray,
        labels: np.ndarray | Sequence[int],
        classes: Sequence[str],
        groups: np.ndarray | Sequence[int] | None = None,
        writers: np.ndarray | Sequence[int] | None = None,
        *,
        group_names: Sequence[str] = (),
        transform: ImageTransform | None = None,
    ) -> None:
        if images.dtype != np.uint8 or images.ndim not in (3, 4) or 0 in images.shape:
            raise ValueError(f"`images` must be uint8 (n, C, H, W) or (n, H, W), got {images.dtype} {images.shape}")
        self.images = images if images.ndim == 4 else images[:, None]
        numbers = {"label": labels, "group": groups, "writer": writers}
        self.numbers = {name: np.asarray(values, np.int64) for name, values in numbers.items() if values is not None}
        for name, values in self.numbers.items():
            if values.shape != (len(images),):
                raise ValueError(f"`{name}s` {values.shape} must be one for each of the {len(images)} images")
        if self.labels.min() < 0 or self.labels.max() >= len(classes):
            raise ValueError(
                f"`labels` (from {self.labels.min()} to {self.labels.max()}) must be from 0 to below the number of "
                f"`classes` (={len(classes)})"
            )
        self.classes = tuple(classes)
        self.group_names = tuple(group_names)
        self.transform = transform

    @property
    def labels(self) -> np.ndarray:
        """Class labels int64 ``(n,)``."""
        return self.numbers["label"]

    @property
    def groups(self) -> np.ndarray | None:
        """Groups int64 ``(n,)``, if known."""
        return self.numbers.get("group")

    @property
    def writers(self) -> np.ndarray | None:
        """Writers int64 ``(n,)``, if known."""
        return self.numbers.get("writer")

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        single = self.batch(np.array([list_index(index, len(self), "images")]))
        return {name: values[0] for name, values in single.items()}

    def batch(self, indices: np.ndarray) -> dict[str, Tensor]:
        """Return several items at once, stacked: images ``(N, C, H, W)``, labels ``(N,)``."""
        images = torch.from_numpy(self.images[indices]).float() / 255
        if self.transform is not None:
            changed = [self.transform(image, int(index)) for image, index in zip(images, indices, strict=True)]
            images = torch.stack(changed)
        return {"image": images} | {name: torch.from_numpy(v[indices]) for name, v in self.numbers.items()}

    def subset(self, indices: np.ndarray | slice) -> "LabelledImages":
        """Return some of the images, with the same classes."""
        return LabelledImages(
            self.images[indices],
            self.labels[indices],
            self.classes,
            None if self.groups is None else self.groups[indices],
            None if self.writers is None else self.writers[indices],
            group_names=self.group_names,
            transform=self.transform,
        )


def in_one_list(*parts: LabelledImages) -> list[LabelledImages]:
    """Number classes and groups of several parts alike, so that equal labels mean the same class in all of them.

    Args:
        parts: images whose classes and groups are told apart by their names.

    Returns:
        The same images, all with the names of all classes and groups.

    Example:
        >>> one, other = (LabelledImages(np.zeros((1, 2, 2), np.uint8), [0], [name]) for name in "AB")
        >>> [part.labels.tolist() for part in in_one_list(one, other)]
        [[0], [1]]
    """
    classes = list(dict.fromkeys(name for part in parts for name in part.classes))
    groups = list(dict.fromkeys(name for part in parts for name in part.group_names))
    return [
        LabelledImages(
            part.images,
            np.array([classes.index(name) for name in part.classes])[part.labels],
            classes,
            None if part.groups is None else np.array([groups.index(name) for name in part.group_names])[part.groups],
            part.writers,
            group_names=groups,
            transform=part.transform,
        )
        for part in parts
    ]
