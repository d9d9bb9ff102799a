"""Plant faults in a copy of the layers, one at a time, and check that the tests catch every one.

``python tools/mutants.py [--jobs 2] [words of the faults to plant]``; the exit code is 1 if a fault survives.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
TESTS = (
    "tests/nn",
    "tests/functional",
    "tests/kernels/test_passes.py",
    "tests/kernels/test_tiles.py",
    "tests/kernels/test_tiled_lstm.py",
)


class Fault(NamedTuple):
    """One fault: ``old`` stands exactly once in ``file``; ``tests`` are the files likely to see it, tried first."""

    breaks: str
    file: str
    old: str
    new: str
    tests: str


EQUATIONS, PARITY, LAYERS = "nn/test_equations.py", "nn/test_torch_parity.py", "nn/test_layers.py"
PROPERTIES, WRONG, PROJECTION = "nn/test_properties.py", "nn/test_wrong_calls.py", "functional/test_projection.py"
STEPS, PASS, LOOP = "functional/_steps.py", "functional/_layer.py", "functional/_loop.py"
SPACE, BASE, LAYER = "functional/_projection.py", "nn/_base.py", "nn/_layer.py"
PASSES, TRACK, CELL_PASS = "kernels/test_passes.py", "kernels/sequence/_states.py", "kernels/sequence/_pass.py"
CONVOLUTION, NODE, SEGMENTS = "kernels/sequence/_convolution.py", "kernels/sequence/_node.py", "kernels/_segments.py"
LSTM_PASS, GRU_PASS = "kernels/sequence/_lstm.py", "kernels/sequence/_gru.py"
RESET_BEFORE, STACK = "kernels/sequence/_gru_before.py", "kernels/_passes.py"
TILES, TILED, GRID = "kernels/test_tiles.py", "kernels/test_tiled_lstm.py", "kernels/cpu/tiles.h"
INPUT, LSTM_TILES, LSTM_NODE = "kernels/sequence/_input.py", "kernels/cpu/lstm.c", "kernels/cpu/_lstm.py"
STATES, SEQUENCE, OPTIONS = "nn/_states.py", "functional/_batch.py", "functional/_space.py"

FAULTS = [
    # the matrix unit
    Fault(
        "tiles: one of the six products is left out",
        GRID,
        "        ROWS(2);\n        MULTIPLY(3);\n",
        "        ROWS(2);\n",
        TILES,
    ),
    Fault(
        "tiles: a number's lowest part is lost",
        GRID,
        "*low = bits(rest - widen(*middle)) >> 16;",
        "*low = 0;",
        TILES,
    ),
    Fault(
        "tiles: sums that overflow are not seen",
        GRID,
        "return _mm512_reduce_max_epu32(largest) >= ODD;",
        "return 0;",
        TILES,
    ),
    Fault(
        "tiles: the padding of the larger kernel only before",
        GRID,
        "one->after[axis] = two->after[axis] = most(one->after[axis], two->after[axis]);",
        "",
        TILED,
    ),
    Fault(
        "tiles: dilation of rows is that of planes",
        GRID,
        "(row * dilation[1] + lead[1])",
        "(row * dilation[0] + lead[1])",
        TILES,
    ),
    Fault(
        "tiles: the turned kernel is not turned",
        "kernels/cpu/_tiles.py",
        "taps = [-s for s in taps]",
        "taps = list(taps)",
        TILES,
    ),
    Fault(
        "tiles: gradient of the weight forgets all but the last chunk",
        "kernels/cpu/tiles_gradient.c",
        "sums[k] += results[k];",
        "sums[k] = results[k];",
        TILES,
    ),
    Fault(
        "tiles: neighbours from odd pixels on are those from even ones",
        "kernels/cpu/tiles_gradient.c",
        "+ 2 * pair + way) * channels",
        "+ 2 * pair) * channels",
        TILES,
    ),
    Fault(
        "tiles: bias of the first gate for all",
        LSTM_TILES,
        "repeat(pass->bias ? pass->bias + k * hidden + channel : NULL,",
        "repeat(pass->bias ? pass->bias + channel : NULL,",
        TILED,
    ),
    Fault(
        "tiles: o's peephole is that of i",
        LSTM_TILES,
        "_mm512_load_ps(parameters->peephole[2] + k)",
        "_mm512_load_ps(parameters->peephole[0] + k)",
        TILED,
    ),
    Fault(
        "tiles: gradient of c does not pass f",
        LSTM_TILES,
        "    to_c = times(to_c, f);\n",
        "",
        TILED,
    ),
    Fault(
        "tiles: bias gradient of the last step lost",
        LSTM_TILES,
        "            add_totals(pass, all, totals, channel);\n        }\n}",
        "        }\n}",
        TILED,
    ),
    Fault(
        "tiles: gradient of the state's end lost",
        LSTM_TILES,
        "pass->grad_h ? pass->grad_h + pixel * pass->hidden + channel : NULL",
        "NULL",
        TILED,
    ),
    Fault(
        "tiles: spent gates are taken for gates",
        LSTM_NODE,
        "None if spent else gates, data",
        "gates, data",
        TILED,
    ),
    Fault(
        "tiles: known zeros are said to be known where they are not",
        LSTM_NODE,
        "known = [None, None] if plan.zero_state else [h, c]\n    library",
        "known = [None, None]\n    library",
        TILED,
    ),
    Fault(
        "tiles: gradient of the input that of another weight",
        INPUT,
        "bound.input_gradient(grad) if needed[0]",
        "grad[:, : data.shape[1]] if needed[0]",
        TILES,
    ),
    # the kernels
    Fault(
        "kernel: first recurrent part left out though there is a state",
        TRACK,
        "if self.plan.zero_state else",
        "if True else",
        PASSES,
    ),
    Fault(
        "kernel: an ended sequence's state is another's",
        TRACK,
        "parts.append(value[end:])",
        "parts.append(value[: len(value) - end])",
        PASSES,
    ),
    Fault(
        "kernel: weight gradient misses the first step",
        TRACK,
        "if not plan.zero_state:\n                entering.append",
        "if False:\n                entering.append",
        PASSES,
    ),
    Fault(
        "kernel: weight gradient pairs the wrong steps",
        TRACK,
        "early if plan.reverse else late))",
        "late if plan.reverse else early))",
        PASSES,
    ),
    Fault(
        "kernel: gradient of a final state lost at the end of a sequence",
        TRACK,
        "self.value, self.own = self.value.clone(), True",
        "self.value, self.own = torch.zeros_like(self.value), True",
        PASSES,
    ),
    Fault(
        "kernel: gradient of the final cell state lost",
        LSTM_PASS,
        "if grad_finals[1] is None else grad_finals[1].clone()",
        "if True else grad_finals[1].clone()",
        PASSES,
    ),
    Fault(
        "kernel: no gradient to the step before",
        CELL_PASS,
        "grad_h.give(matrix(projection.input_gradient(plan.frames(grad_sums))))",
        "pass",
        PASSES,
    ),
    Fault(
        "kernel: peepholes of i and f see nothing",
        LSTM_PASS,
        "if c_prev is not None:\n        total[0]",
        "if False:\n        total[0]",
        PASSES,
    ),
    Fault("kernel: GRU's carried gradient lost", GRU_PASS, "carried += grad_h.value", "pass", PASSES),
    Fault(
        "kernel: turned kernel not turned",
        CONVOLUTION,
        "self.weight.transpose(0, 1).flip(2, 3)",
        "self.weight.transpose(0, 1)",
        PASSES,
    ),
    Fault(
        "kernel: groups mix gates in the weight's gradient",
        CONVOLUTION,
        "return swap_channels(self.inner.weight_gradient(h, grad), 0, self.groups, self.gates)",
        "return self.inner.weight_gradient(h, grad)",
        PASSES,
    ),
    Fault(
        "kernel: overwritten gates are taken for gates",
        NODE,
        "spent, ctx.spent = ctx.spent, plan.keep",
        "spent, ctx.spent = False, plan.keep",
        PASSES,
    ),
    Fault(
        "kernel: second derivatives lose the projection of the input",
        NODE,
        "data, plan.sizes, states[0])\n    recurrent",
        "data, plan.sizes, states[0]).detach()\n    recurrent",
        PASSES,
    ),
    Fault("kernel: cell state's backward forgets the forget gate", LSTM_PASS, "    grad_c.mul_(f)\n", "", PASSES),
    Fault(
        "kernel: reset before, not through r",
        RESET_BEFORE,
        "carried.addcmul_(grad_reset_h.to(carried.dtype), r)",
        "pass",
        PASSES,
    ),
    Fault("checkpoint: masks drawn anew", SEGMENTS, "if call.training else None", "if False else None", PASSES),
    Fault(
        "checkpoint: every segment starts from zero",
        SEGMENTS,
        "call.zero_state and k == first",
        "call.zero_state",
        PASSES,
    ),
    # the equations
    Fault("LSTM: gates i and f swapped", STEPS, "i, f, g, o = maps", "f, i, g, o = maps", PARITY),
    Fault("LSTM: gates g and o swapped", STEPS, "i, f, g, o = maps", "i, f, o, g = maps", PARITY),
    Fault("LSTM: c leaves without its activation", STEPS, "gate(o) * act(c)", "gate(o) * c", PARITY),
    Fault(
        "RNN: state dropped",
        STEPS,
        "maps.normalize(x + maps.recurrent(h, 0, 1), 0, 1)",
        "maps.normalize(x, 0, 1)",
        PARITY,
    ),
    Fault("GRU: z inverted", STEPS, "n + z * (h - n)", "h + z * (n - h)", PARITY),
    Fault(
        "GRU: r and z swapped",
        STEPS,
        "r, z = gate(maps.normalize(x_rz + h_rz, 0, 2))",
        "z, r = gate(maps.normalize(x_rz + h_rz, 0, 2))",
        PARITY,
    ),
    Fault("GRU: reset before and after swapped", STEPS, "if self.reset_after:", "if not self.reset_after:", EQUATIONS),
    Fault(
        "peephole: o sees the old c",
        STEPS,
        """        c = gate(f) * c + gate(i) * act(g)
        peephole = maps.peephole(c, 2, 3)
