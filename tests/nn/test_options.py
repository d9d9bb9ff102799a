"""Options: one definition each, from which signatures, checks, help, the page of the layers and static types follow."""

import inspect
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import pytest
import torch

from framecast import functional, nn
from framecast.functional import GRUStep

LAYERS = [
    f"{form}{kind}{axes}"
    for kind in ("RNN", "LSTM", "GRU")
    for form, axes in (("", ""), *(("Conv", f"{a}d") for a in (1, 2, 3)))
]
CLASSES = [*LAYERS, *(f"{name}Cell" for name in LAYERS)]
PAGE = Path(__file__).parents[2] / "docs" / "layers.md"

SIGNATURE = {
    "input_size": inspect.Parameter.empty,
    "hidden_size": inspect.Parameter.empty,
    "num_layers": 1,
    "bias": True,
    "batch_first": False,
    "dropout": 0.0,
    "bidirectional": False,
    "proj_size": 0,
    "kernel_size": 3,
    "recurrent_kernel_size": None,
    "stride": 1,
    "padding": "same",
    "dilation": 1,
    "recurrent_dilation": 1,
    "groups": 1,
    "padding_mode": "zeros",
    "peephole": None,
    "spatial_size": None,
    "norm": None,
    "activation": "tanh",
    "recurrent_activation": "sigmoid",
    "recurrent_dropout": 0.0,
    "zoneout": 0.0,
    "forget_bias": None,
    "checkpoint": False,
    "device": None,
    "dtype": None,
}
SPATIAL = {"kernel_size", "recurrent_kernel_size", "stride", "padding", "dilation", "recurrent_dilation"}
SPATIAL |= {"padding_mode", "spatial_size"}
LSTM_ONLY = {"proj_size", "peephole", "spatial_size", "forget_bias"}
LAYER_ONLY = {"num_layers", "batch_first", "dropout", "bidirectional", "recurrent_dropout", "checkpoint"}


def defaults(function):
    return {name: p.default for name, p in inspect.signature(function).parameters.items()}


def positional(function):
    parameters = inspect.signature(function).parameters.values()
    return [p.name for p in parameters if p.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]


def expected_of(name):
    expected = dict(SIGNATURE)
    missing = set() if name.startswith("Conv") else set(SPATIAL)
    if "LSTM" not in name:
        missing |= LSTM_ONLY
    if "RNN" in name:
        missing |= {"activation", "recurrent_activation"}
        expected["nonlinearity"] = "tanh"
    if "GRU" in name:
        expected["reset_after"] = True
    if name.endswith("Cell"):
        missing |= LAYER_ONLY
    return {option: default for option, default in expected.items() if option not in missing}


@pytest.mark.parametrize("name", CLASSES)
def test_a_signature_shows_the_options_that_the_class_has(name):
    owner = getattr(nn, name)
    assert defaults(owner) == expected_of(name)
    assert all(p.annotation is not inspect.Parameter.empty for p in inspect.signature(owner).parameters.values())
    described = re.findall(r"^    (\w+): ", owner.__doc__.partition("Args:\n")[2].partition("\n\n")[0], re.MULTILINE)
    assert described == list(defaults(owner))


@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
def test_arguments_by_position_are_torchs(name):
    theirs = ["input_size", "hidden_size", "num_layers", "bias", "batch_first", "dropout", "bidirectional"]
    theirs += ["proj_size"] * (name == "LSTM")
    theirs[3:3] = ["nonlinearity"] * (name == "RNN")
    assert positional(getattr(nn, name)) == positional(getattr(nn, f"Conv{name}2d")) == theirs
    theirs = ["input_size", "hidden_size", "bias"] + ["nonlinearity"] * (name == "RNN")
    assert positional(getattr(nn, f"{name}Cell")) == positional(getattr(nn, f"Conv{name}3dCell")) == theirs


def test_types_are_in_the_signature():
    types = {name: p.annotation for name, p in inspect.signature(nn.ConvLSTM2d).parameters.items()}
    assert types["bias"] is bool
    assert types["dtype"] == torch.dtype | None
    assert types["hidden_size"] == int | list[int]
    assert inspect.signature(nn.ConvLSTM2dCell).parameters["hidden_size"].annotation is int


