"""Other libraries' layers, each in a process of its own: ``python -m benchmarks.libraries NAME FOLDER``.

The process reads sizes, weights and input from the folder, writes output and gradients there, and then does on every
line of its standard input what the line names, and answers with the seconds it took. It needs NumPy and the library.

Shape letters: T time, N batch, C input channels, H hidden channels, S height and width, K kernel.
"""

from __future__ import annotations

import os
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]
TRAINING_STEP, INFERENCE = "training step", "inference"


class Problem(NamedTuple):
    """Arrays in torch's layout: input ``(T, N, C, S, S)``, weights as in `benchmarks.cases.Weights`."""

    input: Array
    weight_ih: Array
    weight_hh: Array
    bias: Array

    @property
    def hidden(self) -> int:
        """Hidden channels H."""
        return int(self.weight_hh.shape[1])

    @property
    def kernel(self) -> int:
        """Kernel K."""
        return int(self.weight_hh.shape[2])

    def kernels_last(self) -> tuple[Array, Array]:
        """Both weights as ``(K, K, C, 4H)``."""
        return self.weight_ih.transpose(2, 3, 1, 0), self.weight_hh.transpose(2, 3, 1, 0)


class Library(NamedTuple):
    """A layer of another library, ready to run.

    Args:
        training_step: returns the gradients of the weights, once they are there.
        inference: returns the output, once it is there.
        output: puts an output into torch's layout.
        gradients: puts gradients into torch's layout: of ``weight_ih``, ``weight_hh`` and ``bias``.
    """

    training_step: Callable[[], Any]
    inference: Callable[[], Any]
    output: Callable[[Any], Array]
    gradients: Callable[[Any], Sequence[Array]]


def keras_torch(problem: Problem) -> Library:
    """Keras' ConvLSTM2D on torch."""
    import torch

    layer = _keras_layer(problem, "torch")
    variables = [variable.value for variable in layer.trainable_variables]
    x = torch.from_numpy(problem.input.transpose(1, 0, 3, 4, 2).copy()).to(variables[0].device)

    def finished(result: Any) -> Any:
        if x.is_cuda:
            torch.cuda.synchronize()
        return result

    def training_step() -> Any:
        return finished(torch.autograd.grad(layer(x).square().mean(), variables))

    def inference() -> Any:
        with torch.no_grad():
            return finished(layer(x))

    def gradients(found: Any) -> Sequence[Array]:
        return _from_keras([gradient.numpy(force=True) for gradient in found])

    return Library(training_step, inference, lambda y: y.numpy(force=True).transpose(1, 0, 4, 2, 3), gradients)


def keras_jax(problem: Problem) -> Library:
    """Keras' ConvLSTM2D on JAX, compiled as a whole."""
    import jax

    layer = _keras_layer(problem, "jax")
    x = jax.numpy.asarray(problem.input.transpose(1, 0, 3, 4, 2))
    trained, others = ([v.value for v in vs] for vs in (layer.trainable_variables, layer.non_trainable_variables))

    def forward(trained: Any, x: Any) -> Any:
        return layer.stateless_call(trained, others, x)[0]

    return _with_jax(forward, trained, x, lambda y: y.transpose(1, 0, 4, 2, 3), _from_keras)


def flax(problem: Problem) -> Library:
    """flax's ConvLSTMCell in its RNN, compiled as a whole."""
    import flax.linen as linen
    import jax

    cell = linen.ConvLSTMCell(problem.hidden, kernel_size=(problem.kernel, problem.kernel))
    layer = linen.RNN(cell, time_major=True)
    i, f, g, o = np.arange(4 * problem.hidden).reshape(4, -1)
    order = np.concatenate([i, g, f, o])
    kernel_ih, kernel_hh = problem.kernels_last()
    bias = problem.bias - np.repeat([0, 1, 0, 0], problem.hidden).astype(problem.bias.dtype)  # flax adds 1 to f
    weights = {
        "ih": {"kernel": kernel_ih[..., order], "bias": bias[order]},
        "hh": {"kernel": kernel_hh[..., order], "bias": np.zeros_like(bias)},
    }
    x = jax.numpy.asarray(problem.input.transpose(0, 1, 3, 4, 2))
    parameters = jax.tree.map(jax.numpy.asarray, {"params": {"cell": weights}})

    def gradients(found: Any) -> Sequence[Array]:
        back = np.argsort(order)
        ih, hh = (found["params"]["cell"][name] for name in ("ih", "hh"))
        kernels = [np.asarray(part["kernel"])[..., back].transpose(3, 2, 0, 1) for part in (ih, hh)]
        return [*kernels, np.asarray(ih["bias"])[back]]

    return _with_jax(layer.apply, parameters, x, lambda y: y.transpose(0, 1, 4, 2, 3), gradients)


LIBRARIES: dict[str, Callable[[Problem], Library]] = {
    "keras torch": keras_torch,
    "keras jax": keras_jax,
    "flax": flax,
}
ON_TORCH = ("keras torch",)


def _keras_layer(problem: Problem, backend: str) -> Any:
    os.environ["KERAS_BACKEND"] = backend
    import keras

    layer = keras.layers.ConvLSTM2D(problem.hidden, problem.kernel, padding="same", return_sequences=True)
    steps, batch, channels, height, width = problem.input.shape
    layer.build((batch, steps, height, width, channels))
    layer.set_weights([*problem.kernels_last(), problem.bias])  # its gates are i, f, c, o too
    return layer


def _from_keras(gradients: Sequence[Any]) -> Sequence[Array]:
    return [np.asarray(g) if g.ndim == 1 else np.asarray(g).transpose(3, 2, 0, 1) for g in gradients]


def _with_jax(forward: Any, parameters: Any, x: Any, output: Any, gradients: Any) -> Library:
    import jax

    def loss(parameters: Any, x: Any) -> Any:
        return (forward(parameters, x) ** 2).mean()

    step, run = jax.jit(jax.grad(loss)), jax.jit(forward)
    return Library(
        lambda: jax.block_until_ready(step(parameters, x)),
        lambda: jax.block_until_ready(run(parameters, x)),
        lambda y: output(np.asarray(y)),
        gradients,
    )


def main(name: str, folder: Path) -> None:
    """Serve one library until the standard input ends."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever a library prints is no answer
    warnings.simplefilter("ignore")
    if hasattr(os, "sched_setaffinity"):  # JAX takes all cores that it sees
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, cores[: int(os.environ.get("OMP_NUM_THREADS", len(cores)))])
    with np.load(folder / "problem.npz") as arrays:
        library = LIBRARIES[name](Problem(**arrays))
    start = time.perf_counter()
    gradients, output = library.training_step(), library.inference()
    elapsed = time.perf_counter() - start
    named = dict(zip(("weight_ih", "weight_hh", "bias"), library.gradients(gradients), strict=True))
    np.savez(folder / "results.npz", output=library.output(output), **named)  # type: ignore[arg-type]
    print(elapsed, file=answers)
    actions = {TRAINING_STEP: library.training_step, INFERENCE: library.inference}
    for line in sys.stdin:
        start = time.perf_counter()
        actions[line.strip()]()
        print(time.perf_counter() - start, file=answers)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
