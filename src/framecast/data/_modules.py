"""Lightning data modules: typed constructors from which the command line is built."""

from pathlib import Path
from typing import Any, Literal

from framecast.runs import Scale

from ._checks import height_and_width
from .digits import MovingMNIST, MovingMNISTTest, download_mnist, load_digits, speed_range
from .loading import FramesDataModule
from .recordings import Augment, FrameSequences, split_recordings

_ENDLESS = 2**40  # training sequences, so that none comes twice


class MovingMNISTData(FramesDataModule):
    """Moving MNIST, made as training goes on: no training sequence comes twice. See :class:`MovingMNIST`.

    Args:
        source: "builtin" for the digits that scikit-learn brings, or a folder with MNIST's IDX files.
        size: Frame size in pixels: a number, or height and width.
        digits: Number of digits in a sequence.
        digit_size: Height and width of a digit in pixels.
        speed: Pixels per frame: a number, or low and high, between which each digit's own is drawn. Default: a
            tenth of the canvas (frame less digit).
        input_frames: Number of frames given.
        horizon: Number of frames to forecast.
        test_horizon: Number of frames to forecast in the test. Default: as in training.
        train_length: Sequences that count as one epoch.
        val_length: Validation sequences.
        test_length: Test sequences that are made; has no effect with a test file.
        test_file: The published mnist_test_seq.npy, to test on instead of sequences from the test digits.
        batch_size: Sequences in a batch.
        val_batch_size: Sequences in a batch of validation and test. Default: as in training.
        workers: Processes that prepare batches; 0 prepares them in the main process.
        seed: Seed of the sequences.
        download: Fetch MNIST's files that are missing into the folder `source`.

    Raises:
        ValueError: If a number is out of its range.
    """

    def __init__(
        self,
        source: str = "builtin",
        *,
        size: int | tuple[int, int] = 64,
        digits: int = 2,
        digit_size: int = 28,
        speed: float | tuple[float, float] | None = None,
        input_frames: int = 10,
        horizon: int = 10,
        test_horizon: int | None = None,
        train_length: int = 10_000,
        val_length: int = 1_000,
        test_length: int = 1_000,
        test_file: str | None = None,
        batch_size: int = 8,
        val_batch_size: int | None = None,
        workers: int = 0,
        seed: int = 0,
        download: bool = False,
    ) -> None:
        if download and source == "builtin":
            raise ValueError("`download` needs `source`, the folder to fetch MNIST's files into")
        if train_length < batch_size:
            raise ValueError(f"`train_length` (={train_length}) must be at least `batch_size` (={batch_size})")
        super().__init__(
            batch_size=batch_size,
            val_batch_size=val_batch_size,
            workers=workers,
            seed=seed,
            train_batches_per_epoch=train_length // max(batch_size, 1),
        )
        self.source = source
        self.size = size
        self.digits = digits
        self.digit_size = digit_size
        self.speed = speed
        self.input_frames = input_frames
        self.horizon = horizon
        self.test_horizon = horizon if test_horizon is None else test_horizon
        self.lengths = {"train": _ENDLESS, "val": val_length, "test": test_length}
        self.test_file = test_file
        self.download = download
        self.scale = Scale(0.0, 255.0, "grey level", "uint8")

    def prepare_data(self) -> None:
        """Fetch MNIST if that was asked for."""
        if self.download:
            download_mnist(self.source)

    def setup(self, stage: str | None = None) -> None:
        """Make the three data sets; they cost nothing until a sequence is asked for."""
        self.train_set, self.val_set = self._generated("train"), self._generated("val")
        if self.test_file is None:
            self.test_set: MovingMNIST | MovingMNISTTest = self._generated("test")
        else:
            self.test_set = MovingMNISTTest(self.test_file, input_frames=self.input_frames, horizon=self.test_horizon)

    def describe(self, split: str) -> dict[str, Any]:
        """Say what the data of a split are."""
        if split == "test" and self.test_file is not None:
            data, frame_size = f"Moving MNIST, the published test sequences ({Path(self.test_file).name})", (64, 64)
        else:
            data, frame_size = self._describe_generated(split), height_and_width("size", self.size)
        return {
            "data": data,
            "input_frames": self.input_frames,
            "horizon": self.test_horizon if split == "test" else self.horizon,
            "frame_size": list(frame_size),
            "channels": 1,
        }

    def _generated(self, split: str) -> MovingMNIST:
        return MovingMNIST(
            self.source,
            split,
            length=self.lengths[split],
            input_frames=self.input_frames,
            horizon=self.test_horizon if split == "test" else self.horizon,
            size=self.size,
            digits=self.digits,
            digit_size=self.digit_size,
            speed=self.speed,
            seed=self.seed if split == "train" else 0,  # scores of runs with other seeds stay comparable
        )

    def _describe_generated(self, split: str) -> str:
        source = "scikit-learn's bundled digits" if self.source == "builtin" else "MNIST"
        count = len(load_digits(self.source, split, self.digit_size)[0])
        if self.speed is None:
            speed = "a tenth of the canvas"
        else:
            low, high = speed_range(self.speed)
            speed = f"{low:g} px" if low == high else f"{low:g} to {high:g} px"
        return (
            f"Moving MNIST, made from {source}: {self.digits} digit{'s' * (self.digits > 1)} of {self.digit_size} px, "
            f"{speed} per frame; the {count:,} digits of this split are in no other"
        )


