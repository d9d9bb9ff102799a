"""Training end to end: the shipped Moving MNIST configuration, with our kernels and with the reference.

Shape letters: N batch, T input frames, K forecast frames.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
import yaml

from framecast.cli import config_path
from framecast.data import MovingMNISTData
from framecast.kernels import use
from framecast.models import EncoderForecaster
from framecast.tasks import Forecast

from .settings import Settings
from .timing import Action, interleave, timed

CONFIG = "moving_mnist"
STEPS, WARMUP = 6, 2
KERNELS = ("auto", "reference")
PRECISIONS = ("float32", "bf16-mixed")


class Training(NamedTuple):
    """Frames per second, input and forecast counted, of optimiser steps with one kernel in one precision."""

    precision: str
    kernel: str
    frames_per_second: float


def training(precision: str, settings: Settings) -> list[Training]:
    """Time optimiser steps on one batch of built-in digits, the kernels turn about."""
    config = yaml.safe_load(config_path(CONFIG).read_text())
    data = MovingMNISTData(**config["data"]["init_args"])
    data.setup("fit")
    batch = {name: value.to(settings.device) for name, value in next(iter(data.train_dataloader())).items()}
    actions = {}
    for kernel in KERNELS:
        torch.manual_seed(0)
        step = _optimiser_step(config, batch, kernel, precision, settings.device)
        actions[kernel] = Action(timed(step, settings.device))
    times = interleave(actions, STEPS, warmup=WARMUP)
    frames = sum(batch[name].shape[0] * batch[name].shape[1] for name in ("input", "target"))
    return [Training(precision, kernel, frames / times[kernel].median) for kernel in KERNELS]


def _optimiser_step(
    config: dict[str, Any], batch: dict[str, torch.Tensor], kernel: str, precision: str, device: str
) -> Callable[[], None]:
    """What Lightning does for a batch: forward, backward, clip, step."""
    options = config["model"]["init_args"]
    network = EncoderForecaster(**options["network"]["init_args"])
    task = Forecast(network, **{name: value for name, value in options.items() if name != "network"}).to(device)
    optimizer = torch.optim.AdamW(task.parameters(), lr=task.learning_rate, betas=task.betas)
    clip = config["trainer"]["gradient_clip_val"]

    def step() -> None:
        optimizer.zero_grad()
        with (
            use(kernel),
            torch.autocast(torch.device(device).type, torch.bfloat16, enabled=precision == "bf16-mixed"),
        ):
            loss = task.loss_of(batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(task.parameters(), clip)
        optimizer.step()

    return step
