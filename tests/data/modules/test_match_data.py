import io
import itertools
import zipfile

import lightning.pytorch as pl
import numpy as np
import pytest
import torch
from jsonargparse import ArgumentParser
from PIL import Image
from torch import nn

from framecast.data import (
    Affine,
    Digits,
    FramesDataModule,
    ImageFolder,
    MatchData,
    MovingDigits,
    Omniglot,
    Scale,
    load_digit_images,
)
from framecast.data.digits import _digit_source
from framecast.tasks import LastCheckpoint

rng = np.random.default_rng(0)
SMALL = Affine(rotation=5.0, scale=0.05, shift=1.0, shear=0.1)


def ready(data):
    data.prepare_data()
    data.setup("fit")
    return data


def digits(**options):
    return ready(MatchData(Digits(size=8), **({"batch_size": 60} | options)))


@pytest.fixture
def zips(tmp_path):
    """Training alphabets Greek and Korean, of 4 and 8 characters; Greek and Tagalog to test; five drawings of each."""
    for file, alphabets in (("one", {"Greek": 4, "Korean": 8}), ("other", {"Greek": 4, "Tagalog": 3})):
        with zipfile.ZipFile(tmp_path / f"{file}.zip", "w") as archive:
            for alphabet, characters in alphabets.items():
                for character, writer in itertools.product(range(characters), range(1, 6)):
                    name = f"{file}/{alphabet}/character{character:02}/{character:04}_{writer:02}.png"
                    drawing = io.BytesIO()
                    Image.fromarray(rng.random((20, 20)) > 0.3).save(drawing, "PNG")
                    archive.writestr(name, drawing.getvalue())
    return str(tmp_path / "one.zip"), str(tmp_path / "other.zip")


