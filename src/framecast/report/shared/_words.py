"""The report's words: what the scores are called, how numbers are written, the result in a sentence."""

from dataclasses import dataclass
from typing import Any

from ..forecast._run import Run

Scores = dict[str, dict[str, dict[str, Any]]]


@dataclass(frozen=True)
class ScoreName:
    """What a score is called and how to read it."""

    title: str
    words: str
    better: str
    """`"lower"`, `"higher"`, or `""` for a score this table does not know."""


SCORE_NAMES = {
    "mse": ScoreName("MSE", "squared error, summed over a frame’s pixels", "lower"),
    "mae": ScoreName("MAE", "absolute error, summed over a frame’s pixels", "lower"),
    "cross_entropy": ScoreName("Cross-entropy", "binary, in nats, summed over a frame’s pixels", "lower"),
    "ssim": ScoreName("SSIM", "structural similarity, 1 is perfect", "higher"),
    "ssim_openstl": ScoreName("SSIM, OpenSTL’s", "with its data range of 2, for comparison with its tables", "higher"),
    "psnr": ScoreName("PSNR", "peak signal-to-noise ratio, in decibels", "higher"),
}
FORECAST_NAMES = {
    "model": "Model",
    "last_frame": "Last frame repeated",
    "mean_frame": "Mean of the inputs",
    "zero": "All zero",
}


def score_name(key: str) -> ScoreName:
    """Return a score's name; of an unknown one only its key is known."""
    return SCORE_NAMES.get(key) or ScoreName(key.replace("_", " "), "", "")


def forecast_name(key: str) -> str:
    """Return what a forecast is called."""
    return FORECAST_NAMES.get(key) or key.replace("_", " ").capitalize()


def number(value: float | None) -> str:
    """Write a number with four significant digits; thousands get commas, a missing one is a dash.

    Example:
        >>> number(31.2345), number(3887.94), number(0.91234), number(12345.6), number(None)
        ('31.23', '3,888', '0.9123', '12,346', '–')
    """
    if value is None:
        return "–"
    size = abs(value)
    if size >= 1000:
        return f"{value:,.0f}"
    if size and size < 0.001:
        return f"{value:.3g}"
    decimals = 1 if size >= 100 else 2 if size >= 10 else 3 if size >= 1 else 4
    return f"{value:.{decimals}f}".replace("-", "−")


def short(value: float) -> str:
    """Write a number as short as it goes, for an axis or a key.

    Example:
        >>> short(255.0), short(-0.5), short(1e4)
        ('255', '−0.5', '10,000')
    """
    return f"{value:,.6g}".replace("-", "−")


def ratio(value: float) -> str:
    """Write a ratio with two decimals, or two digits if it is small.

    Example:
        >>> ratio(0.377), ratio(0.0123)
        ('0.38', '0.012')
    """
    return f"{value:.2f}" if value >= 0.1 else f"{value:.2g}"


def count(value: Any, singular: str, plural: str | None = None) -> str:
    """Write a count and its noun.

    Example:
        >>> count(1, "frame"), count(1000, "sequence")
        ('1 frame', '1,000 sequences')
    """
    noun = singular if value == 1 else plural or f"{singular}s"
    return f"{value:,} {noun}" if isinstance(value, int) else f"{value} {noun}"


def best_of(scores: Scores, key: str, among: list[str]) -> str | None:
    """Return which of the forecasts named in `among` has the best mean of a score; None if none has one."""
    values = {name: scores[name][key]["mean"] for name in among if key in scores.get(name, {})}
    values = {name: value for name, value in values.items() if value is not None}
    better = score_name(key).better
    if not values or not better:
        return None
    return (min if better == "lower" else max)(values, key=lambda name: values[name])


def baselines(scores: Scores) -> list[str]:
    """Return the forecasts that are not the model's."""
    return [name for name in scores if name != "model"]


def headline(run: Run) -> str:
    """Return the result in one sentence."""
    model = run.scores.get("model", {}).get("mse", {}).get("mean")
    if model is None:
        losses = run.log.get("val_loss", ([], []))[1]
        if run.test is not None:
            return "The test gave no squared error for the model."
        if not losses:
            return "Not tested yet, and no validation loss so far."
        return f"Not tested yet. Lowest validation loss so far: {number(min(losses))}, at step {_best_step(run):,}."
    where = {"test": "unseen test data", "val": "the validation data", "train": "the training data"}
    split = str(run.protocol.get("split", "test"))
    sentence = f"Squared error (MSE) {number(model)} per frame on {where.get(split, f'the “{split}” data')}"
    best = best_of(run.scores, "mse", baselines(run.scores))
    if best is None:
        return f"{sentence}."
    baseline = run.scores[best]["mse"]["mean"]
    name = forecast_name(best)
    name = name[:1].lower() + name[1:]
    if not baseline:
        return f"{sentence}; the best baseline ({name}) makes none."
    verdict = f"{ratio(model / baseline)} of the best baseline’s ({name})"
    return f"{sentence}: {verdict}." if model < baseline else f"{sentence}: {verdict}, so the baseline is not beaten."


def _best_step(run: Run) -> int:
    steps, losses = run.log["val_loss"]
    return steps[losses.index(min(losses))]


def protocol_rows(run: Run) -> list[tuple[str, str]]:
    """Return how the scores were made, as names and sentences."""
    protocol = run.protocol
    rows = [("Data", protocol.get("data")), ("Split", _split(protocol)), ("Frames", _frames(protocol))]
    scale = run.scale
    if protocol.get("scale"):
        unit = f" ({scale.unit})" if scale.unit else ""
        ends = f"{short(scale.low)} to {short(scale.high)} of the data{unit}"
        rows.append(("Units", f"Scored in unit scale: {ends} became 0 to 1"))
    rows += [("Averaging", protocol.get("averaging")), ("Checkpoint", checkpoint_words(protocol))]
    if protocol.get("parameters") is not None:
        rows.append(("Model", count(protocol["parameters"], "parameter")))
    if protocol.get("seed") is not None:
        rows.append(("Seed", str(protocol["seed"])))
    known = {"data", "split", "sequences", "input_frames", "horizon", "frame_size", "channels", "scale", "averaging"}
    known |= {"checkpoint", "step", "parameters", "seed", "framecast"}
    rows += [(key.replace("_", " ").capitalize(), str(value)) for key, value in protocol.items() if key not in known]
    return [(name, str(words)) for name, words in rows if words]


def _split(protocol: dict[str, Any]) -> str | None:
    parts = [str(protocol["split"])] if protocol.get("split") else []
    if protocol.get("sequences") is not None:
        parts.append(count(protocol["sequences"], "sequence"))
    return ", ".join(parts)


def _frames(protocol: dict[str, Any]) -> str | None:
    parts = []
    if "input_frames" in protocol and "horizon" in protocol:
        parts.append(f"{protocol['input_frames']} in, {protocol['horizon']} out")
    if protocol.get("frame_size"):
        parts.append(" × ".join(str(size) for size in protocol["frame_size"]) + " pixels")
    if protocol.get("channels") is not None:
        parts.append(count(protocol["channels"], "channel"))
    return ", ".join(parts)


def checkpoint_words(protocol: dict[str, Any]) -> str:
    """Return which checkpoint was tested."""
    parts = [str(protocol["checkpoint"])] if protocol.get("checkpoint") else []
    if protocol.get("step") is not None:
        parts.append(f"step {protocol['step']:,}")
    return ", ".join(parts)