WRONG = [
    (
        lambda: nn.ConvGRU2d(1, 2, peephol=1),
        r"ConvGRU2d\(\) has no option `peephol`; it has input_size, hidden_size, num",
    ),
    (lambda: nn.ConvLSTM2d(1, 2, peephol=1), r"ConvLSTM2d\(\) has no option `peephol`; did you mean `peephole`\?"),
    (
        lambda: nn.ConvLSTM2dCell(1, 2, strides=1),
        r"ConvLSTM2dCell\(\) has no option `strides`; did you mean `stride`\?",
    ),
    (lambda: nn.RNN(1, 2, nonlinearty="relu"), r"RNN\(\) has no option `nonlinearty`; did you mean `nonlinearity`\?"),
    (lambda: nn.GRU(1), r"GRU\(\) needs `hidden_size`"),
    (lambda: nn.GRU(1, 2, input_size=1), r"GRU\(\) got `input_size` by position and by keyword"),
    (
        lambda: nn.GRUCell(1, 2, True, 3),
        r"GRUCell\(\) takes 3 arguments by position \(input_size, hidden_size, bias\), got 4",
    ),
    (
        lambda: functional.lstm(None, (), None, None, strides=2),
        r"lstm\(\) has no option `strides`; did you mean `stride`\?",
    ),
]


@pytest.mark.parametrize(("call", "message"), WRONG, ids=[message.replace("\\", "") for _, message in WRONG])
def test_a_wrong_keyword_names_the_class_and_the_nearest_option(call, message):
    with pytest.raises(TypeError, match=rf"\A{message}"):
        call()


def test_an_option_of_another_cell():
    for call, owner in (
        (lambda: nn.RNN(2, 3, proj_size=1), "RNN"),
        (lambda: nn.LSTMCell(2, 3, num_layers=2), "LSTMCell"),
    ):
        with pytest.raises(ValueError, match=f"has no meaning here: {owner} has no such option"):
            call()
    assert "peephole" not in repr(nn.ConvGRU2d(1, 2, peephole=None))  # as it is without one


FUNCTIONS = ["rnn", "lstm", "gru"]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_have_the_options_of_the_layers(name):
    function, layer = getattr(functional, name), defaults(getattr(nn, f"Conv{name.upper()}2d"))
    shown = defaults(function)
    shared = {option for option in shown if option in layer}
    own = {"rnn": {"nonlinearity"}, "lstm": {"activation", "recurrent_activation"}}
    own["gru"] = own["lstm"] | {"reset_after"}
    assert shared == {"stride", "padding", "dilation", "recurrent_dilation", "groups", "padding_mode", *own[name]}
    assert {option: shown[option] for option in shared} == {option: layer[option] for option in shared}
    assert all(f"\n    {option}: " in function.__doc__ for option in shared)


def test_functions_check_as_the_layers_do():
    h, weight = torch.zeros(1, 4, 5, 5), torch.zeros(4, 4, 3, 3)
    frames = torch.zeros(2, 1, 4, 5, 5)
    for options, message in (
        ({"stride": 0}, r"`stride` \(=0\) must be at least 1"),
        ({"dilation": (1, 2, 3)}, r"`dilation` \(=\(1, 2, 3\)\) gives 3 axes, but the layer has 2"),
        ({"padding": "full"}, "`padding` must be one of 'same', 'valid', got 'full'"),
        ({"padding_mode": "mirror"}, "`padding_mode` must be one of"),
        ({"groups": 2.0}, r"`groups` must be a whole number, got 2\.0"),
    ):
        with pytest.raises(ValueError, match=message):
            functional.rnn(frames, h, weight, weight, **options)


def test_the_page_of_the_layers_has_every_option_with_its_default():
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \| (.+?) \| .+ \|$", PAGE.read_text(), re.MULTILINE)
    shown = {name: default for names, default in rows for name in re.findall(r"`(\w+)`", names)}
    definitions = {}
    for name in CLASSES:
        definitions |= defaults(getattr(nn, name))
    assert set(shown) == set(definitions)
    written = {
        name: "" if d is inspect.Parameter.empty else repr(d).replace("'", '"') for name, d in definitions.items()
    }
    assert {name: default.replace("`", "").replace("required", "") for name, default in shown.items()} == written


