"""The cells that have a pass over a whole sequence."""

from __future__ import annotations

from framecast.functional import GRUStep, LSTMStep, RNNStep, StepRule

from ._gru import GRUPass
from ._gru_before import GRUBeforePass
from ._lstm import LSTMPass
from ._pass import Pass
from ._rnn import RNNPass

PASSES: dict[StepRule, type[Pass]] = {
    LSTMStep(): LSTMPass,
    GRUStep(): GRUPass,
    GRUStep(reset_after=False): GRUBeforePass,
    RNNStep("tanh"): RNNPass,
    RNNStep("relu"): RNNPass,
}
"""Step rules that have a pass; their options are the defaults."""
STEPS = {step.name: step for cell in PASSES.values() for step in cell.steps}
"""The pointwise steps of all cells, by name."""
