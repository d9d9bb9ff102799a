"""Which kernel is chosen, and what is said of it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from framecast import kernels, nn
from framecast.functional import Batch
from framecast.kernels import KERNELS
from framecast.kernels.cpu import _library as _compiled


def frames(channels=2, dtype=torch.float32):
    return torch.randn(3, 1, channels, 5, 4, dtype=dtype)


def chosen(layer, x, hx=None):
    return [choice.kernel for choice in kernels.explain(layer, x, hx).choices]


def reason(layer, x, kernel="sequence"):
    return dict(kernels.explain(layer, x).choices[0].refused)[kernel]


def test_the_sequence_pass_is_chosen_on_a_cpu():
    layer = nn.ConvGRU2d(2, 3, 2, bidirectional=True)
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
    with kernels.use("sequence"), pytest.warns(kernels.KernelWarning, match="normalised"):
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
    states = [(torch.zeros(1, dtype=dtype),)]
    call = kernels.Call(layer._layers, layer._tensors(layer._names), Batch(None, [1], 1), states)
    assert KERNELS["sequence"].details(call) == details
    assert len(explanation.choices[0].details) > 5


def test_an_explanation_of_torchs_operator():
    lines = str(kernels.explain(nn.LSTM(4, 8), torch.randn(3, 2, 4))).splitlines()
    assert lines[1] == "torch: runs 1 pass (the fused operator of torch.nn)"
    assert lines[-1] == "  reference: could run, plain PyTorch, step by step"
    assert len(lines) == 1 + len(KERNELS)
    assert chosen(nn.LSTM(4, 8, 2, bidirectional=True), torch.randn(3, 2, 4)) == ["torch"] * 4


@pytest.mark.parametrize(
    ("layer", "call", "words"),
    [
        (nn.ConvLSTM2d(2, 3), {}, "convolutional"),
        (nn.LSTM(2, 3, peephole="channel"), {}, "`peephole` is 'channel'"),
        (nn.LSTM(2, 3, norm="group"), {}, "`norm`"),
        (nn.LSTM(2, 3, zoneout=0.1), {}, "`zoneout`"),
        (nn.LSTM(2, 3, recurrent_dropout=0.1), {}, "`recurrent_dropout`"),
        (nn.LSTM(2, 4, groups=2), {}, "`groups` is 2"),
        (nn.LSTM(2, [3, 4]), {}, "different sizes"),
        (nn.LSTM(2, 3, checkpoint=2), {}, "`checkpoint` is 2"),
        (nn.GRU(2, 3, reset_after=False), {}, "one bias"),
        (nn.LSTM(2, 3, activation="relu"), {}, "LSTMStep with these options"),
        (nn.LSTM(2, 3), {"lengths": [0]}, "length 0"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_torchs_operator_leaves_to_others(layer, call, words):
    x = frames() if "Conv" in type(layer).__name__ else torch.randn(3, 1, 2)
    (refused, *_) = kernels.explain(layer, x, **call).choices
    assert words in dict(refused.refused)["torch"]
    assert refused.kernel != "torch"


def test_an_explanation_takes_lengths_and_steps():
    explanation = kernels.explain(nn.LSTM(2, 3), torch.randn(3, 2, 2), lengths=[3, 1])
    assert explanation.choices[0].kernel == "torch"
    state = torch.zeros(1, 2, 3, 5, 4)
    assert kernels.explain(nn.ConvGRU2d(0, 3), None, state, steps=4).choices[0].kernel == "sequence"


def test_what_was_asked_for_and_cannot_run_says_why_once():
    layer = nn.ConvGRU2d(2, 3)
    with kernels.use("triton"):
        with pytest.warns(kernels.KernelWarning, match=r"'triton' cannot run .*on the CPU.*: 'reference' runs it"):
            assert chosen(layer, frames()) == ["reference"]
        layer(frames())
    with kernels.use("triton"), pytest.warns(kernels.KernelWarning, match="on the CPU"):
        layer(frames())
    layer(frames())


def test_what_the_environment_asked_for_and_cannot_run_says_why_once():
    code = (
        "import torch; from framecast import nn;"
        "[nn.ConvGRU2d(2, 3)(torch.zeros(3, 1, 2, 5, 4)) for _ in range(2)];"
        "nn.LSTM(2, 3)(torch.zeros(3, 1, 2))"
    )
    environment = os.environ | {"FRAMECAST_KERNEL": "torch"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stderr.count("KernelWarning: kernel 'torch' cannot run this call (the layer is convolutional)") == 1


@pytest.mark.parametrize("kernel", ["graphs", "tiles"])
def test_what_takes_the_place_of_a_kernel(kernel):
    layer = nn.ConvGRU2d(2, 3)
    with kernels.use(kernel), pytest.warns(kernels.KernelWarning, match=kernel):
        assert chosen(layer, frames()) == [{"graphs": "reference", "tiles": "sequence"}[kernel]]


def test_auto_never_replays_graphs():
    assert not KERNELS["graphs"].automatic


def test_a_dense_layer_by_torchs_operator_alone():
    layer, x = nn.LSTM(2, 3), torch.randn(3, 1, 2)
    with kernels.use("torch"):
        assert chosen(layer, x) == ["torch"]


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
    text = str(kernels.explain(nn.ConvGRU2d(2, 3, 2), frames()))
    lines = text.splitlines()
    assert lines[0] == "asked for: auto"
    assert lines[1].startswith("sequence: runs 2 passes")
    assert lines[2].startswith("  steps in ")
    assert [line.split(":")[0].strip() for line in lines[3:]] == ["torch", "tiles", "graphs", "triton", "reference"]
    assert "plain PyTorch" in lines[-1]


def test_the_documentation_lists_the_table():
    text = (Path(__file__).parents[2] / "docs" / "kernels.md").read_text()
    rows = [line.split("|")[1:3] for line in text.splitlines() if line.startswith("| `")]
    table = [(name.strip().strip("`"), about.strip()) for name, about in rows]
    assert table[: len(KERNELS)] == [(kernel.name, kernel.about) for kernel in KERNELS.values()]


def test_nothing_to_explain():
    with pytest.raises(ValueError, match=r"`layer` .Conv2d. ran no recurrent layer"):
        kernels.explain(torch.nn.Conv2d(2, 3, 3), frames()[0])


def test_kernels_need_torch_alone():
    code = (
        "import sys; sys.modules['triton'] = None; import torch; from framecast import nn, kernels;"
        "print(kernels.explain(nn.ConvGRU2d(1, 2), torch.randn(2, 1, 1, 4, 4)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=6000, check=True)
    assert "sequence: runs" in done.stdout
    assert list(KERNELS) == ["torch", "tiles", "graphs", "triton", "sequence", "reference"]