STATIC = """
from framecast.functional import lstm
from framecast.nn import GRU, LSTM, RNN, ConvGRU2d, ConvLSTM2d, ConvLSTM2dCell, ConvRNN3dCell

ConvLSTM2d(3, [10, 8], 2, True, False, 0.1, True, 4, kernel_size=[3, (5, 3)], padding="valid", peephole="channel")
RNN(3, 5, 2, "relu", False, dtype=None)
ConvRNN3dCell(3, 5, False, "relu", stride=(1, 2, 2))
GRU(3, 5, reset_after=False, zoneout=0.1)
ConvGRU2d(3, 5, peephole="channel")  # wrong
ConvLSTM2d(3, 5, peephol="channel")  # wrong
LSTM(3, 5, kernel_size=3)  # wrong
GRU(3, 5, proj_size=2)  # wrong
ConvLSTM2d(3, 5, stride="2")  # wrong
ConvLSTM2dCell(3, 5, dropout=0.5)  # wrong
RNN(3, 5, 2, True, False)  # wrong
GRU(3)  # wrong
lstm(None, (), None, None, strides=2)  # wrong
padding: int = ConvLSTM2d(3, 5).padding  # wrong
"""


def test_a_static_type_checker_knows_the_options(tmp_path):
    pytest.importorskip("mypy")
    path = tmp_path / "calls.py"
    path.write_text(STATIC)
    command = [sys.executable, "-m", "mypy", "--config-file=", "--ignore-missing-imports", "--follow-imports=silent"]
    source = Path(nn.__file__).parents[2]
    done = subprocess.run(
        [*command, f"--cache-dir={tmp_path}", str(path)], capture_output=True, text=True, cwd=source, check=False
    )
    wrong = {k for k, line in enumerate(STATIC.splitlines(), 1) if line.endswith("# wrong")}
    assert {int(k) for k in re.findall(r"calls\.py:(\d+): error", done.stdout)} == wrong, done.stdout + done.stderr


@dataclass(frozen=True)
class SlowStep(GRUStep):
    """A GRU that takes only a part of each step."""

    gates: ClassVar[int] = 3
    pace: float = field(default=1.0, metadata={"meaning": "part of a step that is taken."})

    def __call__(self, x, state, maps):
        (h,) = state
        (new,) = super().__call__(x, state, maps)
        return (h + self.pace * (new - h),)


class SlowGRU(nn.RecurrentLayer):
    step_rule = SlowStep


def test_fields_of_a_step_rule_are_options_of_a_cell_of_ones_own():
    assert defaults(SlowGRU)["pace"] == 1.0
    assert inspect.signature(SlowGRU).parameters["pace"].annotation is float
    assert "    pace: part of a step that is taken." in SlowGRU.__doc__
    assert "pace=0.25" in repr(SlowGRU(3, 5, pace=0.25))
    slow, x = SlowGRU(3, 5, pace=0.25), torch.randn(1, 2, 3)
    whole = SlowGRU(3, 5)
    whole.load_state_dict(slow.state_dict())
    torch.testing.assert_close(slow(x)[0], 0.25 * whole(x)[0])
    with pytest.raises(TypeError, match=r"SlowGRU\(\) has no option `pase`; did you mean `pace`\?"):
        SlowGRU(3, 5, pase=0.25)


class Small(nn.ConvLSTM2d):
    """A subclass with a constructor of its own."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, 4, kernel_size=5)


def test_a_subclass_with_a_constructor_of_its_own():
    assert list(defaults(Small)) == ["channels"]
    assert repr(Small(3)) == "Small(3, 4, kernel_size=5)"


def test_axes_need_the_options_of_convolutions():
    with pytest.raises(TypeError, match="Flat has `spatial_axes` 2 and needs the base Convolutional"):
        type("Flat", (nn.RecurrentLayer,), {"spatial_axes": 2})
