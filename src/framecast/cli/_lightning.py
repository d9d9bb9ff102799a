"""Training, validation and test from the command line, each in a run's folder."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from lightning.fabric.utilities.rank_zero import rank_zero_only
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI, SaveConfigCallback
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger

from framecast.data import FramesDataModule, Scale, fresh_folder
from framecast.runs import read_checkpoint
from framecast.tasks import BEST, LAST, LastCheckpoint, Task, TrainingDivergedError
from framecast.tasks._results import results_of

_CONFIG = "config.yaml"


def run(args: list[str]) -> None:
    """Run ``fit``, ``validate`` or ``test`` with the arguments of the command line."""
    from ._main import config_path

    names = _values_of(args, ("--config", "-c"))
    args = _replaced(args, ("--config", "-c"), lambda name: str(config_path(name)))
    folder = next(iter(_values_of(args, ("--run",))), None)
    if folder is None and args[0] != "fit":
        checkpoint = next(iter(_values_of(args, ("--ckpt_path",))), "")
        parent = Path(checkpoint).resolve().parent.parent
        folder = str(parent) if (parent / _CONFIG).is_file() else None
    if not names and folder is not None and {"-h", "--help"}.isdisjoint(args):
        config = Path(folder) / _CONFIG
        if not config.is_file():
            raise FileNotFoundError(f"{folder} holds no run: there is no {config}; name one with --config")
        args = [args[0], "--config", str(config), *args[1:]]
    default = folder or f"runs/{Path(names[-1]).stem}" if names or folder else "runs/unnamed"
    _CommandLine(default, args)


class _Parser(LightningArgumentParser):
    """The parser of one command."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"exit_on_error": False, "allow_abbrev": False, **kwargs})


