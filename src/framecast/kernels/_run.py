"""The one function that layers and cells call: it runs a stack by the kernels that suit it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import torch

from ._again import run_reference
from ._call import Call, PassResult, StackResult
from ._choice import choose_for_pass, choose_for_stack
from ._passes import in_passes
from ._segments import in_segments
from ._transforms import transforms_active


def run(call: Call) -> StackResult:
    """Run a stack of layers over a batch of sequences.

    Returns:
        The output in the form of the batch, and the final states in the form of :class:`Call`'s.
    """
    if torch.compiler.is_compiling():  # which neither chooses nor wants another kernel
        return in_passes(call, run_reference)
    kernel = choose_for_stack(call)
    return in_passes(call, partial(_run_pass, call)) if kernel is None else kernel.run(call)


def _run_pass(stack: Call, call: Call) -> PassResult:
    """Run one pass of a stack, trading time for memory where that is asked for."""
    length = call.checkpoint
    if not length:
        return choose_for_pass(call, stack).run(call)
    call = replace(call, checkpoint=False)
    if not torch.is_grad_enabled() or transforms_active():
        return choose_for_pass(call, stack).run(call)
    if length is True:
        redone = replace(call, checkpoint=True)
        kernel = choose_for_pass(redone, stack)
        if kernel.name != "reference":
            return kernel.run(redone)
    # Chosen once: what is asked for may have changed by the time of the backward.
    return in_segments(call, int(length), choose_for_pass(call, stack).run)
