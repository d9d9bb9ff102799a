"""Words of all reports: numbers, counts, and sentences on the protocol and the training."""

from typing import Any

from framecast.runs import Series

_PROTOCOL_ROWS = {"checkpoint", "step", "parameters", "seed", "framecast"}


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
    """Write a number with no more digits than it needs, for an axis or a key.

    Example:
        >>> short(255.0), short(-0.5), short(1e4)
        ('255', '−0.5', '10,000')
    """
    return f"{value:,.6g}".replace("-", "−")


def count(value: Any, singular: str) -> str:
    """Write a count and its noun.

    Example:
        >>> count(1, "frame"), count(1000, "sequence")
        ('1 frame', '1,000 sequences')
    """
    noun = singular if value == 1 else f"{singular}s"
    return f"{value:,} {noun}" if isinstance(value, int) else f"{value} {noun}"


def lowest(series: Series) -> tuple[float, int]:
    """Return the lowest value of a series that is not empty, and the step at which it was logged first."""
    steps, values = series
    return min(values), steps[values.index(min(values))]


def untested_headline(log: dict[str, Series], with_step: bool = False) -> str:
    """Return the headline of a run that was not tested: its lowest validation loss.

    Args:
        log: logged series by name.
        with_step: whether to name the step of the lowest loss.
    """
    losses = log.get("val_loss")
    if not losses:
        return "Not tested yet, and no validation loss so far."
    loss, step = lowest(losses)
    return f"Not tested yet. Lowest validation loss so far: {number(loss)}" + f", at step {step:,}" * with_step + "."


def protocol_rows(
    protocol: dict[str, Any], rows: list[tuple[str, str | None]], told: set[str]
) -> list[tuple[str, str]]:
    """Return how scores were computed, as names and sentences: a job's own rows, then those that all jobs have.

    Args:
        protocol: protocol of a test.
        rows: the job's own rows; a row without words is left out.
        told: keys of the protocol that the job's own rows tell.
    """
    rows = [*rows, ("Checkpoint", _checkpoint(protocol))]
    if protocol.get("parameters") is not None:
        rows.append(("Model", count(protocol["parameters"], "parameter")))
    if protocol.get("seed") is not None:
        rows.append(("Seed", str(protocol["seed"])))
    others = [key for key in protocol if key not in told | _PROTOCOL_ROWS]
    rows += [(key.replace("_", " ").capitalize(), value_words(protocol[key])) for key in others]
    return [(name, words) for name, words in rows if words]


def value_words(value: Any) -> str:
    """Write a value of a protocol.

    Example:
        >>> value_words([28, 28]), value_words(50_000), value_words("test")
        ('28 × 28', '50,000', 'test')
    """
    if isinstance(value, list | tuple):
        return " × ".join(map(str, value))
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _checkpoint(protocol: dict[str, Any]) -> str:
    parts = [str(protocol["checkpoint"])] if protocol.get("checkpoint") else []
    if protocol.get("step") is not None:
        parts.append(f"step {protocol['step']:,}")
    return ", ".join(parts)
