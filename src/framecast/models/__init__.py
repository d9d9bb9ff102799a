"""Networks for sequences of frames and for pairs. A model returns predictions, never a loss."""

from ._clip_encoder import ClipEncoder as ClipEncoder
from ._configured import ConfiguredModule as ConfiguredModule
from ._configured import config_of as config_of
from ._configured import plain as plain
from ._conv_encoder import ConvEncoder as ConvEncoder
from ._encoder_forecaster import EncoderForecaster as EncoderForecaster
from ._encoders import ENCODERS as ENCODERS
from ._gaps import fill_gaps as fill_gaps
from ._lenet import LeNet as LeNet
from ._rollout import Rollout as Rollout
from ._siamese import Siamese as Siamese
