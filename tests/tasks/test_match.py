"""The task of matching: its losses, its scores, and that a training goes on exactly where it stopped."""

import json
import time

import lightning.pytorch as pl
import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import KNeighborsClassifier
from torch import nn

from framecast.data import Affine, Digits, ImageParts, ImageSource, LabelledImages, MatchData
from framecast.losses import contrastive_loss
from framecast.models import ConvEncoder, LeNet, Siamese
from framecast.runs import RunFolder
from framecast.tasks import EmbeddingEpochs, LastCheckpoint, Match


class Flat(nn.Module):
    """The first pixels are the embedding."""

    embedding_size = 3

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, images, lengths=None):
        return images.flatten(1)[:, :3] * self.scale


def images(count=6, classes=3, size=4):
    generator = torch.Generator().manual_seed(count)
    return {"image": torch.rand(count, 1, size, size, generator=generator), "label": torch.arange(count) % classes}


def pairs_of(batch):
    """All pairs, by hand."""
    count = len(batch["label"])
    both = [(i, j) for i in range(count) for j in range(i + 1, count)]
    i, j = (torch.tensor(side) for side in zip(*both, strict=True))
    x, y = batch["image"], batch["label"]
    return {"first": x[i], "second": x[j], "similar": y[i] == y[j]}


def by_hand(loss, batch, margin):
    """Mean over the non-zero losses of all pairs of the first pixels, in float64."""
    values = []
    for first, second, similar in zip(*(batch[n].double() for n in ("first", "second", "similar")), strict=True):
        a, b = first.flatten()[:3].numpy(), second.flatten()[:3].numpy()
        d, energy = np.linalg.norm(a - b), np.abs(a - b).sum()
        cosine = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
        same, apart = {
            "hadsell2006": (d**2 / 2, max(0, margin - d) ** 2 / 2),
            "caffe_legacy": (d**2 / 2, max(0, margin - d**2) / 2),
            "squared_distance": (d**2 / 2, max(0, margin - d**2) ** 2 / 2),
            "chopra2005": (2 / margin * energy**2, 2 * margin * np.exp(-2.77 / margin * energy)),
            "cosine": (1 - cosine, max(0, cosine - margin)),
        }[loss]
        values.append(same if similar else apart)
    return np.sum(values) / np.count_nonzero(values)


@pytest.mark.parametrize("loss", ["hadsell2006", "caffe_legacy", "squared_distance", "chopra2005", "cosine"])
def test_images_and_pairs_have_the_loss_of_the_equation(loss):
    margin = 0.7
    task = Match(Siamese(Flat()), loss=loss, margin=margin)
    batch = images()
    expected = by_hand(loss, pairs_of(batch), margin)
    assert task.loss_of(batch).item() == pytest.approx(expected, rel=1e-5)
    assert task.loss_of(pairs_of(batch)).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("loss", "margin"), [("hadsell2006", 1.0), ("cosine", 0.0)])
def test_the_margin_has_a_default(loss, margin):
    batch = images()
    default, given = (Match(Siamese(Flat()), loss=loss, margin=m).loss_of(batch) for m in (None, margin))
    other = Match(Siamese(Flat()), loss=loss, margin=0.5).loss_of(batch)
    assert default == given
    assert default != other


def test_a_miner_and_a_reduction_change_the_loss():
    batch = images(8)
    plain = Match(Siamese(Flat())).loss_of(batch)
    assert Match(Siamese(Flat()), miner="BatchHardMiner").loss_of(batch) != plain
    assert Match(Siamese(Flat()), reduction="sum").loss_of(batch) > plain


