"""Recurrent layers for sequences of frames, with the interface of ``torch.nn``'s own."""

from ._gru import GRU as GRU
from ._gru import ConvGRU1d as ConvGRU1d
from ._gru import ConvGRU1dCell as ConvGRU1dCell
from ._gru import ConvGRU2d as ConvGRU2d
from ._gru import ConvGRU2dCell as ConvGRU2dCell
from ._gru import ConvGRU3d as ConvGRU3d
from ._gru import ConvGRU3dCell as ConvGRU3dCell
from ._gru import GRUCell as GRUCell
from ._layer import RecurrentLayer as RecurrentLayer
from ._lstm import LSTM as LSTM
from ._lstm import ConvLSTM1d as ConvLSTM1d
from ._lstm import ConvLSTM1dCell as ConvLSTM1dCell
from ._lstm import ConvLSTM2d as ConvLSTM2d
from ._lstm import ConvLSTM2dCell as ConvLSTM2dCell
from ._lstm import ConvLSTM3d as ConvLSTM3d
from ._lstm import ConvLSTM3dCell as ConvLSTM3dCell
from ._lstm import LSTMCell as LSTMCell
from ._recurrent import Recurrent as Recurrent
from ._rnn import RNN as RNN
from ._rnn import ConvRNN1d as ConvRNN1d
from ._rnn import ConvRNN1dCell as ConvRNN1dCell
from ._rnn import ConvRNN2d as ConvRNN2d
from ._rnn import ConvRNN2dCell as ConvRNN2dCell
from ._rnn import ConvRNN3d as ConvRNN3d
from ._rnn import ConvRNN3dCell as ConvRNN3dCell
from ._rnn import RNNCell as RNNCell
