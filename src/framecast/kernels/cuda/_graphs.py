"""Calls replayed from CUDA graphs: for inference on small frames, where launching takes longer than computing."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence

import torch
from torch import Tensor

from .._transforms import transforms_active

Tensors = Sequence[Tensor | None]
Run = Callable[[Tensors, Tensors], tuple[Tensor, ...]]

# Elements of all inputs together; above it the work takes longer than the launches.
LARGEST = 2**22


def refusal(inputs: Tensors, weights: Tensors) -> str | None:
    """Why a call cannot be replayed; None if it can."""
    tensors = [t for t in (*inputs, *weights) if t is not None]
    if torch.is_grad_enabled():
        return "gradients are recorded"
    if transforms_active():
        return "torch.func, forward mode, compilation, export or tracing is at work"
    if any(type(t) not in (Tensor, torch.nn.Parameter) for t in tensors):
        return "tensors of another class than torch.Tensor"
    devices = sorted({str(t.device) for t in tensors})
    if len(devices) != 1 or not devices[0].startswith("cuda"):
        return f"tensors are not on one GPU but on {', '.join(devices) or 'none'}"
    elements = sum(t.numel() for t in inputs if t is not None)
    if not 0 < elements <= LARGEST:
        return f"inputs hold {elements} elements, not between 1 and {LARGEST}"
    if torch.is_autocast_enabled("cuda"):
        return "autocast is on"
    return "a graph is being captured" if torch.cuda.is_current_stream_capturing() else None


class Graphs:
    """Functions whose calls are captured as CUDA graphs and replayed.

    A call is captured when its like comes for the second time: the same name, shapes, strides and types, and weights in
    the same memory, which a replay reads as it is then. Other settings, TF32 among them, stay as they were at the
    capture. What is refused (see :func:`refusal`) or comes for the first time runs as it is.

    Args:
        limit: how many kinds of calls are kept; the one unused for longest is dropped.
    """

    def __init__(self, limit: int = 8) -> None:
        self.limit = limit
        # None for what was seen once.
        self._recordings: OrderedDict[Hashable, Recording | None] = OrderedDict()
        self._lock = threading.RLock()

    def __call__(self, run: Run, name: Hashable, inputs: Tensors, weights: Tensors) -> tuple[Tensor, ...]:
        """``run(inputs, weights)``.

        Args:
            run: makes new tensors from these alone, on the GPU alone; keeps no memory between calls.
            name: what tells it, and all its options, from other functions.
            inputs: tensors that are copied for a replay.
            weights: tensors that are read where they are.
        """
        if refusal(inputs, weights) is not None:
            return run(inputs, weights)
        key = (name, *map(_form, inputs), *((_form(w), None if w is None else w.data_ptr()) for w in weights))
        with self._lock:
            seen = key in self._recordings
            recording = self._recordings.pop(key, None)
            if seen and recording is None:
                recording = Recording(run, inputs, weights)
            self._recordings[key] = recording
            if len(self._recordings) > self.limit:
                _, dropped = self._recordings.popitem(last=False)
                if dropped is not None:
                    dropped.wait()
            return run(inputs, weights) if recording is None else recording(inputs)


class Recording:
    """One call as a CUDA graph, with memory of its own for inputs and outputs."""

    def __init__(self, run: Run, inputs: Tensors, weights: Tensors) -> None:
        self.device = next(x.device for x in inputs if x is not None)
        # Inference tensors could not be written to outside inference mode.
        with torch.cuda.device(self.device), torch.inference_mode(False), torch.no_grad():
            self.inputs = [None if x is None else x.clone() for x in inputs]
            stream, self.graph, self.done = torch.cuda.Stream(), torch.cuda.CUDAGraph(), torch.cuda.Event()
            stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(stream):
                # Libraries choose algorithms and kernels are compiled at the first run, which cannot be captured.
                run(self.inputs, weights)
            with torch.cuda.graph(self.graph, stream=stream, capture_error_mode="thread_local"):
                self.outputs = run(self.inputs, weights)

    def __call__(self, inputs: Tensors) -> tuple[Tensor, ...]:
        """The outputs for these inputs."""
        with torch.cuda.device(self.device):
            # The memory is shared by calls from all streams.
            torch.cuda.current_stream().wait_event(self.done)
            for own, given in zip(self.inputs, inputs, strict=True):
                if own is not None and given is not None:
                    own.copy_(given)
            self.graph.replay()
            outputs = tuple(output.clone() for output in self.outputs)
            self.done.record()
        return outputs

    def wait(self) -> None:
        """Return when the last replay has ended and the memory may go."""
        self.done.synchronize()


def _form(tensor: Tensor | None) -> Hashable:
    return None if tensor is None else (tensor.shape, tensor.stride(), tensor.dtype, tensor.device)
