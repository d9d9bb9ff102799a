"""Every form of a step against its declaration: plain PyTorch, C and Triton."""

import ast
import dataclasses
import inspect
from pathlib import Path

import pytest
import torch

from framecast.kernels.cpu import _library, _steps
from framecast.kernels.cuda import _steps as _triton
from framecast.kernels.sequence._cells import PASSES, STEPS
from framecast.kernels.sequence._lstm import LSTM

COMPILED = {name: step for name, step in STEPS.items() if step.compiled}


def triton_kernels():
    """Names of the kernels and of their first arguments, by reading the module: Triton may not be installed."""
    module = ast.parse(Path(_triton.__file__).with_name("_triton_kernels.py").read_text())
    functions = [node for node in module.body if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")]
    return {f.name: [argument.arg for argument in f.args.args] for f in functions}


@pytest.mark.parametrize("name", STEPS)
def test_the_plain_form_takes_the_operands_that_are_declared(name):
    parameters = inspect.signature(STEPS[name].plain).parameters
    assert list(parameters) == [operand.name for operand in STEPS[name].operands]
    for operand in STEPS[name].operands:
        assert ("None" in parameters[operand.name].annotation) == operand.optional, operand.name


@pytest.mark.skipif(_library.why_not() is not None, reason=f"no compiled functions: {_library.why_not()}")
def test_the_compiled_forms_are_those_that_are_declared():
    assert set(_steps._numbers()) == {step.signature for step in COMPILED.values()}


def test_the_triton_kernels_are_those_that_are_declared():
    kernels = triton_kernels()
    assert set(kernels) == set(COMPILED)
    for name, step in COMPILED.items():
        names = [operand.name for operand in step.operands]
        assert kernels[name] == [*names, "elements", "H", "BLOCK", "LARGE"]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("name", STEPS)
def test_a_step_writes_what_it_is_said_to_write(name, dtype):
    step, rows, hidden = STEPS[name], 5, 3
    wide = torch.promote_types(dtype, torch.float32)
    tensors, before = [], []
    for operand in step.operands:
        shape = (operand.width, hidden) if operand.shared else (rows, operand.width * hidden)
        tensors.append(torch.rand(shape).to(wide if operand.of_state else dtype))
        if operand.role == "filled":
            tensors[-1].fill_(torch.nan)
        before.append(tensors[-1].clone())
    step.plain(*tensors)
    for operand, tensor, old in zip(step.operands, tensors, before, strict=True):
        assert torch.equal(tensor, old) == (operand.role == "read"), operand.name
        assert tensor.isfinite().all(), operand.name


def test_every_cell_says_which_steps_it_takes():
    assert {type(step).__name__ for cell in PASSES.values() for step in cell.steps} == {"Step"}
    assert set(STEPS) >= {"lstm", "gru", "gru_reset", "rnn_tanh"}


@pytest.mark.skipif(_library.why_not() is not None, reason=f"no compiled functions: {_library.why_not()}")
def test_a_declaration_that_c_does_not_know_is_refused():
    gates, added, *others = LSTM.operands
    swapped = dataclasses.replace(LSTM, operands=(added, gates, *others))
    tensors = [torch.zeros(2, width) for width in (4, 4, 1)]
    with pytest.raises(KeyError, match="lstm added gates"):
        _steps.run_compiled(swapped, *tensors, None, torch.empty(2, 1), torch.empty(2, 1))
