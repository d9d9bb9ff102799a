"""Which kernel is chosen, and what is said of it."""

import subprocess
import sys

import pytest
import torch

from framecast import kernels, nn
from framecast.kernels import _choice as _table
from framecast.kernels._choice import KERNELS
from framecast.kernels.cpu import _library as _compiled


def frames(channels=2, dtype=torch.float32):
    return torch.randn(3, 1, channels, 5, 4, dtype=dtype)


def chosen(layer, x, hx=None):
    return [choice.kernel for choice in kernels.explain(layer, x, hx).choices]


def reason(layer, x, kernel="sequence"):
    return dict(kernels.explain(layer, x).choices[0].refused)[kernel]


def test_the_sequence_pass_is_chosen_on_a_cpu():
    layer = nn.ConvLSTM2d(2, 3, 2, bidirectional=True)
    assert chosen(layer, frames()) == ["sequence"] * 4


@pytest.mark.parametrize("kernel", ["reference", "sequence"])
def test_use_asks_for_a_kernel(kernel):
    layer = nn.ConvGRU2d(2, 3)
    with kernels.use(kernel):
        assert kernels.wanted() == kernel
        assert chosen(layer, frames()) == [kernel]
        with kernels.use("auto"):
            assert chosen(layer, frames()) == ["sequence"]
        assert kernels.wanted() == kernel
    assert kernels.wanted() == "auto"


def test_a_kernel_that_cannot_take_a_call_leaves_it_to_the_reference():
    layer = nn.ConvGRU2d(2, 3, norm="group")
    with kernels.use("sequence"):
        assert chosen(layer, frames()) == ["reference"]


def test_the_environment_asks_for_a_kernel(monkeypatch):
    monkeypatch.setenv("FRAMECAST_KERNEL", "reference")
    layer = nn.ConvGRU2d(2, 3)
    assert chosen(layer, frames()) == ["reference"]
    with kernels.use("sequence"):
        assert chosen(layer, frames()) == ["sequence"]
    monkeypatch.setenv("FRAMECAST_KERNEL", "")
    assert chosen(layer, frames()) == ["sequence"]


CONVOLUTIONS = ", convolutions by the matrix unit (AMX)"


@pytest.mark.parametrize(
    ("layer", "dtype", "found", "details"),
    [
        (nn.ConvGRU2d(2, 3), torch.float32, True, "steps in C" + CONVOLUTIONS),
        (nn.ConvGRU2d(2, 3), torch.float32, False, "steps in C"),
        (nn.ConvGRU2d(2, 3), torch.float32, None, "steps in plain PyTorch (no C compiler found)"),
        (nn.ConvGRU2d(2, 3).bfloat16(), torch.bfloat16, True, "steps in C"),
        (nn.ConvGRU2d(2, 3).double(), torch.float64, True, "steps in plain PyTorch"),
        (nn.ConvLSTM2d(2, 4, groups=2), torch.float32, True, "steps in C"),
        (nn.ConvRNN2d(2, 3), torch.float32, True, "steps in plain PyTorch" + CONVOLUTIONS),
    ],
    ids=str,
)
def test_an_explanation_says_how_a_pass_is_run(layer, dtype, found, details, monkeypatch):
    library = "no C compiler found" if found is None else _compiled.Library(None, None, found)
    explanation = kernels.explain(layer, frames(dtype=dtype))
    monkeypatch.setattr(_compiled, "loaded", lambda: library)
    monkeypatch.setattr(_compiled, "emulates_tiles", lambda: False)
    call = _table.Call(
        layer._specs[0], layer._weights(layer._specs[0], "_l0"), None, [1], (torch.zeros(1, dtype=dtype),)
    )
    assert _table._details(call) == details
    assert len(explanation.choices[0].details) > 5


def test_an_explanation_of_torchs_operator_names_no_kernel():
    assert str(kernels.explain(nn.LSTM(4, 8), torch.randn(3, 2, 4))).splitlines()[1:] == [
        "torch: runs 1 pass (the fused operator of torch.nn)"
    ]


def test_an_unknown_kernel(monkeypatch):
    with (
        pytest.raises(ValueError, match=r"`kernel` must be one of .*'sequence'.*'auto', got 'fast'"),
        kernels.use("fast"),
    ):
        pass
    monkeypatch.setenv("FRAMECAST_KERNEL", "fast")
    with pytest.raises(ValueError, match=r"`FRAMECAST_KERNEL` must be one of .*, got 'fast'"):
        nn.ConvGRU2d(2, 3)(frames())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"norm": "group"}, "`norm`"),
        ({"peephole": "pixel", "spatial_size": (5, 4)}, "`peephole` is 'pixel'"),
        ({"peephole": "conv"}, "`peephole` is 'conv'"),
        ({"proj_size": 2}, "`proj_size` is 2"),
        ({"zoneout": 0.1}, "`zoneout`"),
        ({"recurrent_dropout": 0.1}, "recurrent dropout"),
        ({"activation": "relu"}, "activations of LSTMStep"),
        ({"padding_mode": "circular"}, "`padding_mode` is 'circular'"),
        ({"dtype": torch.float16}, "torch.float16"),
    ],
)
def test_what_the_sequence_pass_leaves_to_the_reference(options, words):
    layer = nn.ConvLSTM2d(2, 3, **options)
    assert words in reason(layer, frames(dtype=options.get("dtype", torch.float32)))
    assert chosen(layer, frames(dtype=options.get("dtype", torch.float32))) == ["reference"]


def test_an_empty_batch_goes_to_the_reference():
    assert "empty" in reason(nn.ConvLSTM2d(2, 3), torch.randn(3, 0, 2, 5, 4))


def test_transforms_go_to_the_reference():
    layer = nn.ConvLSTM2d(2, 3)
    seen = []

    def function(x):
        seen.extend(chosen(layer, x))
        return layer(x)[0]

    torch.func.vmap(function)(torch.stack([frames(), frames()]))
    assert set(seen) == {"reference"}


def test_dense_layers_run_by_the_fused_operator():
    layer, x = nn.LSTM(2, 3), torch.randn(3, 1, 2)
    assert chosen(layer, x) == ["torch"]
    with kernels.use("sequence"):
        assert chosen(layer, x) == ["sequence"]
    with kernels.use("reference"):
        assert chosen(layer, x) == ["reference"]
    assert chosen(nn.LSTM(2, 3, checkpoint=True), x) == ["sequence"]


def test_an_explanation_reads_well():
    text = str(kernels.explain(nn.ConvLSTM2d(2, 3, 2), frames()))
    lines = text.splitlines()
    assert lines[0] == "asked for: auto"
    assert lines[1].startswith("sequence: runs 2 passes")
    assert lines[2].startswith("  steps in ")
    assert lines[3].startswith("  triton: ")
    assert "plain PyTorch" in lines[4]


def test_nothing_to_explain():
    with pytest.raises(ValueError, match=r"`layer` .Conv2d. ran no recurrent layer"):
        kernels.explain(torch.nn.Conv2d(2, 3, 3), frames()[0])


def test_kernels_need_torch_alone():
    code = (
        "import sys; sys.modules['triton'] = None; import torch; from framecast import nn, kernels;"
        "print(kernels.explain(nn.ConvLSTM2d(1, 2), torch.randn(2, 1, 1, 4, 4)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert "sequence: runs" in done.stdout
    assert list(KERNELS) == ["triton", "sequence", "reference"]
