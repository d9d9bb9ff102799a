"""Projections against Keras' padding rule and plain convolutions."""

import pytest
import torch
import torch.nn.functional as F

from framecast.functional import Projection


def same(kernel, stride=1, dilation=1, **options):
    return Projection(2, (kernel,) * 2, (stride,) * 2, (dilation,) * 2, **options)


@pytest.mark.filterwarnings("ignore:Using padding=.same.")
@pytest.mark.parametrize("kernel", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("dilation", [1, 2])
def test_same_is_torchs_same_at_stride_one(kernel, dilation):
    x, weight = torch.randn(2, 3, 7, 10), torch.randn(4, 3, kernel, kernel)
    expected = F.conv2d(x, weight, padding="same", dilation=dilation)
    torch.testing.assert_close(same(kernel, dilation=dilation)(x, weight, None, 1), expected)


def test_same_with_stride_puts_the_smaller_half_first():
    # 6 pixels, kernel 3, stride 2: one pixel of padding is needed, and it goes to the end.
    x, weight = torch.randn(1, 1, 6, 6), torch.randn(1, 1, 3, 3)
    expected = F.conv2d(F.pad(x, (0, 1, 0, 1)), weight, stride=2)
    torch.testing.assert_close(same(3, stride=2)(x, weight, None, 1), expected)


@pytest.mark.parametrize("size", [5, 6, 7, 8])
@pytest.mark.parametrize("padding", ["same", (0, 0), (2, 1)])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_output_size_is_that_of_the_result(size, padding, stride):
    projection = same(3, stride=stride, padding=padding)
    result = projection(torch.randn(1, 1, size, size + 1), torch.randn(1, 1, 3, 3), None, 1)
    assert result.shape[2:] == projection.output_size((size, size + 1))
    assert projection.keeps_size() == (stride == 1 and padding == "same")


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
def test_padding_modes_are_those_of_conv2d(mode):
    layer = torch.nn.Conv2d(3, 4, 3, padding=1, padding_mode=mode)
    x = torch.randn(2, 3, 7, 10)
    projection = same(3, padding_mode=mode)
    torch.testing.assert_close(projection(x, layer.weight, layer.bias, 1), layer(x))


@pytest.mark.parametrize("axes", [0, 2])
def test_groups_act_inside_every_gate(axes):
    gates, groups, parts = 3, 2, 2
    kernel = (3,) * axes
    projection = Projection(axes, kernel, (1,) * axes, (1,) * axes, groups=groups, parts=parts)
    x = torch.randn(5, 8, *(6,) * axes)
    weight, bias = torch.randn(gates * 4, 4, *kernel), torch.randn(gates * 4)
    result = projection(x, weight, bias, gates)
    plain = Projection(axes, kernel, (1,) * axes, (1,) * axes)
    for gate in range(gates):
        for group in range(groups):
            # group j of a gate reads group j of both halves of the input
            seen = torch.cat([half.chunk(groups, 1)[group] for half in x.chunk(parts, 1)], 1)
            rows = slice(gate * 4 + group * 2, gate * 4 + group * 2 + 2)
            torch.testing.assert_close(result[:, rows], plain(seen, weight[rows], bias[rows], 1))
