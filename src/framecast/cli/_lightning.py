"""Lightning's command line over the typed constructors of tasks and data, in a run's folder."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.fabric.utilities.rank_zero import rank_zero_only
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI, SaveConfigCallback
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger

from framecast import __version__
from framecast.data import FramesDataModule, fresh_folder
from framecast.models import plain
from framecast.runs import ResultFolder, RunFolder, Scale, Split, read_checkpoint
from framecast.tasks import LastCheckpoint, Task, TrainingDivergedError

from ._parser import Parser
from ._paths import make_absolute
from ._progress import epochs_of, limit_reached


class _SaveConfig(SaveConfigCallback):
    """Write the run's configuration and the split of its data into its folder."""

    def save_config(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Write both, unless the run is resumed."""
        run = RunFolder(trainer.default_root_dir)
        if stage != "fit" or run.config.exists():
            return
        config = self.config.clone()
        config.run = config.output = config.ckpt_path = None  # of this call, not of the run
        run.write_config(self.parser.dump(config, skip_none=False))
        split = trainer.datamodule.split()  # type: ignore[attr-defined]
        if split is not None:
            run.write_split(split)


class CommandLine(LightningCLI):
    """Lightning's command line, in a run's folder.

    Args:
        folder: the run's folder, unless the arguments name another.
        args: the command and its arguments.
    """

    def __init__(self, folder: RunFolder, args: list[str]) -> None:
        self.folder = folder
        self.resumes = False
        self.recorded: Split | None = None
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
            parser_class=Parser,
            parser_kwargs={"prog": "framecast"},
            args=args,
        )

    @staticmethod
    def subcommands() -> dict[str, set[str]]:
        """Return the commands that Lightning runs, each with the parameters that are no options."""
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
        """Parse the arguments of this call, whatever the process was started with."""
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
        """Choose the run's folder and the checkpoint, before anything is built."""
        config = self.config[self.subcommand]
        make_absolute(config.data)
        for name in ("accumulate_grad_batches", "check_val_every_n_epoch"):
            if config.trainer[name] == 0:
                raise ValueError(f"`trainer.{name}` (=0) must be at least 1")
        if config.run is not None:
            self.folder = RunFolder(config.run)
        if self.subcommand == "fit":
            self.resumes = config.ckpt_path == "last"
            if self.resumes:
                config.ckpt_path = str(self.folder.checkpoint("last"))
            elif _rank() == 0 and self.folder.is_used():
                began = self.folder.checkpoint_path("last").is_file()
                resume = "resume it with --ckpt_path last, or name" if began else "it wrote no checkpoint; name"
                raise FileExistsError(f"{self.folder} already holds a run: {resume} another with --run")
        elif config.ckpt_path in (None, "best", "last"):
            config.ckpt_path = str(self.folder.checkpoint("last" if config.ckpt_path == "last" else "best"))
        if config.ckpt_path is not None:
            checkpoint = read_checkpoint(config.ckpt_path)
            self.about, self.step = checkpoint["framecast"], checkpoint["global_step"]
            self.epochs = epochs_of(checkpoint)

    def instantiate_trainer(self, **kwargs: Any) -> pl.Trainer:
        """Put logs and checkpoints into the run's folder."""
        config = self._get(self.config_init, "trainer")
        own: dict[str, Any] = {"default_root_dir": str(self.folder), "logger": False, "enable_checkpointing": False}
        own["use_distributed_sampler"] = False  # training's sampler shares out by itself; scores are of whole sets
        others = config.get("callbacks") or []
        callbacks = list(others) if isinstance(others, (list, tuple)) else [others]
        if self.subcommand == "fit":
            if config.get("logger") is None:
                logs = str(self.folder.logs)
                own["logger"] = [CSVLogger(logs, self.folder.csv), TensorBoardLogger(logs, self.folder.tensorboard)]
            else:
                own["logger"] = config.get("logger")
            own["enable_checkpointing"] = True
            callbacks += [
                *self.model.run_callbacks(self.folder),
                LastCheckpoint(self._get(self.config_init, "checkpoint_every_n_steps")),
            ]
        return super().instantiate_trainer(**own, callbacks=callbacks, **kwargs)

    def after_instantiate_classes(self) -> None:
        """Refuse a checkpoint of another model before any work, and take over its scale and its split."""
        path = self._get(self.config, "ckpt_path")
        if path is None:
            return
        mine = self.model.describe()
        for name in ("task", "network", "config", "loss"):
            theirs, ours = plain(self.about.get(name)), plain(mine.get(name))
            if theirs != ours:
                theirs, ours = _differences(theirs, ours)
                raise ValueError(f"{path} is of another model: its {name} is {theirs}, but here it is {ours}")
        if self.about.get("scale"):
            self.datamodule.use_scale(Scale.from_dict(self.about["scale"]))
        self.recorded = (RunFolder.of_checkpoint(path) or self.folder).read_split()
        if self.recorded is not None:
            self.datamodule.use_split(self.recorded)

    def _prepare_subcommand_kwargs(self, subcommand: str) -> dict[str, Any]:
        """Load checkpoints without running any code that they might hold."""
        kwargs = super()._prepare_subcommand_kwargs(subcommand)
        kwargs["weights_only"] = True
        return kwargs

    def before_fit(self) -> None:
        """Check that data and model go together, before anything is written."""
        self._set_up_data("fit")
        self.model.check_data(self.datamodule.describe("train"))
        self.datamodule.train_dataloader()

    def fit(self, **kwargs: Any) -> None:
        """Train; if the loss becomes NaN or infinite, say which checkpoint is still good."""
        if self.resumes:
            limit = limit_reached(self.trainer.max_steps, self.trainer.max_epochs, self.step, self.epochs)
            if limit is not None:
                more = _command("fit", self.folder, "--ckpt_path", "last", limit.option, str(limit.longer))
                print(f"{self.folder} is already finished: {limit.words}\ngo on with, for example: {more}")
                return
            print(f"resuming {self.folder} at step {self.step}")
        try:
            self.trainer.fit(**kwargs)
        except (KeyboardInterrupt, SystemExit) as error:
            self._say_stopped()
            raise KeyboardInterrupt from error
        except TrainingDivergedError as error:
            last = self.folder.checkpoint_path("last")
            state = f"the last good checkpoint is {last}" if last.is_file() else "no checkpoint had been written yet"
            advice = "try a lower --model.learning_rate, or --trainer.gradient_clip_val 1"
            raise TrainingDivergedError(f"{error}: training stopped; {state}; {advice}") from error
        if self.trainer.received_sigterm:
            self._say_stopped()
            raise SystemExit(143)

    def _say_stopped(self) -> None:
        """Say how a run that was stopped goes on."""
        print(f"\nstopped at step {self.trainer.global_step}", file=sys.stderr)
        if self.folder.checkpoint_path("last").is_file():
            print(f"go on with: {_command('fit', self.folder, '--ckpt_path', 'last')}", file=sys.stderr)

    def after_fit(self) -> None:
        """Say where the results are and what comes next."""
        if self.trainer.is_global_zero and not self.trainer.fast_dev_run:  # type: ignore[attr-defined]
            best = self.folder.checkpoint_path("best").is_file()
            more = () if best else ("--ckpt_path", "last")
            print(f"\nrun: {self.folder}\nnext: {_command('test', self.folder, *more)}")

    def before_test(self) -> None:
        """Read the data, and refuse a folder that is in use, before the work."""
        self._set_up_data("test")
        if _rank() != 0:
            return
        output = self._get(self.config, "output")
        self.output = ResultFolder(fresh_folder(Path(output) if output else self.folder.fresh_results().path))

    def _set_up_data(self, stage: str) -> None:
        """Read the data now, so that what is wrong with them is known before anything is written."""
        if self.trainer.world_size == 1:
            self.datamodule.prepare_data()
        self.datamodule.setup(stage)

    def after_test(self) -> None:
        """Print and write the scores and their protocol."""
        results = self.model.summarize(self._protocol())
        if not self.trainer.is_global_zero:
            return
        results.write(self.output)
        print(f"\n{results.words}\n\nscores: {self.output.metrics}")
        print(f"next: {_command('report', self.folder)}")

    def _protocol(self) -> dict[str, Any]:
        """Return the part of the protocol that all tasks have."""
        return {
            **self.datamodule.describe("test"),
            "split": "test",
            **self._split_in_words(),
            "scale": self.datamodule.value_scale.as_dict(),
            "checkpoint": str(Path(self._get(self.config, "ckpt_path"))),
            "step": int(self.step),
            "seed": self.datamodule.seed,
            "parameters": sum(p.numel() for p in self.model.network.parameters()),
            "framecast": __version__,
            "torch": torch.__version__,
        }

    def _split_in_words(self) -> dict[str, str]:
        """Say that the split is the one of training, if one was recorded and applies to the data."""
        split = self.datamodule.split()
        if split is None or self.recorded is None or split.parts() != self.recorded.parts():
            return {}
        counts = ", ".join(f"{len(items):,} for {part}" for part, items in split.parts().items())
        return {"recorded_split": f"as recorded in training: {counts}"}


def _command(name: str, folder: RunFolder, *more: str) -> str:
    """Write a command on a run as one types it, quoted for the shell."""
    return shlex.join(["framecast", name, "--run", str(folder), *more])


def _differences(theirs: Any, ours: Any) -> tuple[Any, Any]:
    """Leave in two dicts only what differs."""
    if not isinstance(theirs, dict) or not isinstance(ours, dict):
        return theirs, ours
    names = [name for name in {**theirs, **ours} if theirs.get(name) != ours.get(name)]
    return {name: theirs.get(name) for name in names}, {name: ours.get(name) for name in names}


def _rank() -> int:
    """Return which of the processes of a training on several devices this is."""
    return int(getattr(rank_zero_only, "rank", 0) or 0)
