"""The tables, the targets, the page and the chart, from results made up by hand; and a whole run."""

from pathlib import Path

import pytest
from benchmarks.cases import CASES, Case
from benchmarks.chart import draw
from benchmarks.dense import Dense
from benchmarks.growth import Growth, growth
from benchmarks.layers import Entry
from benchmarks.memory import Memory
from benchmarks.report import NOTES, layers_table, page, targets_table, write_page
from benchmarks.settings import Settings
from benchmarks.targets import Results, targets
from benchmarks.timing import Times
from benchmarks.training import Training

from benchmarks import __main__, layers, machine

TINY = Case("A", 4, 3, 2, 5, 6, 3)


def entry(name, training, inference=None, held=None, case="B", dtype="float32"):
    memory = held and Memory(held, 2 * held)
    inference = inference or training / 3
    return Entry(case, dtype, name, training=Times((training,)), inference=Times((inference,)), memory=memory)


@pytest.fixture
def results():
    return Results(
        entries=[
            entry("textbook", 0.200, 0.070, held=1000),
            entry("floor", 0.100, 0.050),
            entry("ours auto", 0.109, 0.060, held=620),
            entry("ours checkpoint=5", 0.150, held=210),
            entry("ours auto", 0.050, dtype="bfloat16"),
            Entry("B", "float32", "flax", problem="not installed"),
        ],
        growth=[Growth("A", "textbook", 60.0, 8.0, 8.0), Growth("A", "ours auto", 8.7, 8.0, 8.1)],
        dense=[Dense("LSTM", "small", (2, 3, 4, 5), *(Times((t,)) for t in (1.04, 1.0, 1.2, 1.0)))],
        training=[Training("float32", "auto", 150.0), Training("float32", "reference", 100.0)],
    )


def test_targets_are_met_or_not_as_a_count_by_hand_says(results):
    found = {(t.what, t.where, t.limit): (round(t.value, 3), t.met) for t in targets(results, "cpu")}
    assert found == {
        ("training step over the floor", "B", 1.10): (1.09, True),
        ("training step, times faster than textbook", "B", 1.15): (1.835, True),
        ("inference over its floor", "B", 1.15): (1.2, False),
        ("bfloat16, times faster than float32", "B", 1.7): (2.18, True),
        ("held for the backward over textbook, ours auto", "B", 0.90): (0.62, True),
        ("held for the backward over textbook, ours auto", "B", 0.65): (0.62, True),
        ("held for the backward over textbook, ours checkpoint=5", "B", 0.20): (0.21, False),
        ("growth of time, T=80 over T=10", "A", 8.6): (8.7, False),
        ("growth of held, T=80 over T=10", "A", 8.6): (8.0, True),
        ("growth of peak, T=80 over T=10", "A", 8.6): (8.1, True),
        ("dense training step over torch.nn", "LSTM, small", 1.05): (1.04, True),
    }


def test_a_gpu_has_targets_of_its_own():
    dtypes = ("float32", "bfloat16")
    seconds = {"textbook": 0.3, "textbook compiled": 0.12, "floor": 0.08, "ours auto": 0.105}
    measured = Results([entry(name, s, case="E", dtype=dtype) for dtype in dtypes for name, s in seconds.items()])
    found = {(t.what, t.limit): (round(t.value, 2), t.met) for t in targets(measured, "cuda")}
    assert found == {
        **{(f"training step, times faster than textbook, {dtype}", 1.5): (2.86, True) for dtype in dtypes},
        **{(f"training step, times faster than textbook compiled, {dtype}", 1.2): (1.14, False) for dtype in dtypes},
        ("training step over the floor, bfloat16", 1.25): (1.31, False),
    }


def test_the_table_of_a_case_holds_times_ratios_and_problems(results):
    lines = layers_table(results.entries).splitlines()
    ours = next(line for line in lines if line.startswith("| ours auto ") and "float32" in line)
    cells = [cell.strip() for cell in ours.strip("|").split("|")]
    assert cells[1:8] == ["float32", "109.00 ±0%", "1.83", "1.09", "60.00 ±0%", "1.17", "1.20"]
    assert cells[9] == "0.62"
    assert lines[-1] == "- flax, float32: not installed"
    assert len({line.count("|") for line in lines[:-2]}) == 1


