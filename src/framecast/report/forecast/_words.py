"""Words of the report of a run that forecasts: the result in a sentence, and how the scores were computed."""

from typing import Any

from framecast.runs import FORECAST_SCORES, capitalized, forecast_title

from ..shared._words import count, number, protocol_rows, short, untested_headline
from ._run import ForecastRun, Scores

MODEL = "model"
"""Key of the model's forecast, beside those of the baselines."""
_PARTS = {"test": "unseen test data", "val": "the validation data", "train": "the training data"}
_TOLD = {"data", "split", "sequences", "input_frames", "horizon", "frame_size", "channels", "scale", "averaging"}


def ratio(value: float) -> str:
    """Write a ratio with two decimals, or with two digits if it is small.

    Example:
        >>> ratio(0.377), ratio(0.0123)
        ('0.38', '0.012')
    """
    return f"{value:.2f}" if value >= 0.1 else f"{value:.2g}"


def best_of(scores: Scores, key: str, among: list[str]) -> str | None:
    """Return which forecast of those in ``among`` has the best mean of a score; None if none has one."""
    values = {name: scores[name][key]["mean"] for name in among if key in scores.get(name, {})}
    values = {name: value for name, value in values.items() if value is not None}
    if not values or key not in FORECAST_SCORES:
        return None
    return (min if FORECAST_SCORES[key].better == "lower" else max)(values, key=lambda name: values[name])


def forecast_heading(key: str) -> str:
    """Return what a forecast is called, with a capital letter.

    Example:
        >>> forecast_heading("last_frame")
        'Last frame repeated'
    """
    return capitalized(forecast_title(key))


def baselines(scores: Scores) -> list[str]:
    """Return the forecasts that are not the model's."""
    return [name for name in scores if name != MODEL]


def headline(run: ForecastRun) -> str:
    """Return the result in one sentence."""
    error = run.scores.get(MODEL, {}).get("mse", {}).get("mean")
    if error is None:
        tested = run.results is not None
        return "The test gave no squared error for the model." if tested else untested_headline(run.log, with_step=True)
    part = str(run.protocol.get("split", "test"))
    sentence = f"Squared error (MSE) {number(error)} per frame on {_PARTS.get(part, f'the “{part}” data')}"
    best = best_of(run.scores, "mse", baselines(run.scores))
    if best is None:
        return f"{sentence}."
    baseline = run.scores[best]["mse"]["mean"]
    name = forecast_title(best)
    if not baseline:
        return f"{sentence}; the best baseline ({name}) makes none."
    verdict = f"{ratio(error / baseline)} of the best baseline’s ({name})"
    return f"{sentence}: {verdict}." if error < baseline else f"{sentence}: {verdict}, so the baseline is not beaten."


def protocol(run: ForecastRun) -> list[tuple[str, str]]:
    """Return how the scores were computed, as names and sentences."""
    values, units = run.protocol, None
    if values.get("scale"):
        unit = f" ({run.scale.unit})" if run.scale.unit else ""
        ends = f"{short(run.scale.low)} to {short(run.scale.high)} of the data{unit}"
        units = f"Scored in unit scale: {ends} became 0 to 1"
    rows = [
        ("Data", values.get("data")),
        ("Split", _split(values)),
        ("Frames", _frames(values)),
        ("Units", units),
        ("Averaging", values.get("averaging")),
    ]
    return protocol_rows(values, rows, _TOLD)


def _split(protocol: dict[str, Any]) -> str:
    parts = [str(protocol["split"])] if protocol.get("split") else []
    if protocol.get("sequences") is not None:
        parts.append(count(protocol["sequences"], "sequence"))
    return ", ".join(parts)


def _frames(protocol: dict[str, Any]) -> str:
    parts = []
    if "input_frames" in protocol and "horizon" in protocol:
        parts.append(f"{protocol['input_frames']} in, {protocol['horizon']} out")
    if protocol.get("frame_size"):
        parts.append(" × ".join(str(size) for size in protocol["frame_size"]) + " pixels")
    if protocol.get("channels") is not None:
        parts.append(count(protocol["channels"], "channel"))
    return ", ".join(parts)
