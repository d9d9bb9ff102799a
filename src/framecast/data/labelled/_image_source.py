"""Sources of labelled images for matching: what training, validation and test show."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

from framecast.runs import Split

from ._pair_dataset import Pairs


@dataclass(frozen=True)
class ImageParts:
    """Labelled images, or clips, of three parts. Equal labels mean the same class in all of them.

    Args:
        train: data set of training, such as :class:`LabelledImages`: items with ``"image"`` and ``"label"``, and names
            of ``classes`` by label.
        val: data set of validation.
        test: data set of the test.
        pairs: the pairs of training images to train on, where the source names them.
    """

    train: Any
    val: Any
    test: Any
    pairs: Pairs | None = None


class ImageSource(ABC):
    """What a data module for matching reads: labelled images, or clips, in three parts.

    The source loads the parts and says what they are. Batches, pairs, random changes and loaders are
    :class:`MatchData`'s, the same for all sources. A subclass needs ``load`` and ``describe``; the arguments of its
    constructor are options of the command line: ``--data.images.NAME``.

    Attributes:
        train_length: images, or pairs, that count as one epoch; None if every training image is shown once.
        pair_list: name of the list of pairs to train on; None if :class:`MatchData` pairs the images.
    """

    train_length: int | None = None
    pair_list: str | None = None

    def prepare_data(self) -> None:  # noqa: B027 - a source may have nothing to download
        """Download files that are missing, if that was asked for."""

    @abstractmethod
    def load(self, seed: int) -> ImageParts:
        """Load the three parts; what is random in them follows from the seed."""

    @abstractmethod
    def describe(self, part: str) -> str:
        """Say in words what the images of a part are. Call only after :meth:`load`."""

    def reading(self) -> dict[str, Any]:
        """Return what else than size and colour says how the images were read, for :func:`read_image`."""
        return {}

    def split(self) -> Split | None:
        """Return which files are in which part; None if no folder of the user's is split. Call after :meth:`load`."""
        return None

    def use_split(self, split: Split) -> None:  # noqa: B027 - a source may have no files to split
        """Take the files of each part from a record. Call before :meth:`load`."""
