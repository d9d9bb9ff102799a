"""The encoder–forecaster of Shi et al. 2015."""

import pytest
import torch

from framecast import nn
from framecast.models import EncoderForecaster

PUBLISHED = [
    ({"hidden_size": [256], "kernel_size": 5}, 13_524_496),
    ({"hidden_size": [128, 128], "kernel_size": 5}, 10_042_896),
    ({"hidden_size": [128, 64, 64], "kernel_size": 5}, 7_585_296),
    ({"hidden_size": [128, 128], "kernel_size": 9, "recurrent_kernel_size": 1}, 11_550_224),
    ({"hidden_size": [128, 64, 64], "kernel_size": 9, "recurrent_kernel_size": 1}, 8_830_480),
    ({"hidden_size": [2048, 2048], "patch_size": 64, "cell": "fc_lstm"}, 142_667_776),
]


@pytest.mark.parametrize(("options", "count"), PUBLISHED)
def test_parameter_counts_of_the_paper(options, count):
    with torch.device("meta"):
        model = EncoderForecaster(**options)
    assert sum(p.numel() for p in model.parameters()) == count


def by_hand(model, frames, horizon):
    """The network written out for two layers, patch by patch and step by step."""
    n, t, _, height, width = frames.shape
    p = model.patch_size[0]

    def patches(frame):
        rows = []
        for y in range(height // p):
            columns = [frame[:, 0, y * p : y * p + p, x * p : x * p + p].reshape(n, -1) for x in range(width // p)]
            rows.append(torch.stack(columns, -1))
        return torch.stack(rows, -2)

    states = [None, None]
    for step in range(t):
        x = patches(frames[:, step])
        for k in range(2):
            x, states[k] = model.encoder[k](x.unsqueeze(0), states[k])
            x = x[0]
    forecast = torch.zeros(n, horizon, 1, height, width, dtype=frames.dtype)
    for step in range(horizon):
        x, states[0] = model.forecaster[0](None, states[0], steps=1)
        y, states[1] = model.forecaster[1](x, states[1])
        seen = torch.cat([x[0], y[0]], 1)
        weight, bias = model.head.weight[:, :, 0, 0], model.head.bias
        values = torch.einsum("oc,nchw->nohw", weight, seen) + bias[:, None, None]
        for i in range(p):
            for j in range(p):
                forecast[:, step, 0, i::p, j::p] = values[:, i * p + j]
    return forecast


def test_the_network_written_out():
    model = EncoderForecaster(hidden_size=[5, 3], kernel_size=3, patch_size=2).double()
    for name, parameter in model.named_parameters():
        if "weight_ch" in name:
            torch.nn.init.normal_(parameter)
    frames = torch.rand(2, 4, 1, 6, 8, dtype=torch.float64)
    torch.testing.assert_close(model(frames, 3), by_hand(model, frames, 3), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_any_size_channels_and_horizon(cell):
    model = EncoderForecaster(3, [6, 5], 3, cell=cell, out_channels=2)
    assert model(torch.rand(2, 4, 3, 13, 18), 7).shape == (2, 7, 2, 13, 18)
    assert isinstance(model.encoder[0], nn.ConvGRU2d if cell == "gru" else nn.ConvLSTM2d)


def test_padding_repeats_the_edge():
    model = EncoderForecaster(hidden_size=[4], kernel_size=3)
    frames = torch.rand(1, 3, 1, 9, 12)
    padded = torch.nn.functional.pad(frames[:, :, 0], (0, 0, 0, 3), mode="replicate").unsqueeze(2)
    torch.testing.assert_close(model(frames, 2), model(padded, 2)[..., :9, :])


def test_a_longer_forecast_begins_with_the_shorter():
    model = EncoderForecaster(hidden_size=[4, 3], kernel_size=3)
    frames = torch.rand(1, 3, 1, 8, 8)
    torch.testing.assert_close(model(frames, 5)[:, :2], model(frames, 2))


@pytest.mark.parametrize("cell", ["lstm", "gru", "fc_lstm", "fc_gru"])
def test_every_parameter_gets_a_gradient(cell):
    model = EncoderForecaster(hidden_size=[4, 3], kernel_size=3, patch_size=4, cell=cell)
    size = 4 if cell.startswith("fc") else 8
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter)
    model(torch.rand(2, 3, 1, size, size), 3).square().sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.any(), name


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: EncoderForecaster(cell="rnn"), "`cell` must be one of 'lstm', 'gru', 'fc_lstm', 'fc_gru', got 'rnn'"),
        (lambda: EncoderForecaster(0), "`channels` must be a positive whole number, got 0"),
        (lambda: EncoderForecaster(patch_size=(4, 4, 4)), "`patch_size` must be one size or a pair"),
        (lambda: EncoderForecaster(hidden_size=[]), "`hidden_size` must list at least one layer"),
        (lambda: EncoderForecaster(hidden_size=[4, 4], kernel_size=[3]), "`kernel_size` (=[3]) lists 1 layers"),
        (lambda: EncoderForecaster(hidden_size=[4])(torch.rand(2, 3, 2, 8, 8), 2), "`frames` must be (N, T, 1, H, W)"),
        (lambda: EncoderForecaster(hidden_size=[4])(torch.rand(2, 3, 1, 8, 8), 0), "`horizon` must be a positive"),
        (
            lambda: EncoderForecaster(hidden_size=[4], cell="fc_lstm", patch_size=8)(torch.rand(1, 2, 1, 16, 8), 1),
            "`frames` are 16x8, but dense layers are made for frames of `patch_size` 8x8",
        ),
    ],
)
def test_wrong_calls(call, message):
    with pytest.raises(ValueError, match="`") as caught:
        call()
    assert message in str(caught.value)
