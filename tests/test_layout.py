"""Which part may import which: the one rule that keeps the house in order."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "framecast"

# Room: what it may import beside the standard library, `framecast._extras` and itself.
RULES = {
    "functional": {"torch"},
    "kernels": {"torch", "functional", "triton"},
    "nn": {"torch", "functional", "kernels"},
    "losses": {"torch"},
    "models": {"torch", "nn"},
    "metrics": {"numpy", "torch", "torchmetrics", "sklearn"},
    "runs": {"numpy", "torch"},
    "data": {"runs", "numpy", "torch", "lightning", "sklearn", "PIL", "av", "pysteps", "xarray"},
    "tasks": {"runs", "numpy", "torch", "lightning", "models", "losses", "metrics"},
    "trained": {"runs", "numpy", "torch", "models", "data", "losses"},
    "report": {"runs", "numpy", "PIL", "yaml", "metrics", "matplotlib", "jinja2"},
}
# What ties the rooms together and may import all of them.
TIES = {"__init__.py", "_extras.py", "jobs.py"}
TYING_ROOMS = {"cli"}


def imports(path):
    """Packages that a module imports; for Framecast's own, the room."""
    package = ["framecast", *path.relative_to(SOURCE).parent.parts]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = [*base, *(node.module.split(".") if node.module else [])]
            names = [".".join([*module, alias.name]) for alias in node.names]
        else:
            continue
        for name in names:
            first, *rest = name.split(".")
            yield rest[0] if first == "framecast" and rest else first


def offences(path, room):
    allowed = RULES[room] | {room, "_extras", "__version__"} | set(sys.stdlib_module_names)
    return sorted(set(imports(path)) - allowed)


@pytest.mark.parametrize("room", RULES)
def test_a_room_imports_only_what_it_may(room):
    found = {path.name: offences(path, room) for path in sorted((SOURCE / room).glob("**/*.py"))}
    assert found
    assert not {name: wrong for name, wrong in found.items() if wrong}


def test_every_module_is_in_a_room_or_a_tie():
    loose = {path.name for path in SOURCE.glob("*.py")} - TIES
    rooms = {path.name for path in SOURCE.iterdir() if path.is_dir()} - {"__pycache__", "configs"}
    assert not loose
    assert rooms == set(RULES) | TYING_ROOMS


def test_the_rule_sees_a_wrong_import(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "SOURCE", tmp_path)
    (tmp_path / "functional").mkdir()
    wrong = tmp_path / "functional" / "wrong.py"
    wrong.write_text("import lightning\nfrom framecast.nn import LSTM\nfrom ..kernels import layer_pass\n")
    assert offences(wrong, "functional") == ["kernels", "lightning", "nn"]


def test_runs_imports_numpy_alone():
    script = "import sys, framecast.runs; print([name for name in ('torch', 'lightning') if name in sys.modules])"
    completed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert completed.stdout.strip() == "[]"
