"""The window over a sequence of frames: how many frames a network sees, and how many it is to forecast."""

from dataclasses import dataclass

from ._checks import check_positive


@dataclass(kw_only=True)
class Window:
    """Options of a window over frames; data sets and data modules inherit them.

    Args:
        input_frames: number of frames that the network sees, T.
        horizon: number of frames to forecast, K.

    Raises:
        ValueError: if a number is not positive.
    """

    input_frames: int = 10
    horizon: int = 10

    def __post_init__(self) -> None:
        check_positive("input_frames", self.input_frames)
        check_positive("horizon", self.horizon)