class FrameData(FramesDataModule):
    """The user's own recordings, split by recording. See :func:`split_recordings` and :class:`FrameSequences`.

    Args:
        folder: Folder that holds recordings (subfolders of images, GIF, TIFF stacks, .npy, video), or subfolders
            train, val and test that do.
        input_frames: Number of frames given.
        horizon: Number of frames to forecast.
        stride: Frames from one window's start to the next.
        scale: What becomes 0 and 1: "min-max" or "percentiles" of the training recordings, or two numbers.
        percentiles: Percentiles for a scale by percentiles.
        unit: Name of the values' unit, for reports.
        reduce: Block mean by this factor, before everything else.
        crop: Size of the part to keep: a number, or height and width. Default: all.
        random_crop: Cut training frames at a random place; otherwise, and in validation and test, in the middle.
        flip: Mirror training frames left and right, every other time.
        rotate90: Turn training frames by a random multiple of a quarter turn; they must be square.
        grayscale: Turn colour into one channel.
        fractions: Parts of the recordings for training, validation and test, unless subfolders say it.
        batch_size: Sequences in a batch.
        val_batch_size: Sequences in a batch of validation and test. Default: as in training.
        workers: Processes that prepare batches; 0 prepares them in the main process.
        seed: Seed of split, order and augmentation.
        train_batches_per_epoch: Batches in an epoch. Default: all windows once.

    Raises:
        ValueError: If a number is out of its range, or (in `setup`) the recordings do not fit together.
    """

    def __init__(
        self,
        folder: str,
        *,
        input_frames: int = 10,
        horizon: int = 10,
        stride: int = 1,
        scale: Literal["min-max", "percentiles"] | tuple[float, float] = "min-max",
        percentiles: tuple[float, float] = (1.0, 99.0),
        unit: str = "",
        reduce: int = 1,
        crop: int | tuple[int, int] | None = None,
        random_crop: bool = False,
        flip: bool = False,
        rotate90: bool = False,
        grayscale: bool = False,
        fractions: tuple[float, float, float] = (0.7, 0.15, 0.15),
        batch_size: int = 8,
        val_batch_size: int | None = None,
        workers: int = 0,
        seed: int = 0,
        train_batches_per_epoch: int | None = None,
    ) -> None:
        super().__init__(
            batch_size=batch_size,
            val_batch_size=val_batch_size,
            workers=workers,
            seed=seed,
            train_batches_per_epoch=train_batches_per_epoch,
        )
        if random_crop and crop is None:
            raise ValueError("`random_crop` needs `crop`, the size to cut out")
        self.folder = folder
        self.input_frames = input_frames
        self.horizon = horizon
        self.stride = stride
        self.wanted_scale: Scale | str = (
            scale if isinstance(scale, str) else Scale(float(scale[0]), float(scale[1]), unit)
        )
        self.percentiles = percentiles
        self.unit = unit
        self.reduce = reduce
        self.crop = crop
        self.random_crop = random_crop
        self.grayscale = grayscale
        self.fractions = fractions
        if flip or rotate90 or random_crop:
            self.augment = Augment(flip, rotate90, seed, crop if random_crop else None)

    def setup(self, stage: str | None = None) -> None:
        """Split the recordings, read each once, and fit the scale to the training part."""
        if hasattr(self, "scale"):
            return
        paths = split_recordings(self.folder, self.fractions, self.seed)
        self.train_set = self._windows(paths["train"], self.wanted_scale, self.random_crop)
        self.val_set = self._windows(paths["val"], self.train_set.scale)
        self.test_set = self._windows(paths["test"], self.train_set.scale)
        for other in (self.val_set, self.test_set):
            if other.kind != self.train_set.kind:
                raise ValueError(
                    f"{self.folder}: recordings must have the same channels and type, but "
                    f"{self.train_set.recordings[0]} has {self.train_set.kind} and {other.recordings[0]} {other.kind}"
                )
        self.scale = self.train_set.scale

    def use_scale(self, scale: Scale) -> None:
        """Take a checkpoint's scale instead of fitting one."""
        self.wanted_scale = scale

    def describe(self, split: str) -> dict[str, Any]:
        """Say what the data of a split are."""
        windows: FrameSequences = getattr(self, f"{split}_set")
        count = len(windows.recordings)
        reduced = f", block means of {self.reduce}x{self.reduce} pixels" * (self.reduce > 1)
        place = "at random" if self.random_crop and split == "train" else "in the middle"
        cropped = f", cropped {place}" * (self.crop is not None)
        return {
            "data": (
                f"{Path(self.folder).name}: {count} recording{'s' * (count > 1)} that no other split has a frame of, "
                f"a window every {self.stride} frame{'s' * (self.stride > 1)}{reduced}{cropped}"
            ),
            "input_frames": self.input_frames,
            "horizon": self.horizon,
            "frame_size": list(windows.frame_size),
            "channels": windows.channels,
            "reduce": self.reduce,
            "grayscale": self.grayscale,
        }

    def _windows(self, paths: list[Path], scale: Scale | str, crop_later: bool = False) -> FrameSequences:
        return FrameSequences(
            paths,
            input_frames=self.input_frames,
            horizon=self.horizon,
            stride=self.stride,
            scale=scale,
            percentiles=self.percentiles,
            unit=self.unit,
            reduce=self.reduce,
            crop=self.crop,
            crop_later=crop_later,
            grayscale=self.grayscale,
        )
