"""Where handwritten digits come from: the options that all data of digits share, and digits as a source of images."""

from dataclasses import dataclass, field

from framecast.runs import PARTS

from .._checks import check_positive
from ..labelled import ImageParts, ImageSource
from ._digit_images import load_digit_images
from ._idx import download_mnist


@dataclass
class DigitFiles:
    """The digits that scikit-learn brings, or MNIST's.

    Args:
        source: "builtin" for the digits that scikit-learn brings, or a folder with MNIST's IDX files.
        download: fetch MNIST's files that are missing into the folder ``source``.

    Raises:
        ValueError: if a download is asked for without a folder.
    """

    source: str = "builtin"
    download: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        if self.download and self.source == "builtin":
            raise ValueError("`download` needs `source`, the folder to fetch MNIST's files into")

    def prepare_data(self) -> None:
        """Download MNIST if that was asked for."""
        if self.download:
            download_mnist(self.source)

    @property
    def digit_words(self) -> str:
        """Whose digits they are."""
        return "scikit-learn's bundled digits" if self.source == "builtin" else "MNIST"


@dataclass
class Digits(DigitFiles, ImageSource):
    """Handwritten digits, the ten classes of which are in all parts. See :func:`load_digits`.

    Args:
        size: height and width of an image in pixels.

    Raises:
        ValueError: if the size is not positive.
    """

    size: int = 28

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive("size", self.size)

    def load(self, seed: int) -> ImageParts:
        """Load the digits, the same whatever the seed."""
        train, val, test = (load_digit_images(self.source, part, self.size) for part in PARTS)
        return ImageParts(train, val, test)

    def describe(self, part: str) -> str:
        """Say whose digits they are."""
        return self.digit_words
