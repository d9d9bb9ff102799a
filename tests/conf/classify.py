"""A third job, small: to tell light pictures from dark ones."""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from framecast.data import FramesDataModule
from framecast.runs import Scale
from framecast.tasks import Results, Task


class Pictures(FramesDataModule):
    """Pictures of noise, light or dark."""

    def __init__(self, count: int = 40, batch_size: int = 4):
        super().__init__(batch_size=batch_size)
        self.count, self.value_scale = count, Scale(0.0, 255.0)

    def setup(self, stage=None):
        noise = torch.rand(self.count, 1, 6, 6, generator=torch.Generator().manual_seed(0))
        items = [{"image": (x + k % 2) / 2, "label": torch.tensor(k % 2)} for k, x in enumerate(noise)]
        self.train_set, self.val_set, self.test_set = items[::2] + items[1::2], items[:8], items[8:20]

    def describe(self, split):
        return {"data": "noise, light or dark"}


class Mean(nn.Module):
    def __init__(self, classes: int = 2):
        super().__init__()
        self.head = nn.Linear(1, classes)

    def forward(self, images):
        return self.head(images.mean((2, 3)))


class Classify(Task):
    kind = "classify"

    def __init__(self, network: nn.Module, learning_rate: float = 0.1):
        super().__init__(network, learning_rate=learning_rate)
        self.right = []

    def loss_of(self, batch):
        return F.cross_entropy(self.network(batch["image"]), batch["label"])

    def validation_step(self, batch, batch_idx):
        self.log("val_loss", self.loss_of(batch), batch_size=len(batch["label"]))

    def on_test_start(self):
        self.right = []

    def test_step(self, batch, batch_idx):
        self.right += (self.network(batch["image"]).argmax(1) == batch["label"]).tolist()

    def summarize(self, protocol):
        accuracy = float(np.mean(self.right))
        return Results(self.kind, protocol, {"hits": accuracy}, f"{accuracy:.0%}", {"right": np.array(self.right)}, "x")


@dataclass
class Classifier:
    network: nn.Module

    @classmethod
    def from_checkpoint(cls, checkpoint, path, network, device):
        weights = {k.removeprefix("network."): v for k, v in checkpoint["state_dict"].items()}
        network = network or Mean()
        network.load_state_dict(weights)
        return cls(network.to(device))

    def classify(self, images):
        return self.network(torch.as_tensor(images)).argmax(1).tolist()


def page(run, test=None):
    results = run.results(test)
    hits = results.read_metrics()["scores"]["hits"] if results else "untested"
    return f"<p>{run.name}: {hits}, {len(run.read_log())} series</p>"
