"""Options of windows over recordings, and of what is done to every frame."""

from dataclasses import dataclass

from .._checks import check_positive, height_and_width
from .._window import Window


@dataclass(kw_only=True)
class FrameOptions(Window):
    """Options of windows over recordings; the data set and the data modules of recordings inherit them.

    Args:
        stride: frames from one window's start to the next.
        percentiles: percentiles (low, high) for a scale by percentiles, see :func:`fit_scale`.
        unit: name of the values' unit, for reports.
        reduce: block mean by this factor, before everything else.
        crop: size of the part to cut out: a number, or height and width. Default: all.
        grayscale: turn colour into one channel.

    Raises:
        ValueError: if a number is out of its range.
    """

    stride: int = 1
    percentiles: tuple[float, float] = (1.0, 99.0)
    unit: str = ""
    reduce: int = 1
    crop: int | tuple[int, int] | None = None
    grayscale: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive("stride", self.stride)
        check_positive("reduce", self.reduce)

    @property
    def crop_size(self) -> tuple[int, int] | None:
        """Height and width of the part to cut out."""
        return None if self.crop is None else height_and_width("crop", self.crop)
