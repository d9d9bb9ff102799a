"""What the pass over a whole sequence leaves to the reference."""

from __future__ import annotations

import torch
from torch import Tensor

from .._call import Call, is_shallow
from .._transforms import transforms_active
from ._cells import PASSES

_TYPES = {
    "cpu": (torch.float32, torch.float64, torch.bfloat16),
    "cuda": (torch.float32, torch.float64, torch.bfloat16, torch.float16),
}
TRANSFORMS = "torch.func, forward mode, compilation, export, tracing or a dispatch mode is at work"
OTHER_CLASS = "tensors of another class than torch.Tensor"


def sequence_refuses(call: Call) -> str | None:
    """Why the sequence pass cannot take a pass; None if it can."""
    spec = call.spec
    if transforms_active():
        return TRANSFORMS
    if spec.rule not in PASSES:
        name = type(spec.rule).__name__
        known = type(spec.rule) in map(type, PASSES)
        return f"the activations of {name} are not the default ones" if known else f"{name} has no such pass"
    if spec.peephole not in (None, "channel"):
        return f"`peephole` is {spec.peephole!r}"
    if spec.proj_size:
        return f"`proj_size` is {spec.proj_size}"
    if spec.norm:
        return "the gates are normalised (`norm`)"
    if any(spec.zoneout):
        return f"`zoneout` is {spec.zoneout}"
    if call.training and spec.recurrent_dropout:
        return "recurrent dropout is drawn"
    if spec.recurrent.padding_mode != "zeros" and any(k > 1 for k in spec.recurrent.kernel_size):
        return f"`padding_mode` is {spec.recurrent.padding_mode!r}"
    return _tensors_refuse(call)


def _tensors_refuse(call: Call) -> str | None:
    if any(type(t) not in (Tensor, torch.nn.Parameter) for t in call.tensors()):
        return OTHER_CLASS
    if call.device.type not in _TYPES:
        return f"tensors are on {call.device}"
    if call.dtype not in _TYPES[call.device.type]:
        return f"the type is {call.dtype}"
    if not _fits(call):
        return "weights, input and states do not fit together"
    if 0 in call.state[0].shape or min(call.sizes) == 0:
        return "there is an empty batch or frame"
    if is_shallow(call):
        return "the volumes are less deep than the kernel, where oneDNN's gradients in bfloat16 are wrong"
    return None


def _fits(call: Call) -> bool:
    """Whether weights and states have the layer's shapes and one type, and the input its own; else PyTorch says so."""
    spec, weights, data = call.spec, call.weights.tensors, call.data
    h, shapes = call.state[0], spec.shapes()
    if any(value.shape != shapes.get(name) for name, value in weights.items()):
        return False
    if any(state.shape != (len(h), spec.hidden_size, *h.shape[2:]) for state in call.state):
        return False
    if data is not None and (data.shape[1] != spec.input_size or spec.input.output_size(data.shape[2:]) != h.shape[2:]):
        return False
    types = {t.dtype for t in (*weights.values(), *([] if data is None else [data]))}
    return len(types) == 1 or torch.is_autocast_enabled(call.device.type)
