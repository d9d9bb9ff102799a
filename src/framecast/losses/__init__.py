"""Losses, as function and module pairs."""

from ._frames import LOSSES as LOSSES
from ._frames import FrameCrossEntropy as FrameCrossEntropy
from ._frames import FrameLoss as FrameLoss
from ._frames import FrameMSE as FrameMSE
from ._frames import frame_cross_entropy as frame_cross_entropy
from ._frames import frame_mse as frame_mse