""",
        """        peephole = maps.peephole(c, 2, 3)
        c = gate(f) * c + gate(i) * act(g)
""",
        EQUATIONS,
    ),
    Fault(
        "peephole: i and f swapped",
        STEPS,
        "peephole_i, peephole_f = peephole",
        "peephole_f, peephole_i = peephole",
        EQUATIONS,
    ),
    Fault(
        "peephole: the weights of other gates",
        PASS,
        "weight[first * size : last * size]",
        "weight[: (last - first) * size]",
        EQUATIONS,
    ),
    Fault(
        "norm: the recurrent part alone",
        STEPS,
        "maps.normalize(x + maps.recurrent(h, 0, 4), 0, 4)",
        "(x + maps.normalize(maps.recurrent(h, 0, 4), 0, 4))",
        EQUATIONS,
    ),
    Fault(
        "norm: in a GRU, before r",
        STEPS,
        "act(maps.normalize(x_n + r * h_n, 2, 3))",
        "act(x_n + r * maps.normalize(h_n, 2, 3))",
        EQUATIONS,
    ),
    Fault(
        "norm: before the bias",
        PASS,
        "gates = spec.input(data, weights.weight_ih, weights.bias_ih, spec.rule.gates)",
        "gates = spec.input(data, weights.weight_ih, None if spec.norm else weights.bias_ih, spec.rule.gates)",
        EQUATIONS,
    ),
    Fault(
        "norm: all gates in one group",
        PASS,
        "self.spec.recurrent.groups * (last - first)",
        "self.spec.recurrent.groups",
        EQUATIONS,
    ),
    Fault(
        "projection of the output skipped",
        PASS,
        "        if weight is None:\n            return h\n",
        "        if True:\n            return h[:, : self.spec.output_size]\n",
        PARITY,
    ),
    Fault(
        "no input: bias dropped",
        PASS,
        "bias = h.new_zeros(width) if weights.bias_ih is None else weights.bias_ih",
        "bias = h.new_zeros(width)",
        EQUATIONS,
    ),
    Fault(
        "c accumulated in the half type",
        PASS,
        "s.float() if dtype in HALF_TYPES else s for s in state[1:]",
        "s for s in state[1:]",
        LAYERS,
    ),
    Fault("autocast: states come back wide", PASS, "types = [dtype] * len(types)", "pass", LAYERS),
    # regularisation
    Fault(
        "recurrent dropout: mask resampled each step",
        PASS,
        "h = h * self.mask",
        "h = F.dropout(h, self.spec.recurrent_dropout)",
        EQUATIONS,
    ),
    Fault(
        "recurrent dropout: in evaluation too",
        PASS,
        "if training and mask is None:",
        "if mask is None:",
        EQUATIONS,
    ),
    Fault(
        "recurrent dropout: another sequence's mask", PASS, "mask=self.mask[:count]", "mask=self.mask[-count:]", LAYERS
    ),
    Fault("zoneout: share inverted", PASS, "torch.rand_like(after) < p", "torch.rand_like(after) >= p", EQUATIONS),
    Fault(
        "zoneout: expectation inverted",
        PASS,
        "after + p * (before - after)",
        "before + p * (after - before)",
        EQUATIONS,
    ),
    Fault(
        "zoneout: none in evaluation",
        PASS,
        "state.append(after + p * (before - after))",
        "state.append(after)",
        EQUATIONS,
    ),
    Fault(
        "zoneout: h and c swapped",
        PASS,
        "zip(old, new, probabilities, strict",
        "zip(old, new, probabilities[::-1], strict",
        EQUATIONS,
    ),
    Fault(
        "dropout: in evaluation too",
        STACK,
        "F.dropout(output, call.dropout, call.training)",
        "F.dropout(output, call.dropout)",
        EQUATIONS,
    ),
    Fault(
        "dropout: after the last layer too",
        STACK,
        "if call.dropout and k + 1 < count:",
        "if call.dropout:",
        LAYERS,
    ),
    Fault(
        "dropout: torch's operator drops in evaluation",
        "kernels/_torch_rnn.py",
        "call.dropout, call.training, bidirectional)",
        "call.dropout, True, bidirectional)",
        "nn/test_fused.py",
    ),
    # time
    Fault(
        "time reversed",
        LOOP,
        "reversed(range(len(inputs))) if reverse else range(len(inputs))",
        "range(len(inputs)) if reverse else reversed(range(len(inputs)))",
        EQUATIONS,
    ),
    Fault(
        "state ignored after the first step",
        LOOP,
        "current = step(alive, inputs[t], current)",
        "current = step(alive, inputs[t], _rows(state, 0, alive))",
        EQUATIONS,
    ),
    Fault("reverse output not reversed", LOOP, "outputs.reverse()", "pass", EQUATIONS),
    Fault("reverse direction runs forward", STACK, "reverse=direction == 1", "reverse=False", EQUATIONS),
    Fault(
        "reverse: another sequence's initial state",
        LOOP,
        "_rows(state, alive, sizes[t])",
        "_rows(state, 0, sizes[t] - alive)",
        PROPERTIES,
    ),
    Fault(
        "lengths: final state is the initial one",
        LOOP,
        "ended.append(_rows(current, sizes[t], alive))",
        "ended.append(_rows(state, sizes[t], alive))",
        PROPERTIES,
    ),
    Fault("lengths: final states in another order", LOOP, "*reversed(ended)", "*ended", PROPERTIES),
    Fault("lengths ignored", LAYER, "Batch.from_padded(input, checked)", "Batch.from_padded(input)", PROPERTIES),
    Fault(
        "lengths: output past the end not zero",
        SEQUENCE,
        "data.new_zeros(*self.valid",
        "data.new_ones(*self.valid",
        PROPERTIES,
    ),
    Fault(
        "sorting undone by the wrong permutation",
        SEQUENCE,
        "index_select(axis, torch.argsort(self.order))",
        "index_select(axis, self.order)",
        LAYERS,
    ),
    Fault(
        "given states not sorted",
        LAYER,
        "return batch, batch.sort(states), batched",
        "return batch, states, batched",
        PROPERTIES,
    ),
    Fault("final states not unsorted", LAYER, "batch.unsort_states(finals)", "finals", PROPERTIES),
    Fault(
        "one frame for all steps taken for one sequence",
        SEQUENCE,
        "frames.stride(0) == 0",
        "frames.stride(1) == 0",
        LAYERS,
    ),
    # states and forms
    Fault(
        "h_n of another layer",
        STATES,
        "states.append(torch.stack(list(column)))",
        "states.append(torch.stack(list(column)[::-1]))",
        EQUATIONS,
    ),
    Fault(
        "states batch first",
        LAYER,
        "        output, finals = kernels.run(call)\n",
        """        output, finals = kernels.run(call)
        if self.batch_first and batched:
            finals = [s.flip(1) if isinstance(s, Tensor) else [one.flip(0) for one in s] for s in finals]