def test_lengths_reach_the_encoder():
    class Lengths(Flat):
        def forward(self, images, lengths=None):
            return super().forward(images) * lengths[:, None]

    batch = images() | {"length": torch.arange(1, 7)}
    long = Match(Siamese(Lengths())).loss_of(batch)
    assert long != Match(Siamese(Lengths())).loss_of(batch | {"length": torch.ones(6, dtype=torch.long)})
    pairs = pairs_of(images())
    count = len(pairs["similar"])
    lengths = {"first_length": torch.arange(count), "second_length": torch.ones(count, dtype=torch.long)}
    first, second = pairs["first"].flatten(1)[:, :3], pairs["second"].flatten(1)[:, :3]
    expected = contrastive_loss(
        first * torch.arange(count)[:, None], second, pairs["similar"], reduction="mean_nonzero"
    )
    assert Match(Siamese(Lengths())).loss_of(pairs | lengths).item() == pytest.approx(expected.item(), rel=1e-5)


def test_the_cosine_loss_measures_angles():
    x = images()["image"]
    embeddings = Match(Siamese(Flat()), loss="cosine")(x)
    torch.testing.assert_close(embeddings.norm(dim=1), torch.ones(6))
    assert not torch.allclose(Match(Siamese(Flat()))(x).norm(dim=1), torch.ones(6))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"loss": "triplet"}, "`loss` must be one of 'hadsell2006', .*'cosine', got 'triplet'"),
        ({"reduction": "none"}, "`reduction` must make one number"),
        ({"reduction": "median"}, r"`reduction` \(='median'\)"),
        ({"margin": -1.0}, r"`margin` \(=-1.0\)"),
        ({"loss": "cosine", "margin": 1.5}, r"`margin` \(=1.5\)"),
        ({"loss": "cosine", "miner": "BatchHardMiner"}, r"`miner` \(='BatchHardMiner'\) needs `loss`"),
        ({"miner": "Nobody"}, r"`miner` \(='Nobody'\)"),
        ({"pairs": 1}, r"`pairs` \(=1\) must be at least 2"),
        ({"neighbours": 0}, r"`neighbours` \(=0\) must be at least 1"),
        ({"examples": -1}, r"`examples` \(=-1\) must be at least 0"),
        ({"learning_rate": 0.0}, r"`learning_rate` \(=0.0\) must be positive"),
    ],
)
def test_wrong_options(options, message):
    with pytest.raises(ValueError, match=message):
        Match(Siamese(Flat()), **options)


@pytest.mark.parametrize(
    ("encoder", "about", "message"),
    [
        (LeNet(), {"channels": 3, "frame_size": [28, 28]}, "have 3 channels, but the encoder takes 1: set .*grayscale"),
        (
            LeNet(),
            {"channels": 1, "frame_size": [32, 32]},
            "are 32x32, but the encoder takes 28x28: set --data.images.size",
        ),
    ],
)
def test_data_that_do_not_fit_are_refused(encoder, about, message):
    with pytest.raises(ValueError, match=message):
        Match(Siamese(encoder)).check_data({"classes": 10, **about})
    with pytest.raises(ValueError, match="`data` must be labelled images"):
        Match(Siamese(encoder)).check_data({"input_frames": 3, **about})
    Match(Siamese(encoder)).check_data({"classes": 10, "channels": 1, "frame_size": [28, 28]})


