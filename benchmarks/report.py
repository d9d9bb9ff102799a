"""Tables of the results, as Markdown that also reads well on a terminal, and the page that holds them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .cases import CASES
from .layers import FLOOR, TEXTBOOK, Entry
from .targets import Results, Target, ratio
from .timing import Times

NOTES = "<!-- notes -->"
PROTOCOL = """\
A training step is the forward pass and the gradients of the parameters, not of the input, of `output.square().mean()`,
from a zero state; inference is the forward pass in inference mode. All contenders have the same weights and the same
input, and their outputs and gradients are compared with the textbook loop's before anything is timed ("difference": the
largest, as a share of the largest value); one that disagrees is not timed. They are then timed turn about: every round
runs each of them once, in an order of its own. Figures are medians, with half the distance between the quartiles, and
ratios are those of medians.

*textbook* concatenates input and h, convolves once and activates four gates, step after step. *floor* is the
convolutions alone, channels-last, without anything between them: inputs at once, one recurrent convolution for all
steps but the first, their input gradients, and each weight gradient at once. Other libraries run in processes of their
own, turn about with the rest, three times at most; one that needs more than 60 s for an answer is left out. *first
call* is what a training step and an inference take the first time, where something is compiled.

*held* counts all tensors that are alive between forward and backward, wherever they are kept, the input included where
it is held, without parameters; *peak* is the most that a whole training step has allocated at a time, with input."""


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table with aligned columns; all but the first are numbers."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    lines = [
        _line(header, widths),
        "|" + "|".join(["-" * (widths[0] + 2), *("-" * (w + 1) + ":" for w in widths[1:])]) + "|",
    ]
    return "\n".join(lines + [_line(row, widths) for row in rows])


def layers_table(entries: Sequence[Entry]) -> str:
    """All contenders at one case, float32 first; those that were not measured are named below."""
    timed = ("training, ms", "textbook/it", "it/floor", "inference, ms", "textbook/it", "it/floor")
    header = ("contender", "dtype", *timed, "held, MB", "of textbook", "peak, MB", "first call, s", "difference")
    rows = [_layer_row(entry, entries) for entry in entries if entry.problem is None]
    problems = [f"- {entry.name}, {entry.dtype}: {entry.problem}" for entry in entries if entry.problem is not None]
    return "\n".join([table(header, rows), *([""] if problems else []), *problems])


def growth_table(results: Results) -> str:
    """How a training step grows from T=10 to T=80."""
    rows = [[f"{g.case}, {g.name}", *(f"{value:.2f}" for value in (g.time, g.held, g.peak))] for g in results.growth]
    return table(("T=80 over T=10", "time", "held", "peak"), rows)


def dense_table(results: Results) -> str:
    """Dense layers beside torch's."""
    header = (
        "layer",
        "(T, N, C, H)",
        "training, ms",
        "torch.nn, ms",
        "ratio",
        "inference, ms",
        "torch.nn, ms",
        "ratio",
    )
    rows = [
        [
            f"{d.layer}, {d.size}",
            str(d.shape),
            *(_milliseconds(d.ours), _milliseconds(d.theirs), f"{ratio(d.ours, d.theirs):.3f}"),
            *(_milliseconds(d.ours_inference), _milliseconds(d.theirs_inference)),
            f"{ratio(d.ours_inference, d.theirs_inference):.3f}",
        ]
        for d in results.dense
    ]
    return table(header, rows)


def training_table(results: Results) -> str:
    """Frames per second of a whole training."""
    speeds = {(t.precision, t.kernel): t.frames_per_second for t in results.training}
    rows = []
    for precision in dict.fromkeys(t.precision for t in results.training):
        auto, reference = speeds[precision, "auto"], speeds[precision, "reference"]
        rows.append([precision, f"{auto:.1f}", f"{reference:.1f}", f"{auto / reference:.2f}"])
    return table(("frames per second", "auto", "reference", "times faster"), rows)


def targets_table(found: Sequence[Target]) -> str:
    """Every target, its measurement and whether it is met."""
    rows = [
        [t.what, t.where, f"{t.value:.3f}", f"{'≤' if t.at_most else '≥'} {t.limit:.2f}", "yes" if t.met else "**no**"]
        for t in found
    ]
    return table(("target", "at", "measured", "asked", "met"), rows)


def page(results: Results, found: Sequence[Target], machine: str, command: str, chart: str) -> str:
    """The whole page, up to the notes."""
    parts = [f"# Speed and memory\n\n{machine}.\n\n```bash\n{command}\n```"]
    if results.entries:
        parts.append(f"![Time and memory]({chart})")
    if found:
        parts += ["## Targets", targets_table(found)]
    for name in dict.fromkeys(entry.case for entry in results.entries):
        parts += [f"## {CASES[name]}", layers_table([e for e in results.entries if e.case == name])]
    for title, rows, make in (
        ("Growth with the length of the sequence", results.growth, growth_table),
        ("Dense layers", results.dense, dense_table),
        ("Training end to end: the Moving MNIST configuration", results.training, training_table),
    ):
        if rows:
            parts += [f"## {title}", make(results)]
    return "\n\n".join([*parts, f"## Protocol\n\n{PROTOCOL}"]) + "\n"


def write_page(path: Path, text: str) -> None:
    """Write the page, and keep what was written by hand below the mark of the notes."""
    before = path.read_text() if path.is_file() else ""
    _, _, notes = before.partition(NOTES)
    path.write_text(f"{text}\n{NOTES}{notes or chr(10)}")


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *rest = (
        cell.ljust(width) if k == 0 else cell.rjust(width)
        for k, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return "| " + " | ".join([first, *rest]) + " |"


def _layer_row(entry: Entry, entries: Sequence[Entry]) -> list[str]:
    peers = {e.name: e for e in entries if e.dtype == entry.dtype}
    textbook, floor = peers.get(TEXTBOOK), peers.get(FLOOR)
    row = [entry.name, entry.dtype]
    for what in ("training", "inference"):
        times, over = getattr(entry, what), getattr(textbook, what, None)
        under = getattr(floor, what, None)
        row += [
            _milliseconds(times),
            f"{ratio(over, times):.2f}" if over and times else "",
            f"{ratio(times, under):.2f}" if under and times else "",
        ]
    held = entry.memory.held if entry.memory else None
    of = textbook.memory.held if textbook and textbook.memory else None
    return [
        *row,
        f"{held / 1e6:.1f}" if held is not None else "",
        f"{held / of:.2f}" if held is not None and of else "",
        f"{entry.memory.peak / 1e6:.1f}" if entry.memory else "",
        f"{entry.first_call:.1f}" if entry.first_call is not None else "",
        f"{entry.difference:.1g}" if entry.difference is not None else "",
    ]


def _milliseconds(times: Times | None) -> str:
    return f"{times.median * 1e3:.2f} ±{times.spread:.0%}" if times else ""
