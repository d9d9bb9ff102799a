"""Losses, as function and module pairs."""

from ._contrastive import FORMS as FORMS
from ._contrastive import ContrastiveLoss as ContrastiveLoss
from ._contrastive import contrastive_loss as contrastive_loss
from ._cosine import CosineContrastiveLoss as CosineContrastiveLoss
from ._cosine import cosine_contrastive_loss as cosine_contrastive_loss
from ._frames import LOSSES as LOSSES
from ._frames import FrameCrossEntropy as FrameCrossEntropy
from ._frames import FrameLoss as FrameLoss
from ._frames import FrameMSE as FrameMSE
from ._frames import frame_cross_entropy as frame_cross_entropy
from ._frames import frame_mse as frame_mse
from ._mining import BatchContrastiveLoss as BatchContrastiveLoss
from ._mining import all_pairs as all_pairs
from ._mining import contrastive_loss_of_batch as contrastive_loss_of_batch
from ._mining import pairs_from_labels as pairs_from_labels
