"""Where the time of our training step goes."""

from __future__ import annotations

import torch
from torch.profiler import ProfilerActivity, profile

from .cases import Case, draw_input, draw_weights
from .contenders import CONTENDERS, training_step

STEPS, ROWS = 5, 12


def breakdown(case: Case, name: str, dtype: str, device: str) -> str:
    """A Markdown table of the operators that take most time by themselves, per training step."""
    x = draw_input(case, device, getattr(torch, dtype))
    module = CONTENDERS[name].build(case, draw_weights(case)).to(x.device, x.dtype)
    for _ in range(2):
        training_step(module, x)
    activities = [ProfilerActivity.CPU] + [ProfilerActivity.CUDA] * (device != "cpu")
    with profile(activities=activities) as profiler:
        for _ in range(STEPS):
            training_step(module, x)
    kind = "self_cpu_time_total" if device == "cpu" else "self_device_time_total"
    rows = sorted(profiler.key_averages(), key=lambda row: getattr(row, kind), reverse=True)
    total = sum(getattr(row, kind) for row in rows)
    lines = [
        f"{name}, {case}, {dtype}: {total / STEPS / 1e3:.2f} ms per training step under the profiler",
        "",
        "| operator | calls | ms | share |",
        "|---|---|---|---|",
    ]
    for row in rows[:ROWS]:
        spent = getattr(row, kind)
        lines.append(f"| `{row.key}` | {row.count / STEPS:g} | {spent / STEPS / 1e3:.2f} | {spent / total:.0%} |")
    return "\n".join(lines)