class _SaveConfig(SaveConfigCallback):
    """Keep the run's configuration in its folder."""

    def save_config(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Write it, unless the run is resumed."""
        path = Path(trainer.default_root_dir) / _CONFIG
        if stage == "fit" and not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            config = self.config.clone()
            config.run = config.output = config.ckpt_path = None  # of this call, not of the run
            self.parser.save(config, str(path), skip_none=False)


class _CommandLine(LightningCLI):
    """Lightning's command line, in a run's folder."""

    def __init__(self, folder: str, args: list[str]) -> None:
        self.folder = Path(folder)
        self.resumes = False
        super().__init__(
            Task,
            FramesDataModule,
            subclass_mode_model=True,
            subclass_mode_data=True,
            save_config_callback=_SaveConfig,
            save_config_kwargs={"save_to_log_dir": False},
            seed_everything_default=0,
            auto_configure_optimizers=False,
            load_from_checkpoint_support=False,
            parser_class=_Parser,
            parser_kwargs={"prog": "framecast"},
            args=args,
        )

    @staticmethod
    def subcommands() -> dict[str, set[str]]:
        """The commands that Lightning runs."""
        skipped = {
            "model",
            "dataloaders",
            "datamodule",
            "train_dataloaders",
            "val_dataloaders",
            "weights_only",
            "verbose",
        }
        return dict.fromkeys(("fit", "validate", "test"), skipped)

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        """Parse the given arguments, whatever the process was started with."""
        self.config = parser.parse_args(args)

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add the options of a run."""
        parser.add_argument("--run", type=str | None, default=None, help="The run's folder (default: runs/CONFIG).")
        parser.add_argument(
            "--output", type=str | None, default=None, help="Where a test puts its results (default: RUN/test)."
        )
        parser.add_argument(
            "--checkpoint_every_n_steps", type=int, default=100, help="Steps between two writes of last.ckpt."
        )

    def before_instantiate_classes(self) -> None:
        """Settle which folder and which checkpoint this is about, before anything is built."""
        config = self.config[self.subcommand]
        if config.run is not None:
            self.folder = Path(config.run)
        given = config.ckpt_path
        if self.subcommand == "fit":
            self.resumes = given == "last"
            if self.resumes:
                config.ckpt_path = str(self._checkpoint(LAST))
            elif _rank() == 0 and self.folder.exists() and any(self.folder.iterdir()):
                began = (self.folder / "checkpoints" / LAST).is_file()
                resume = "resume it with --ckpt_path last, or name" if began else "it wrote no checkpoint; name"
                raise FileExistsError(f"{self.folder} already holds a run: {resume} another with --run")
        elif given in (None, "best", "last"):
            config.ckpt_path = str(self._checkpoint(LAST if given == "last" else BEST))
        if config.ckpt_path is not None:
            checkpoint = read_checkpoint(config.ckpt_path)
            self.about, self.step = checkpoint["framecast"], checkpoint["global_step"]

    def _checkpoint(self, name: str) -> Path:
        path = self.folder / "checkpoints" / name
        if name == BEST and not path.is_file() and path.with_name(LAST).is_file():
            raise FileNotFoundError(f"there is no {path}, as nothing was validated; test --ckpt_path last")
        if not path.is_file():
            raise FileNotFoundError(f"there is no {path}; is {self.folder} the folder of a run that has begun?")
        return path

    def instantiate_trainer(self, **kwargs: Any) -> pl.Trainer:
        """Put logs and checkpoints into the run's folder."""
        config = self._get(self.config_init, "trainer")
        own: dict[str, Any] = {"default_root_dir": str(self.folder), "logger": False, "enable_checkpointing": False}
        own["use_distributed_sampler"] = False  # training's sampler shares out by itself; scores are of whole sets
        given = config.get("callbacks") or []
        callbacks = list(given) if isinstance(given, (list, tuple)) else [given]
        if self.subcommand == "fit":
            if config.get("logger") is None:
                logs = self.folder / "logs"
                own["logger"] = [CSVLogger(str(logs), "csv"), TensorBoardLogger(str(logs), "tensorboard")]
            else:
                own["logger"] = config.get("logger")
            own["enable_checkpointing"] = True
            callbacks += [
                *self.model.run_callbacks(self.folder),
                LastCheckpoint(self._get(self.config_init, "checkpoint_every_n_steps")),
            ]
        return super().instantiate_trainer(**own, callbacks=callbacks, **kwargs)

    def after_instantiate_classes(self) -> None:
        """Refuse a checkpoint of another model before any work."""
        if self._get(self.config, "ckpt_path") is None:
            return
        if self.about.get("scale"):
            self.datamodule.use_scale(Scale.from_dict(self.about["scale"]))
        mine = self.model.describe()
        for name in ("task", "network", "config", "loss"):
            theirs = self.about.get(name)
            if theirs != mine.get(name):
                theirs, ours = _differences(theirs, mine.get(name))
                path = self._get(self.config, "ckpt_path")
                raise ValueError(f"{path} is of another model: its {name} is {theirs}, but here it is {ours}")

    def _prepare_subcommand_kwargs(self, subcommand: str) -> dict[str, Any]:
        """Load checkpoints without running any code that they might hold."""
        kwargs = super()._prepare_subcommand_kwargs(subcommand)
        kwargs["weights_only"] = True
        return kwargs

    def before_fit(self) -> None:
        """Find out whether data and model fit before anything is written."""
        if self.trainer.world_size == 1:
            self.datamodule.prepare_data()
        self.datamodule.setup("fit")
        self.model.check_data(self.datamodule.describe("train"))
        self.datamodule.train_dataloader()

    def fit(self, **kwargs: Any) -> None:
        """Train; if the loss becomes no number, say which checkpoint is still good."""
        if self.resumes:
            print(f"resuming {self.folder} at step {self.step}")
        try:
            self.trainer.fit(**kwargs)
        except (KeyboardInterrupt, SystemExit) as error:
            self._say_stopped()
            raise KeyboardInterrupt from error
        except TrainingDivergedError as error:
            last = self.folder / "checkpoints" / LAST
            kept = f"the last good checkpoint is {last}" if last.is_file() else "no checkpoint had been written yet"
            advice = "try a lower --model.learning_rate, or --trainer.gradient_clip_val 1"
            raise TrainingDivergedError(f"{error}: training stopped; {kept}; {advice}") from error
        if self.trainer.received_sigterm:
            self._say_stopped()
            raise SystemExit(143)

    def _say_stopped(self) -> None:
        """Say how a run that was stopped goes on."""
        print(f"\nstopped at step {self.trainer.global_step}", file=sys.stderr)
        if (self.folder / "checkpoints" / LAST).is_file():
            print(f"go on with: framecast fit --run {self.folder} --ckpt_path last", file=sys.stderr)

    def after_fit(self) -> None:
        """Say where the results are and what comes next."""
        if self.trainer.is_global_zero and not self.trainer.fast_dev_run:  # type: ignore[attr-defined]
            best = (self.folder / "checkpoints" / BEST).is_file()
            print(f"\nrun: {self.folder}\nnext: framecast test --run {self.folder}" + " --ckpt_path last" * (not best))

    def before_test(self) -> None:
        """Refuse a folder that is in use before the work."""
        if _rank() != 0:
            return
        output = self._get(self.config, "output")
        self.output = fresh_folder(Path(output) if output else fresh_name(self.folder / "test"))

    def after_test(self) -> None:
        """Print and write the scores and their protocol."""
        results = results_of(self.model, self.datamodule, Path(self._get(self.config, "ckpt_path")))
        if not self.trainer.is_global_zero:
            return
        results.write(self.output)
        print(f"\n{results.words}\n\nscores: {self.output / 'metrics.json'}")
        print(f"next: framecast report --run {self.folder}")


def _differences(theirs: Any, ours: Any) -> tuple[Any, Any]:
    """Of two dicts, only what differs."""
    if not isinstance(theirs, dict) or not isinstance(ours, dict):
        return theirs, ours
    names = [name for name in {**theirs, **ours} if theirs.get(name) != ours.get(name)]
    return {name: theirs.get(name) for name in names}, {name: ours.get(name) for name in names}


def _rank() -> int:
    """Which of the processes of a training on several devices this is."""
    return int(getattr(rank_zero_only, "rank", 0) or 0)


def fresh_name(path: Path) -> Path:
    """``path``, or if it is taken the first free of ``path-2``, ``path-3``, ..."""
    number, free = 1, path
    while free.exists():
        number += 1
        free = path.with_name(f"{path.name}-{number}")
    return free


def _values_of(args: list[str], names: tuple[str, ...]) -> list[str]:
    """Values of an option, ``--name value`` or ``--name=value``."""
    found: list[str] = []
    _replaced(args, names, lambda value: found.append(value) or value)  # type: ignore[func-returns-value]
    return found


def _replaced(args: list[str], names: tuple[str, ...], change: Any) -> list[str]:
    """Arguments with the values of an option changed."""
    result = list(args)
    for i, arg in enumerate(args):
        if arg in names and i + 1 < len(args):
            result[i + 1] = change(args[i + 1])
        elif arg.split("=", 1)[0] in names and "=" in arg:
            name, value = arg.split("=", 1)
            result[i] = f"{name}={change(value)}"
    return result
