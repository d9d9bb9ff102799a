"""The command ``predict``: forecasts of a user's own frames.

Shape letters: T input frames, K forecast frames, C channels, H height, W width.
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import numpy as np

from framecast.data import (
    ReadingOptions,
    Recording,
    check_missing,
    fresh_folder,
    note,
    read_recording,
    recordings,
    write_animation,
    write_recording,
)
from framecast.data.reading import format_of
from framecast.jobs import load_as
from framecast.runs import Scale
from framecast.trained import Forecaster

from ._call import call

_INPUT_EDGE, _FORECAST_EDGE = (130, 130, 130), (230, 97, 1)


def run(args: list[str]) -> None:
    """Forecast with the arguments of the command line."""
    call(predict, args)


def predict(
    ckpt_path: str,
    input: str,
    output: str,
    horizon: int = 10,
    input_frames: int | None = None,
    scale: tuple[float, float] | None = None,
    grayscale: bool | None = None,
    missing: float | list[float | tuple[float, float]] | None = None,
    layout: str | None = None,
    variable: str | None = None,
    device: str = "cpu",
) -> None:
    """Forecast the frames that follow a recording of the user's own.

    Writes the frames as images, all of them as forecast.npy, and an animation: input with a grey edge, forecast with
    an orange one. A pixel that has no value in any of the frames seen has none in the forecast: NaN in forecast.npy and
    in images of floating point, and in images of whole numbers the first of ``missing``.

    Args:
        ckpt_path: the checkpoint of a trained forecaster.
        input: a folder of images, a GIF, a TIFF stack, an array (T, H, W) or (T, C, H, W), or a video.
        output: the folder to write into; it must not hold anything yet.
        horizon: number of frames to forecast.
        input_frames: number of last frames to forecast from, by default as many as in training.
        scale: the input's own low and high value, where they differ from those of the training data.
        grayscale: turn colour into one channel, by default as in training.
        missing: values, or ranges [low, high], that stand for no value, by default as in training.
        layout: axes of an array, where its shape leaves them open: N clips, T time, C channels, H height, W width.
        variable: name of the array of frames in a file that holds several.
        device: where to run the network.
    """
    forecaster = load_as(Forecaster, ckpt_path, device)
    gray = forecaster.grayscale if grayscale is None else grayscale
    gaps = forecaster.missing if missing is None else check_missing(missing)
    options = ReadingOptions(layout, variable, forecaster.ground, gaps)
    _refuse_many(input, options)
    recording = read_recording(input, grayscale=gray, reduce=forecaster.reduce, options=options)
    frames = recording.frames
    if frames.shape[1] == 3 and forecaster.channels == 1:
        raise ValueError(f"{input} is in colour, but the model takes 1 channel; add --grayscale true")
    own = None if scale is None else Scale(float(scale[0]), float(scale[1]))
    if own is None:
        _warn_of_another_scale(recording, forecaster.scale)
    forecast = forecaster.predict(frames, horizon, scale=own, input_frames=input_frames, missing=())
    folder = fresh_folder(output)
    write_recording(folder, forecast, *_storage(recording, np.isnan(forecast).any()))
    used = frames[-(input_frames or forecaster.input_frames) :]
    write_animation(folder / "animation.gif", _animation(used, forecast, own or forecaster.scale))
    size = "x".join(map(str, forecast.shape[-2:]))
    print(f"{len(forecast)} frames of {size} from the last {len(used)} of {recording.name}: {folder}")


def _refuse_many(input: str, options: ReadingOptions) -> None:
    """Say what to forecast from where a folder holds several recordings.

    Raises:
        ValueError: if it does; the text names them.
    """
    folder = Path(input)
    if not folder.is_dir() or format_of(folder) is not None:
        return
    paths = recordings(folder, options)
    if paths == [folder]:
        return
    more = f", or another of its {len(paths)}" if len(paths) > 1 else ""
    first = shlex.quote(str(paths[0]))
    names = ", ".join(path.relative_to(folder).as_posix() for path in paths[:8]) + ", ..." * (len(paths) > 8)
    raise ValueError(f"{input} is a folder of recordings ({names}): forecast from one of them, --input {first}{more}")


def _storage(recording: Recording, has_gaps: bool) -> tuple[np.dtype, float | None]:
    """Return type and code for no value to write a forecast with: the input's, or float32 where it has no code."""
    if not has_gaps or recording.dtype.kind not in "iu":
        return recording.dtype, None
    limits = np.iinfo(recording.dtype)
    codes = (value for value in recording.missing if not isinstance(value, tuple))
    code = next((value for value in codes if limits.min <= value <= limits.max and value % 1 == 0), None)
    if code is None:
        note(f"the forecast has no value where {recording.name} has none: it is written as float32, with NaN")
        return np.dtype(np.float32), None
    return recording.dtype, code


def _warn_of_another_scale(recording: Recording, scale: Scale) -> None:
    """Say so when the values can hardly be on the scale that the model was trained on."""
    low, high = float(np.nanmin(recording.frames)), float(np.nanmax(recording.frames))
    width = scale.high - scale.low
    far = high - low < 0.1 * width or low < scale.low - width or high > scale.high + width
    if far or scale.dtype not in ("", recording.dtype.name):
        print(
            f"framecast: note: values of {recording.name} ({recording.dtype}) go from {low:g} to {high:g}, but the "
            f"model was trained on a scale of {scale.low:g} to {scale.high:g} ({scale.dtype or 'any type'}); if theirs "
            "is another, give it with --scale '[LOW, HIGH]'",
            file=sys.stderr,
        )


def _animation(frames: np.ndarray, forecast: np.ndarray, scale: Scale) -> np.ndarray:
    """Input and forecast as 8-bit colour ``(T + K, H + 2, W + 2, 3)``, edges telling which is which."""
    shown = []
    for part, colour in ((frames, _INPUT_EDGE), (forecast, _FORECAST_EDGE)):
        unit = np.nan_to_num(np.asarray(scale.to_unit(part)), nan=0.0)
        grey = np.round(255 * unit.clip(0, 1)).astype(np.uint8)
        rgb = grey if grey.shape[1] == 3 else grey[:, :1].repeat(3, axis=1)
        image = np.empty((len(rgb), rgb.shape[2] + 2, rgb.shape[3] + 2, 3), np.uint8)
        image[:] = colour
        image[:, 1:-1, 1:-1] = rgb.transpose(0, 2, 3, 1)
        shown.append(image)
    return np.concatenate(shown)
