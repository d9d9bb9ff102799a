"""The reference: step rules, gate projections, the time loop and the pass of one layer, in plain PyTorch."""

from ._activations import ACTIVATIONS as ACTIVATIONS
from ._activations import Activation as Activation
from ._activations import activation as activation
from ._api import gru as gru
from ._api import gru_cell as gru_cell
from ._api import lstm as lstm
from ._api import lstm_cell as lstm_cell
from ._api import rnn as rnn
from ._api import rnn_cell as rnn_cell
from ._layer import PEEPHOLES as PEEPHOLES
from ._layer import LayerSpec as LayerSpec
from ._layer import Weights as Weights
from ._layer import layer_pass as layer_pass
from ._layer import zoneout as zoneout
from ._loop import unroll as unroll
from ._projection import PADDING_MODES as PADDING_MODES
from ._projection import Projection as Projection
from ._steps import GRUStep as GRUStep
from ._steps import LSTMStep as LSTMStep
from ._steps import Maps as Maps
from ._steps import RNNStep as RNNStep
from ._steps import State as State
from ._steps import StepRule as StepRule