def test_the_page_holds_every_part_and_keeps_notes(results, tmp_path):
    path = tmp_path / "speed-cpu.md"
    text = page(results, targets(results, "cpu"), "a machine", "python -m benchmarks", "speed-cpu.png")
    write_page(path, text)
    for part in ("a machine", "speed-cpu.png", "## Targets", "## B: T=10", "## Growth", "## Dense", "150.0", "1.50"):
        assert part in path.read_text()
    path.write_text(path.read_text() + "\n## What was tried\n\nMuch.\n")
    before = path.read_text()
    write_page(path, text)
    assert path.read_text() == before
    write_page(path, "# Another page\n")
    assert path.read_text().startswith("# Another page\n")
    assert path.read_text().partition(NOTES)[2] == "\n\n## What was tried\n\nMuch.\n"


def test_unmet_targets_stand_out(results):
    rows = targets_table(targets(results, "cpu")).splitlines()
    assert [("**no**" in row) for row in rows if "inference" in row] == [True]
    assert [("**no**" in row) for row in rows if "bfloat16" in row] == [False]


def test_the_chart_has_a_panel_per_data_type_and_one_of_memory(results, tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr("benchmarks.chart._bars", lambda axes, values, names: seen.append(values))
    draw(results.entries, tmp_path / "chart.png")
    assert seen[0]["B", "ours auto"] == pytest.approx(1.09)
    assert len(seen) == 2  # no floor was measured in bfloat16
    assert seen[1] == {("B", "textbook"): 1.0, ("B", "ours auto"): 0.62, ("B", "ours checkpoint=5"): 0.21}
    monkeypatch.undo()
    draw([*results.entries, entry("keras torch", 9.0)], tmp_path / "chart.png")
    assert (tmp_path / "chart.png").stat().st_size > 10_000


def test_growth_compares_eighty_steps_with_ten():
    textbook, ours = growth(TINY, Settings(rounds=2))
    assert (textbook.name, ours.name) == ("textbook", "ours auto")
    assert textbook.held == pytest.approx(8.0, rel=0.02)
    assert 6 < ours.held < 8.6
    assert ours.time > 0


def test_a_whole_run_writes_the_page_and_the_chart(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(__main__, "use_allocator", lambda name, arguments: None)
    monkeypatch.setitem(CASES, "A", TINY)
    arguments = ["--quick", "--cases", "A", "--contenders", "textbook", "floor", "ours auto"]
    assert __main__.main([*arguments, "--output", str(tmp_path), "--python", "elsewhere"]) == 0
    text = (tmp_path / "speed-cpu.md").read_text()
    assert "python -m benchmarks --quick --cases A --contenders textbook floor 'ours auto'\n" in text
    assert "elsewhere" not in text
    assert (tmp_path / "speed-cpu.png").is_file()
    assert "| ours auto" in capsys.readouterr().out


def test_a_run_in_which_one_disagrees_fails(monkeypatch, capsys):
    monkeypatch.setattr(__main__, "use_allocator", lambda name, arguments: None)
    monkeypatch.setitem(CASES, "A", TINY)
    monkeypatch.setitem(layers.TOLERANCES, layers.torch.float32, -1.0)
    assert __main__.main(["--quick", "--cases", "A", "--contenders", "ours auto", "--dtypes", "float32"]) == 1
    assert "A, float32, ours auto: disagrees" in capsys.readouterr().err


def test_the_profile_names_the_convolutions(monkeypatch, capsys):
    monkeypatch.setattr(__main__, "use_allocator", lambda name, arguments: None)
    monkeypatch.setitem(CASES, "A", TINY)
    assert __main__.main(["--profile", "A", "--contenders", "textbook", "--dtypes", "float32"]) == 0
    assert "convolution_backward" in capsys.readouterr().out


def test_the_allocator_is_set_by_starting_anew_once(monkeypatch):
    calls = []
    monkeypatch.setattr(machine.os, "execve", lambda path, arguments, environment: calls.append(environment))
    monkeypatch.setattr(machine.os, "environ", {"HOME": "/"})
    machine.use_allocator("keep", ["--quick"])
    assert calls[0]["MALLOC_MMAP_MAX_"] == "0"
    monkeypatch.setattr(machine.os, "environ", calls[0])
    machine.use_allocator("keep", ["--quick"])
    assert len(calls) == 1
    machine.use_allocator("default", ["--quick"])
    assert not any(name.startswith("MALLOC_") for name in calls[1])


def test_the_machine_is_described_with_what_decides_the_figures():
    text = machine.description("cpu", "keep")
    for part in ("threads", "allocator `keep`", "torch ", "commit "):
        assert part in text
    assert machine.slug("cpu") == "cpu"
    assert not Path(text).is_absolute()
