"""Input that only acts as a tensor: a subclass, or an object that implements ``__torch_function__``."""

import pytest
import torch
from torch.utils._pytree import tree_map

from framecast import nn


class Subclass(torch.Tensor):
    """A tensor with a name of its own."""


class Wrapper:
    """Holds a tensor and acts as one: whatever is done with it is done with the tensor."""

    def __init__(self, tensor):
        self.tensor = tensor

    @classmethod
    def __torch_function__(cls, function, types, arguments=(), keywords=None):
        arguments, keywords = tree_map(cls.unwrap, (arguments, keywords or {}))
        return tree_map(lambda x: cls(x) if isinstance(x, torch.Tensor) else x, function(*arguments, **keywords))

    @classmethod
    def unwrap(cls, x):
        return x.tensor if isinstance(x, cls) else x

    def __getattr__(self, name):
        value = getattr(self.tensor, name)
        if not callable(value):
            return value
        method = getattr(torch.Tensor, name)
        return lambda *arguments, **keywords: self.__torch_function__(method, (), (self, *arguments), keywords)

    def __add__(self, other):
        return self.__torch_function__(torch.add, (), (self, other))

    def __sub__(self, other):
        return self.__torch_function__(torch.sub, (), (self, other))

    def __mul__(self, other):
        return self.__torch_function__(torch.mul, (), (self, other))

    def __getitem__(self, index):
        return self.__torch_function__(torch.Tensor.__getitem__, (), (self, index))

    __radd__, __rmul__ = __add__, __mul__


@pytest.mark.parametrize("kind", [Subclass, Wrapper])
@pytest.mark.parametrize(
    ("make", "size"),
    [
        (lambda: nn.LSTM(3, 4), ()),
        (lambda: nn.GRU(3, 4, 2, batch_first=True), ()),
        (lambda: nn.RNN(3, 4, bidirectional=True), ()),
        (lambda: nn.ConvLSTM2d(3, 4, 2), (5, 6)),
        (lambda: nn.ConvGRU1d(3, 4, batch_first=True, norm="group"), (6,)),
    ],
    ids=["LSTM", "GRU", "RNN", "ConvLSTM2d", "ConvGRU1d"],
)
def test_layers_take_what_acts_as_a_tensor(kind, make, size):
    layer, x = make(), torch.randn(3, 2, 3, *size)
    expected, final = layer(x)
    output, state = layer(x.as_subclass(Subclass) if kind is Subclass else Wrapper(x))
    assert type(output) is kind
    torch.testing.assert_close(torch.as_tensor(Wrapper.unwrap(output)).as_subclass(torch.Tensor), expected)
    for one, other in zip(*(s if isinstance(s, tuple) else (s,) for s in (state, final)), strict=True):
        torch.testing.assert_close(Wrapper.unwrap(one).as_subclass(torch.Tensor), other)


@pytest.mark.parametrize("kind", [Subclass, Wrapper])
@pytest.mark.parametrize("name", ["LSTMCell", "GRUCell"])
def test_cells_take_what_acts_as_a_tensor(kind, name):
    cell, x = getattr(nn, name)(3, 4), torch.randn(2, 3)
    state, expected = (cell(y) for y in (x.as_subclass(Subclass) if kind is Subclass else Wrapper(x), x))
    for one, other in zip(*(s if isinstance(s, tuple) else (s,) for s in (state, expected)), strict=True):
        torch.testing.assert_close(Wrapper.unwrap(one).as_subclass(torch.Tensor), other)


def test_what_does_not_act_as_a_tensor_is_refused():
    with pytest.raises(ValueError, match="`input` must be a tensor or a PackedSequence, got list"):
        nn.LSTM(3, 4)([[0.0, 0.0, 0.0]])
