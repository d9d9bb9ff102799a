"""Bytes held between forward and backward, and the peak of a whole training step.

Two counts are made, and the larger one stands. One watches every operation and keeps weak references to the storages it
reads and writes: it sees what was there before (a workspace kept from the last call) and does not care where a tensor
is kept, in a graph, on `ctx` or in a closure. The other sums what the allocator gives and takes: it also sees what no
operation shows, inside compiled code.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from .contenders import training_step


class Memory(NamedTuple):
    """Bytes: those held after the forward, and the peak during a whole training step."""

    held: int
    peak: int


def measure(module: nn.Module, input: Tensor, compiled: bool = False) -> Memory:
    """Measure a training step of ``module`` on ``input``.

    The input counts where it is held for the backward, parameters never do. Output and states are dropped; what is kept
    is the graph behind the output.

    Args:
        module: returns one tensor.
        input: its argument.
        compiled: whether `torch.compile` made it: such code cannot be watched, only its allocations count.
    """

    def forward() -> object:
        return module(input.clone()).grad_fn

    training_step(module, input)  # what is kept from call to call is there now
    held, _ = allocated(forward, input.device)
    if not compiled:
        # The input is the caller's; what counts is the copy that the module is given.
        held = max(held, alive_after(forward, [input, *module.parameters()]))
    _, peak = allocated(lambda: training_step(module, input.clone()), input.device)
    return Memory(held, peak)


def alive_after(forward: Callable[[], object], excluded: Iterable[Tensor] = ()) -> int:
    """Bytes of all tensors that ``forward`` reads or writes and that are alive while its result is.

    Args:
        forward: what to watch.
        excluded: tensors that do not count.
    """
    with _Storages() as storages:
        kept = forward()
    gc.collect()
    total = storages.alive(excluded)
    del kept
    return total


def allocated(function: Callable[[], object], device: torch.device) -> tuple[int, int]:
    """Bytes that ``function`` leaves allocated while its result is kept, and the most it had at a time."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        kept = function()
        gc.collect()
        return torch.cuda.memory_allocated() - before, torch.cuda.max_memory_allocated() - before
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        kept = function()
        gc.collect()
    assert profiler.profiler is not None
    assert profiler.profiler.kineto_results is not None
    events = [e for e in profiler.profiler.kineto_results.events() if e.name() == "[memory]"]
    total = peak = 0
    for event in sorted(events, key=lambda e: e.start_ns()):
        total += event.nbytes()
        peak = max(peak, total)
    del kept
    return total, peak


class _Storages(TorchDispatchMode):
    """Weak references to the storages of all arguments and results of all operations."""

    observes_only = True  # kernels that write past the dispatcher run all the same

    def __init__(self) -> None:
        super().__init__()
        self.seen: dict[int, tuple[Any, int]] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run the operation and take note."""
        result = func(*args, **(kwargs or {}))
        for value in tree_leaves((args, kwargs, result)):
            if isinstance(value, Tensor) and value.layout == torch.strided:
                storage = value.untyped_storage()
                # The weak reference keeps the address from being used again.
                self.seen.setdefault(storage._cdata, (storage._weak_ref(), storage.nbytes()))
        return result

    def alive(self, excluded: Iterable[Tensor]) -> int:
        """Bytes of those that still exist."""
        passed_over = {tensor.untyped_storage()._cdata for tensor in excluded}
        total = 0
        for key, (reference, size) in self.seen.items():
            if key not in passed_over and not torch.UntypedStorage._expired(reference):
                total += size
            torch.UntypedStorage._free_weak_ref(reference)
        self.seen.clear()
        return total
