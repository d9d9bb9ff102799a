"""Networks for sequences of frames. A model returns predictions, never a loss."""

from ._encoder_forecaster import EncoderForecaster as EncoderForecaster
from ._rollout import Rollout as Rollout