class Alphabets(ImageSource):
    """Points near the corner of their class; half of the test's classes are in training, or none."""

    def __init__(self, unseen=False, noise=0.2):
        self.unseen, self.noise = unseen, noise

    def load(self, seed):
        start = 6 if self.unseen else 0
        return ImageParts(self._images(0, 6, 1), self._images(0, 6, 2), self._images(start, 12, 3))

    def _images(self, start, stop, seed):
        random = np.random.default_rng(seed)
        labels = np.repeat(np.arange(start, stop), 8)
        centres = np.random.default_rng(0).uniform(40, 215, (12, 3))[labels]
        pixels = np.zeros((len(labels), 2, 4), np.uint8)
        pixels.reshape(len(labels), 8)[:, :3] = centres + random.normal(0, 255 * self.noise / 4, centres.shape).clip(
            -40, 40
        )
        writers = np.tile(np.arange(8), stop - start)
        names = [f"class {k}" for k in range(12)]
        return LabelledImages(pixels, labels, names, labels // 6, writers, group_names=["A", "B"])

    def describe(self, part):
        return "points"


def alphabets(batch_size=16, **options):
    return MatchData(Alphabets(**options), batch_size=batch_size, seed=3)


def scored(data, **options):
    task = Match(Siamese(Flat()), pairs=4000, **options)
    trainer = pl.Trainer(accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False)
    trainer.test(task, data, verbose=False)
    return task.results(), data


def test_scores_agree_with_scikit_learn_on_the_pairs_of_the_report():
    found, data = scored(alphabets(noise=0.5), neighbours=3)
    arrays = found.arrays
    points = data.test_set.images.reshape(96, 8)[:, :3] / 255
    np.testing.assert_allclose(arrays["embeddings"], points, atol=1e-6)
    np.testing.assert_array_equal(arrays["labels"], data.test_set.labels)
    np.testing.assert_array_equal(arrays["images"], data.test_set.images[:, 0])
    i, j = arrays["pairs"].T
    assert (i != j).all()
    np.testing.assert_array_equal(arrays["similar"], arrays["labels"][i] == arrays["labels"][j])
    np.testing.assert_allclose(arrays["distances"], np.linalg.norm(points[i] - points[j], axis=1), atol=1e-6)
    assert arrays["similar"].mean() == 0.5
    assert found.scores["roc_auc"] == pytest.approx(roc_auc_score(arrays["similar"], -arrays["distances"]))
    verdicts = arrays["distances"] <= found.scores["threshold"]
    assert found.scores["accuracy"] == pytest.approx((verdicts == arrays["similar"]).mean())
    similar, different = (arrays["distances"][arrays["similar"] == kind] for kind in (True, False))
    for share in (0.01, 0.001):
        first_refused = np.sort(different)[int(share * len(different))]
        expected = (similar < first_refused).mean()
        assert found.scores[f"true_accepts_at_{share}"] == pytest.approx(expected)
        assert 0 < expected < 1
    assert arrays["threshold"] == np.float32(found.scores["threshold"])
    gallery, labels = data.train_images.images.reshape(48, 8)[:, :3] / 255, data.train_images.labels
    known = np.isin(arrays["labels"], labels)
    assert known.mean() == 0.5
    classifier = KNeighborsClassifier(3).fit(gallery, labels)
    assert found.scores["neighbour_accuracy"] == pytest.approx(classifier.score(points[known], arrays["labels"][known]))
    assert found.protocol["classes"] == "partly seen in training"


def test_the_threshold_is_of_the_validation_images():
    data = alphabets(noise=0.5)
    found, _ = scored(data)
    data.test_set = data.val_set
    assert scored(data)[0].scores["threshold"] == found.scores["threshold"]
    assert scored(data)[0].scores["accuracy"] != found.scores["accuracy"]
    data.val_set = data.images._images(6, 12, 4)
    assert scored(data)[0].scores["threshold"] != found.scores["threshold"]


def test_one_shot_is_of_classes_that_training_never_saw():
    one_shot = scored(alphabets(unseen=True, noise=0.1))[0]
    assert set(one_shot.scores["one_shot"]) == {"5-way within alphabets", "5-way across all"}  # there are 6 classes
    assert one_shot.scores["one_shot"]["5-way across all"] > 0.9
    assert one_shot.scores["neighbour_accuracy"] is None
    assert one_shot.protocol["classes"] == "not seen in training"
    assert "by different writers" in one_shot.protocol["one_shot"]
    assert one_shot.protocol["one_shot"].startswith("6 classes that training never saw; 20 trials for each of 1 alpha")
    assert one_shot.protocol["one_shot"].endswith("alphabets (1 of 1), 100 queries; 5-way across all, 100 queries")
    mixed = scored(alphabets(noise=0.1))[0]
    assert set(mixed.scores["one_shot"]) == {"5-way within alphabets", "5-way across all"}
    random = scored(alphabets(unseen=True, noise=100.0))[0]
    assert random.scores["one_shot"]["5-way across all"] < 0.6
    json.dumps([one_shot.scores, one_shot.protocol])


def test_kept_images_are_evenly_spread_and_their_pairs_among_them():
    found, data = scored(alphabets(), examples=7)
    chosen = np.round(np.linspace(0, 95, 7)).astype(int)
    np.testing.assert_array_equal(found.arrays["images"], data.test_set.images[chosen, 0])
    np.testing.assert_array_equal(found.arrays["labels"], data.test_set.labels[chosen])
    whole = scored(alphabets())[0].arrays
    place = np.full(96, -1)
    place[chosen] = range(7)
    np.testing.assert_array_equal(found.arrays["pairs"], place[whole["pairs"]])
    np.testing.assert_array_equal(found.arrays["distances"], whole["distances"])
    assert scored(alphabets(), examples=0)[0].arrays == {}


class Stop(pl.Callback):
    """Break off after so many steps."""

    def __init__(self, step):
        self.step = step

    def on_train_batch_end(self, trainer, *_):
        if trainer.global_step >= self.step:
            raise KeyError("stopped")


def train(folder, *callbacks, resume=None, epochs=3, pairs=False, validate=1, workers=0):
    pl.seed_everything(int(time.time() * 1000) % 1000, verbose=False)  # must not matter
    torch.manual_seed(3)
    task = Match(Siamese(ConvEncoder(1, 3, [4, 5])), learning_rate=0.02, pairs=300)
    data = MatchData(
        Digits(size=12), batch="pairs" if pairs else "images", batch_size=10, val_batch_size=150,
        train_batches_per_epoch=7, classes_per_batch=None if pairs else 5, augment=Affine(), seed=5, workers=workers,
    )  # fmt: skip
    trainer = pl.Trainer(
        accelerator="cpu",
        max_epochs=epochs,
        default_root_dir=folder,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        check_val_every_n_epoch=validate,
        callbacks=[LastCheckpoint(1), EmbeddingEpochs(RunFolder(folder)), *callbacks],
    )
    trainer.fit(task, data, ckpt_path=resume, weights_only=True)
    with np.load(RunFolder(folder).embedding_epochs) as file:
        return trainer.global_step, task.state_dict(), dict(file)


def assert_same(a, b):
    assert a[0] == b[0]
    for name, value in a[1].items():
        assert torch.equal(value, b[1][name]), name
    for name, value in a[2].items():
        np.testing.assert_array_equal(value, b[2][name], name)


@pytest.mark.parametrize("pairs", [False, True], ids=["images", "pairs"])
def test_stopping_at_any_step(tmp_path, pairs):
    whole = train(tmp_path / "whole", pairs=pairs)
    assert {"threshold", "brightness"} < set(whole[1])
    assert not whole[1]["threshold"].isnan()
    for stop in (3, 6, 8, 13, 15):
        with pytest.raises(KeyError, match="stopped"):
            train(tmp_path / str(stop), Stop(stop), pairs=pairs)
        last = tmp_path / str(stop) / "checkpoints" / "last.ckpt"
        assert torch.load(last, weights_only=True)["global_step"] == stop
        assert_same(train(tmp_path / str(stop), resume=last, pairs=pairs), whole)


def test_positions_after_every_epoch_are_kept(tmp_path):
    _, _, kept = train(tmp_path)
    assert kept["epochs"].tolist() == [1, 2, 3]
    assert kept["positions"].shape == (3, 300, 3)
    np.testing.assert_array_equal(kept["labels"], DigitLabels.val())
    assert not np.array_equal(kept["positions"][1], kept["positions"][2])
    _, _, every_second = train(tmp_path / "second", validate=2)
    assert every_second["epochs"].tolist() == [2]
    np.testing.assert_array_equal(every_second["positions"][0], kept["positions"][1])


def test_an_epoch_that_is_validated_again_is_kept_once(tmp_path):
    _, _, kept = train(tmp_path, epochs=2)
    _, _, again = train(tmp_path, epochs=2)  # as after a stop between a validation and its checkpoint
    assert again["epochs"].tolist() == [1, 2]
    np.testing.assert_array_equal(again["positions"], kept["positions"])


class DigitLabels:
    @staticmethod
    def val():
        data = MatchData(Digits(size=12))
        data.setup()
        return data.val_set.labels