@pytest.fixture
def folder(tmp_path):
    """Two classes of ten grey images, each of its own value."""
    for number in range(20):
        path = tmp_path / "images" / "ab"[number // 10] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((6, 6), 10 * number, np.uint8)).save(path)
    return tmp_path / "images"


def clips(**options):
    source = MovingDigits(size=12, digit_size=8, train_length=50, val_length=40, test_length=30)
    return ready(MatchData(source, **({"batch_size": 10, "gallery": 7} | options)))


def test_batches_of_images():
    data = digits(batch_size=100)
    batches = list(data.train_dataloader())
    assert len(batches) == 11
    assert {name: tuple(values.shape) for name, values in batches[0].items()} == {
        "image": (100, 1, 8, 8),
        "label": (100,),
    }
    train = load_digit_images(size=8)
    known = {(image.tobytes(), int(label)) for image, label in zip(train.images, train.labels, strict=True)}
    seen = [
        ((image * 255).round().byte().numpy().tobytes(), int(label))
        for batch in batches
        for image, label in zip(batch["image"], batch["label"], strict=True)
    ]
    assert len(seen) == 1100
    assert set(seen) <= known
    assert len(set(seen)) > 1080  # a pass shows every image once; a few look alike
    assert data.value_scale == Scale(0.0, 255.0, "grey level", "uint8")


def test_batches_with_equally_many_of_each_class():
    for batch in digits(batch_size=20, classes_per_batch=4).train_dataloader():
        assert np.unique(batch["label"], return_counts=True)[1].tolist() == [5] * 4


def test_batches_of_pairs():
    data = digits(batch="pairs", batch_size=50)
    batches = list(data.train_dataloader())
    assert len(batches) == 1197 // 2 // 50
    for batch in batches:
        assert batch["first"].shape == batch["second"].shape == (50, 1, 8, 8)
        assert torch.equal(batch["similar"], batch["first_label"] == batch["second_label"])
        assert batch["similar"].sum() == 25
    again = digits(batch="pairs", batch_size=50, train_batches_per_epoch=40)
    assert len({batch["first"].numpy().tobytes() for batch in again.train_dataloader()}) == 40


def test_batches_of_neighbours():
    data = digits(batch="pairs", pairing="neighbours", batch_size=46)
    train = load_digit_images(size=8)
    expected = {train.images[2 * k : 2 * k + 2].tobytes() for k in range(598)}
    seen = [
        (torch.stack([first, second]) * 255).round().byte().numpy().tobytes()
        for batch in data.train_dataloader()
        for first, second in zip(batch["first"], batch["second"], strict=True)
    ]
    assert len(seen) == 598
    assert set(seen) == expected


def test_three_sets_are_tested_in_order():
    data = digits(gallery=130, val_batch_size=70, augment=SMALL)
    read = [
        {name: torch.cat([batch[name] for batch in loader]) for name in ("image", "label")}
        for loader in data.test_dataloader()
    ]
    for batch, split in zip(read, ("test", "val"), strict=False):
        expected = load_digit_images(split=split, size=8)
        np.testing.assert_allclose(batch["image"] * 255, expected.images, atol=1e-4)
        assert batch["label"].tolist() == expected.labels.tolist()
    train = {image.tobytes() for image in load_digit_images(size=8).images}
    gallery = (read[2]["image"] * 255).round().byte().numpy()
    assert len(gallery) == 130
    assert {image.tobytes() for image in gallery} <= train
    assert set(read[2]["label"].tolist()) == set(range(10))
    whole = torch.cat([batch["image"] for batch in digits().test_dataloader()[2]])
    np.testing.assert_allclose(whole * 255, load_digit_images(size=8).images, atol=1e-4)
    val = torch.cat([batch["image"] for batch in data.val_dataloader()])
    assert torch.equal(val, read[1]["image"])


@pytest.mark.parametrize("batch", ["images", "pairs"])
def test_training_alone_is_augmented(batch):
    names = {"image": "label"} if batch == "images" else {"first": "first_label", "second": "second_label"}
    plain, augmented, other = (
        next(iter(digits(batch=batch, augment=augment).train_dataloader()))
        for augment in (None, SMALL, Affine(5.0, 0.05, 1.0, 0.1, seed=1))
    )
    for name, label in names.items():
        assert torch.equal(plain[label], augmented[label])
        changes = (augmented[name] - plain[name]).abs().amax((1, 2, 3))
        assert (changes > 0.05).float().mean() > 0.9
        assert not torch.equal(augmented[name], other[name])
        assert (augmented[name].mean((1, 2, 3)) - plain[name].mean((1, 2, 3))).abs().mean() < 0.05


def test_an_image_changes_otherwise_in_every_pass_and_by_the_seed():
    image = load_digit_images(size=8).subset(slice(1))
    streams = []
    for seed in (0, 1):
        data = digits(augment=SMALL, batch_size=1, train_batches_per_epoch=10, seed=seed)
        data.train_set = image
        streams.append([batch["image"].numpy().tobytes() for batch in data.train_dataloader()])
    assert len(set(streams[0] + streams[1])) == 20


def test_both_images_of_a_pair_change_differently():
    pairs = digits(batch="pairs", augment=Affine(0.0, 0.0, 3.0, 0.0))
    pairs.train_set = Same()
    batch = next(iter(pairs.train_dataloader()))
    assert not torch.allclose(batch["first"], batch["second"])
    assert len({image.numpy().tobytes() for image in torch.cat([batch["first"], batch["second"]])}) == 120


class Same:
    """Pairs of one image with itself."""

    class pairing:
        length = 1000

    def __len__(self):
        return 1000

    def __getitem__(self, index):
        image = torch.arange(64.0, device="cpu").reshape(1, 8, 8) / 64
        return {"first": image, "second": image, "similar": torch.tensor(True, device="cpu")}


def train_batches(data, epochs, step, accumulate=1):
    """What training reads if it begins after so many steps."""

    class Trainer:
        global_rank, world_size, limit_train_batches, accumulate_grad_batches = 0, 1, 1.0, accumulate
        global_step = step

    data.trainer, batches = Trainer(), []
    loader = data.train_dataloader()
    while len(batches) < epochs * len(loader) - step:
        for batch in loader:
            batches.append(batch)
            Trainer.global_step += 1
    return batches


OPTIONS = [
    {},
    {"classes_per_batch": 10},
    {"batch": "pairs"},
    {"batch": "pairs", "pairing": "neighbours"},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_training_goes_on_where_it_stopped(options):
    options = options | {"augment": SMALL, "train_batches_per_epoch": 4, "batch_size": 50}
    whole = train_batches(digits(**options), 3, 0)
    for step in (1, 4, 7):
        rest = train_batches(digits(**options), 3, step)
        assert len(rest) == 12 - step
        for batch, expected in zip(rest, whole[step:], strict=True):
            assert all(torch.equal(batch[name], expected[name]) for name in expected)
    name = "image" if "image" in whole[0] else "first"
    assert len({batch[name].numpy().tobytes() for batch in whole}) == 12
    other = train_batches(digits(**options, seed=1), 1, 0)
    assert not torch.equal(other[0][name], whole[0][name])


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_workers_make_no_difference(options):
    options = options | {"augment": SMALL, "train_batches_per_epoch": 5, "batch_size": 20}
    alone, helped = (list(digits(**options, workers=workers).train_dataloader()) for workers in (0, 2))
    assert len(alone) == len(helped) == 5
    for batch, expected in zip(helped, alone, strict=True):
        assert all(torch.allclose(batch[name], expected[name], atol=1e-6) for name in expected)


def test_clips_with_workers():
    alone, helped = (list(clips(workers=workers, augment=SMALL).train_dataloader()) for workers in (0, 2))
    for batch, expected in zip(helped, alone, strict=True):
        assert all(torch.allclose(batch[name], expected[name], atol=1e-6) for name in expected)


class Task(pl.LightningModule):
    """Notes what it reads, and may break off."""

    def __init__(self, stop=None):
        super().__init__()
        self.layer, self.stop, self.read, self.tested = nn.Linear(1, 1), stop, [], [0, 0, 0]

    def training_step(self, batch, batch_idx):
        if self.trainer.global_step == self.stop:
            raise KeyError("stopped")
        self.read.append(batch["image"].sum().item())
        return self.layer(batch["image"].mean().reshape(1, 1)).sum()

    def validation_step(self, batch, batch_idx):
        pass

    def test_step(self, batch, batch_idx, dataloader_idx=0):
        self.tested[dataloader_idx] += len(batch["label"])

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)


def test_a_trainer_reads_them_and_resumes(tmp_path):
    def trainer():
        return pl.Trainer(
            accelerator="cpu",
            max_epochs=3,
            default_root_dir=tmp_path,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            callbacks=[LastCheckpoint(1)],
        )

    def data():
        return MatchData(Digits(size=8), batch_size=60, augment=SMALL, train_batches_per_epoch=5)

    whole, broken, resumed = Task(), Task(stop=7), Task()
    trainer().fit(whole, data())
    with pytest.raises(KeyError, match="stopped"):
        trainer().fit(broken, data())
    trainer().fit(resumed, data(), ckpt_path=tmp_path / "checkpoints" / "last.ckpt", weights_only=True)
    assert len(broken.read) == 7
    assert broken.read + resumed.read == whole.read
    trainer().test(whole, data(), verbose=False)
    assert whole.tested == [300, 300, 1197]


def test_digits_are_described():
    data = digits(gallery=200)
    assert data.describe("test") == {
        "data": "scikit-learn's bundled digits: 300 of 10 classes, other images of classes that training saw",
        "images": 300,
        "classes": 10,
        "seen_classes": 10,
        "gallery": 200,
        "frame_size": [8, 8],
        "channels": 1,
    }
    assert data.describe("train")["data"] == "scikit-learn's bundled digits: 1,197 of 10 classes"
    assert data.describe("val")["images"] == 300


def test_mnist_is_fetched_on_request_alone(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(_digit_source, "download_mnist", asked.append)
    for kind in (Digits, MovingDigits):
        MatchData(kind(str(tmp_path), download=True)).prepare_data()
        MatchData(kind(str(tmp_path))).prepare_data()
    assert asked == [str(tmp_path)] * 2


def test_omniglot(zips):
    data = ready(MatchData(Omniglot(*zips, size=10, val_fraction=0.25), batch_size=10))
    parts = (data.train_images, data.val_set, data.test_set)
    named = [{part.classes[label] for label in part.labels} for part in parts]
    assert [len(names) for names in named] == [9, 3, 3]
    assert len(set.union(*named)) == 15
    assert {name.split("/")[0] for name in named[1]} == {"Greek", "Korean"}
    assert {name.split("/")[0] for name in named[2]} == {"Tagalog"}
    for part in parts:
        assert all(
            part.classes[label].split("/")[0] == part.group_names[group]
            for label, group in zip(part.labels, part.groups, strict=True)
        )
    batch = next(iter(data.test_dataloader()[0]))
    assert batch.keys() == {"image", "label", "group", "writer"}
    assert data.describe("test") == {
        "data": "Omniglot's other.zip without Greek, which training has (Tagalog): 15 of 3 classes that training never "
        "saw",
        "images": 15,
        "classes": 3,
        "seen_classes": 0,
        "gallery": 45,
        "frame_size": [10, 10],
        "channels": 1,
    }
    assert data.describe("val")["seen_classes"] == 0
    assert data.describe("train")["data"] == "Omniglot's one.zip (Greek, Korean): 45 of 9 classes"
    same = ready(MatchData(Omniglot(*zips, size=10, val_fraction=0.25), seed=1))
    assert np.array_equal(same.val_set.labels, data.val_set.labels)


def test_omniglot_with_rotations(zips):
    data = ready(MatchData(Omniglot(*zips, rotations=True), batch_size=16, classes_per_batch=8))
    assert data.describe("train")["classes"] == 4 * (12 - 2)
    assert data.describe("val")["classes"] == 2
    assert "turned to four sides" in data.describe("train")["data"]
    assert "turned" not in data.describe("val")["data"]
    assert data.describe("val")["seen_classes"] == data.describe("test")["seen_classes"] == 0
    assert next(iter(data.train_dataloader()))["image"].shape == (16, 1, 28, 28)


def test_omniglot_with_nothing_left_to_test(zips):
    with pytest.raises(ValueError, match=r"all alphabets of .*one\.zip \(Greek, Korean\) are in .*one\.zip too"):
        ready(MatchData(Omniglot(zips[0], zips[0])))


def test_real_omniglot(shared_data):
    paths = [shared_data / "omniglot" / "python" / f"images_background_small{number}.zip" for number in (1, 2)]
    data = ready(MatchData(Omniglot(*map(str, paths))))
    described = data.describe("test")
    assert described["data"].startswith("Omniglot's images_background_small2.zip without Greek, Latin, which training")
    assert (described["classes"], described["seen_classes"]) == (106, 0)
    assert len(data.test_set) == 20 * 106
    assert data.describe("train")["classes"] + data.describe("val")["classes"] == 136


def test_image_folder(folder):
    data = ready(MatchData(ImageFolder(str(folder), size=(4, 5), grayscale=True), batch_size=4))
    parts = (data.train_images, data.val_set, data.test_set)
    assert [len(part) for part in parts] == [12, 4, 4]
    values = [set(part.images[:, 0, 0, 0].tolist()) for part in parts]
    assert set.union(*values) == {10 * number for number in range(20)}
    assert all((part.images[:, 0, 0, 0] >= 100).tolist() == (part.labels == 1).tolist() for part in parts)
    assert data.describe("test") == {
        "data": "images, images brought to one size, grey: 4 of 2 classes, other images of classes that training saw",
        "images": 4,
        "classes": 2,
        "seen_classes": 2,
        "gallery": 12,
        "frame_size": [4, 5],
        "channels": 1,
    }
    assert ready(MatchData(ImageFolder(str(folder)))).describe("train")["channels"] == 3
    assert len(ready(MatchData(ImageFolder(str(folder), fractions=(0.5, 0.3, 0.2)))).val_set) == 6
    assert not np.array_equal(ready(MatchData(ImageFolder(str(folder)), seed=1)).val_set.images, data.val_set.images)


def test_image_folder_with_a_pair_list(folder):
    train = ready(MatchData(ImageFolder(str(folder), size=2, grayscale=True))).train_images.images[:, 0, 0, 0] // 10
    inside = {int(number) for number in train}
    listed = [(0, 1, 1), (0, 12, 0), *((i, i + 1, i % 2) for i in range(19))]
    lines = [f"{'ab'[i // 10]}/{i}.png {'ab'[j // 10]}/{j}.png {same}" for i, j, same in listed]
    (folder / "pairs.txt").write_text("\n".join(lines))
    expected = [(i, j, same) for i, j, same in listed if {i, j} <= inside]
    data = ready(
        MatchData(
            ImageFolder(str(folder), size=2, grayscale=True, pair_list=str(folder / "pairs.txt")),
            batch="pairs",
            batch_size=1,
        )
    )
    scales = {"first": 25.5, "second": 25.5, "similar": 1.0}
    seen = [
        tuple((batch[name].float().mean() * factor).round().int().item() for name, factor in scales.items())
        for batch in data.train_dataloader()
    ]
    assert sorted(seen) == sorted(expected)
    held = next(number for number in range(20) if number not in inside)
    name = f"{'ab'[held // 10]}/{held}.png"
    (folder / "pairs.txt").write_text(f"{name} {name} 1")
    with pytest.raises(ValueError, match=r"pairs\.txt has no pair of two images of the training part"):
        ready(MatchData(ImageFolder(str(folder), pair_list=str(folder / "pairs.txt")), batch="pairs"))
    (folder / "pairs.txt").write_text("a/0.png a/absent.png 1")
    with pytest.raises(FileNotFoundError, match=r"pairs\.txt line 1: .*absent\.png does not exist"):
        ready(MatchData(ImageFolder(str(folder), pair_list=str(folder / "pairs.txt")), batch="pairs"))


def test_parts_of_an_image_folder_that_do_not_suffice(tmp_path):
    for name in ("train/a/1", "train/a/2", "train/b/1", "val/a/1", "val/b/1", "test/a/1", "test/a/2", "test/b/1"):
        path = tmp_path / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.zeros((4, 4), np.uint8)).save(path)
    with pytest.raises(ValueError, match="class b has 1 image, but training pairs need at least 2 of each"):
        ready(MatchData(ImageFolder(str(tmp_path))))
    (tmp_path / "val/b/1.png").rename(tmp_path / "train/b/2.png")
    with pytest.raises(ValueError, match="the validation part has 1 images of 1 classes"):
        ready(MatchData(ImageFolder(str(tmp_path))))


def test_clips():
    data = clips()
    batches = list(data.train_dataloader())
    assert len(batches) == 5
    assert {name: tuple(values.shape) for name, values in batches[0].items()} == {
        "image": (10, 12, 1, 12, 12),
        "label": (10,),
        "length": (10,),
    }
    assert [sum(len(batch["label"]) for batch in loader) for loader in data.test_dataloader()] == [30, 40, 7]
    assert data.describe("test")["data"] == (
        "clips of 6 to 12 frames, one moving digit of 8 px each, from scikit-learn's bundled digits; the handwriting "
        "of this split is in no other: 30 of 10 classes, other images of classes that training saw"
    )
    assert data.describe("test")["frame_size"] == [12, 12]
    pairs = next(iter(clips(batch="pairs").train_dataloader()))
    assert pairs["similar"].sum() == 5
    assert pairs["first_length"].shape == (10,)


def test_only_training_clips_follow_the_seed():
    parts = [(data.train_images, data.val_set, data.test_set) for data in (clips(), clips(seed=1))]
    same = [torch.equal(one[2]["image"], other[2]["image"]) for one, other in zip(*parts, strict=True)]
    assert same == [False, True, True]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MatchData(Digits(), batch="both"), r"`batch` \(='both'\) must be images or pairs"),
        (lambda: MatchData(Digits(), batch_size=0), r"`batch_size` \(=0\) must be at least 1"),
        (lambda: MatchData(Digits(), gallery=0), r"`gallery` \(=0\) must be at least 1"),
        (lambda: Digits(size=0), r"`size` \(=0\) must be positive"),
        (lambda: MatchData(Digits(), pairing="neighbours"), r"`pairing` \(='neighbours'\) needs `batch` to be pairs"),
        (lambda: MatchData(Digits(), batch="pairs", classes_per_batch=2), r"`classes_per_batch` \(=2\) needs `batch`"),
        (lambda: Digits(download=True), "`download` needs `source`"),
        (lambda: MovingDigits(download=True), "`download` needs `source`"),
        (
            lambda: MatchData(MovingDigits(train_length=63), batch_size=64),
            r"`train_length` \(=63\) must be at least `batch_size` \(=64\)",
        ),
        (lambda: Omniglot("a", "b", val_fraction=1.0), r"`val_fraction` \(=1\.0\) must be between 0 and 1"),
        (lambda: MatchData(ImageFolder("a", pair_list="b")), r"`pair_list` \(='b'\) needs `batch` to be pairs"),
        (lambda: digits(batch="pairs", pairing="nearest"), r"`pairing` \(='nearest'\) must be random, neighbours"),
        (lambda: digits(batch_size=2000).train_dataloader(), r"has 1197 images, fewer than `batch_size` \(=2000\)"),
        (lambda: digits(classes_per_batch=7).train_dataloader(), r"must be a multiple of `classes_per_batch` \(=7\)"),
        (lambda: ready(MatchData(MovingDigits(val_length=1))), "the validation part has 1 images of 1 classes"),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_command_line_arguments(tmp_path):
    parser = ArgumentParser(exit_on_error=False)
    parser.add_subclass_arguments(FramesDataModule, "data")
    line = (
        "--data=framecast.data.MatchData --data.images=Digits --data.batch=pairs --data.augment.rotation=7 "
        "--data.augment.scale=0.2 --data.images.size=16"
    )
    data = parser.instantiate_classes(parser.parse_args(line.split())).data
    assert isinstance(data, MatchData)
    assert isinstance(data.images, Digits)
    assert (data.images.size, data.in_pairs) == (16, True)
    assert (data.affine.rotation, data.affine.scale, data.affine.shift) == (7.0, 0.2, 2.0)
    (tmp_path / "run.yaml").write_text(
        "data:\n  class_path: framecast.data.MatchData\n  init_args:\n    images:\n"
        "      class_path: framecast.data.MovingDigits\n      init_args:\n        size: [32, 48]\n"
        "        speed: [1.0, 2.5]\n"
    )
    parser.add_argument("--config", action="config")
    data = parser.instantiate_classes(parser.parse_args([f"--config={tmp_path / 'run.yaml'}"])).data
    assert (data.images.size, data.images.speed, data.affine) == ((32, 48), (1.0, 2.5), None)