""",
        LAYERS,
    ),
    Fault(
        "batch_first: output not swapped",
        LAYER,
        "            elif self.batch_first:\n                output",
        "            elif False:\n                output",
        LAYERS,
    ),
    Fault(
        "a cell ignores its state",
        "nn/_cell.py",
        "columns = [(s if batched else s.unsqueeze(0),) for s in state]",
        "columns = None if input is not None else [(s if batched else s.unsqueeze(0),) for s in state]",
        PARITY,
    ),
    Fault(
        "Recurrent: reverse direction runs forward",
        "nn/_recurrent.py",
        "reverse=direction == 1",
        "reverse=False",
        "nn/test_recurrent.py",
    ),
    # space
    Fault(
        "padding: the smaller half last",
        SPACE,
        "pads.append((total // 2, total - total // 2))",
        "pads.append((total - total // 2, total // 2))",
        PROJECTION,
    ),
    Fault("padding off by one with a stride", SPACE, "* t + r + 1 - s", "* t + r + 2 - s", PROJECTION),
    Fault(
        "padding ignores the dilation",
        SPACE,
        "return [d * (k - 1) for d, k in",
        "return [k - 1 for d, k in",
        PROJECTION,
    ),
    Fault("padding: axes in the wrong order", SPACE, "for pair in reversed(pads)", "for pair in pads", PROJECTION),
    Fault(
        "padding mode ignored",
        SPACE,
        'if self.padding_mode == "zeros" else self.padding_mode',
        "if True else self.padding_mode",
        PROJECTION,
    ),
    Fault(
        "groups mix gates",
        SPACE,
        "        return swap_channels(self._map(x, weight, bias), 1, self.groups, gates)\n",
        "        return self._map(x, weight, bias)\n",
        PROJECTION,
    ),
    Fault(
        "groups above a bidirectional layer mix",
        SPACE,
        "x = swap_channels(x, 1, self.parts, self.groups)",
        "pass",
        PROJECTION,
    ),
    Fault(
        "the recurrent convolution strides",
        OPTIONS,
        "stride=(1,) * axes,",
        'stride=space.get("stride", ()),',
        LAYERS,
    ),
    Fault(
        "the recurrent convolution takes the input's dilation",
        OPTIONS,
        'dilation=space.get("recurrent_dilation", ())',
        'dilation=space.get("dilation", ())',
        PROPERTIES,
    ),
    # initial weights
    Fault("forget bias on the wrong gate", BASE, "_GATE_F = 1", "_GATE_F = 2", LAYERS),
    Fault("forget bias counted twice", BASE, "(forget_bias, 0.0)", "(forget_bias, forget_bias)", LAYERS),
    Fault(
        "initial bound of dense layers",
        BASE,
        "spec.hidden_size if self.spatial_axes == 0 else spec.fan_in()",
        "spec.fan_in()",
        PARITY,
    ),
    Fault(
        "initial bound without the state's part",
        PASS,
        'for name in ("weight_ih", "weight_hh") if',
        'for name in ("weight_ih",) if',
        LAYERS,
    ),
    Fault("a second bias always", BASE, 'getattr(rule, "reset_after", cls.spatial_axes == 0)', "True", LAYERS),
    Fault("peepholes do not start at 0", BASE, '("weight_ch", "bias_norm")', '("bias_norm",)', LAYERS),
    # checks
    Fault(
        "a length beyond the input is taken",
        LAYER,
        "int(lengths.max()) > steps",
        "int(lengths.max()) > steps + 1",
        WRONG,
    ),
    Fault("a state of another type is taken", STATES, "    check_like(name, state, weight)\n", "", WRONG),
]


def run_tests(source: Path, tests: list[str]) -> tuple[int, str]:
    """Run tests on the package in ``source``; the exit code of pytest and what it printed."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", *tests]
    done = subprocess.run(command, cwd=ROOT, env=environment(source), capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def environment(source: Path) -> dict[str, str]:
    """Environment in which Python imports the package from ``source``."""
    # Without bytecode: a file changed twice within a second and of equal length would be taken for the same.
    # Without a matrix unit its tests would be skipped, and faults in it survive.
    tiles = {} if "amx_tile" in processor_flags() else {"FRAMECAST_TILES": "emulate"}
    return (
        tiles
        | os.environ
        | {
            "PYTHONPATH": str(source),
            "PYTHONDONTWRITEBYTECODE": "1",
            "OMP_NUM_THREADS": "1",
            "FRAMECAST_KERNEL": "reference",  # in which most faults are planted; tests of kernels ask for theirs
        }
    )


def processor_flags() -> str:
    """What the processor can do, as Linux lists it."""
    path = Path("/proc/cpuinfo")
    return path.read_text() if path.is_file() else ""


def copy_source(folder: Path) -> Path:
    """Copy the package."""
    source = folder / "src"
    shutil.copytree(ROOT / "src", source, ignore=shutil.ignore_patterns("__pycache__"))
    return source


def check_imported(source: Path) -> None:
    """See that it is the copy that is imported, wherever the package is installed."""
    command = [sys.executable, "-c", "import framecast; print(framecast.__file__)"]
    done = subprocess.run(command, cwd=ROOT, env=environment(source), capture_output=True, text=True, check=True)
    if not Path(done.stdout.strip()).is_relative_to(source):
        raise SystemExit(f"the tests would import {done.stdout.strip()}, not the copy in {source}")


def faulty(fault: Fault, source: Path) -> str:
    """The text of the fault's file in ``source``, with the fault."""
    text = (source / "framecast" / fault.file).read_text()
    if text.count(fault.old) != 1:
        raise SystemExit(f"{fault.breaks}: found {text.count(fault.old)} times in {fault.file}:\n{fault.old}")
    return text.replace(fault.old, fault.new)


def caught(fault: Fault) -> str | None:
    """The test that fails with the fault, or None if all pass."""
    with tempfile.TemporaryDirectory() as folder:
        source = copy_source(Path(folder))
        (source / "framecast" / fault.file).write_text(faulty(fault, source))
        for tests in ([f"tests/{fault.tests}"], list(TESTS)):
            code, printed = run_tests(source, tests)
            if code == 1:
                return next((line for line in printed.splitlines() if line.startswith("FAILED")), "FAILED")
            if code:
                raise SystemExit(f"{fault.breaks}: the tests did not run\n{printed}")
    return None


def report(fault: Fault) -> bool:
    """Plant one fault, print the result; whether it was caught."""
    start = time.monotonic()
    test = caught(fault)
    verdict = "survived" if test is None else "caught"
    by = "" if test is None else test.split(" - ")[0].split("/")[-1]
    print(f"{verdict:8}  {time.monotonic() - start:5.1f} s  {fault.breaks:50}  {by}", flush=True)
    return test is not None


def main() -> int:
    """Run the tests without a fault, then with each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--jobs", type=int, default=2, help="faults at a time")
    parser.add_argument("words", nargs="*", help="plant only faults whose line holds one of these")
    arguments = parser.parse_args()
    faults = [f for f in FAULTS if not arguments.words or any(word in f.breaks for word in arguments.words)]
    for fault in faults:
        faulty(fault, ROOT / "src")  # say at once which no longer fits the code
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        source = copy_source(Path(folder))
        check_imported(source)
        code, printed = run_tests(source, list(TESTS))
        if code:
            raise SystemExit(f"the tests fail without any fault\n{printed}")
    print(f"passed    {time.monotonic() - start:5.1f} s  without a fault", flush=True)
    with ThreadPoolExecutor(arguments.jobs) as pool:
        results = list(pool.map(report, faults))
    print(f"{sum(results)} of {len(results)} faults caught in {time.monotonic() - start:.0f} s")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
