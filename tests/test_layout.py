"""Which part may import which: the one rule that keeps the house in order."""

import ast
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "framecast"

# Libraries of the extra `files`, which the reading layer imports by name.
FILES = {"tifffile", "imagecodecs", "h5py", "netCDF4", "zarr", "scipy"}
# Room: what it may import beside the standard library, `framecast._extras` and itself.
RULES = {
    "functional": {"torch"},
    "kernels": {"torch", "functional", "triton"},
    "nn": {"torch", "functional", "kernels"},
    "losses": {"torch", "pytorch_metric_learning"},
    "metrics": {"numpy", "torch", "torchmetrics", "sklearn"},
    "models": {"torch", "nn", "functional"},
    "data": {"runs", "numpy", "torch", "lightning", "sklearn", "PIL", "av", "pysteps", "xarray"} | FILES,
    "tasks": {"runs", "numpy", "torch", "lightning", "models", "losses", "metrics"},
    "runs": {"numpy", "torch"},
    "trained": {"runs", "numpy", "torch", "models", "data", "losses"},
    "report": {"runs", "numpy", "PIL", "metrics", "matplotlib", "jinja2", "yaml"},
}
# What ties the rooms together and may import all of them, within functions too. Nothing else is exempt from any rule.
TIES = {"__init__", "jobs", "cli"}


def imports(path, source=None, skipped=()):
    """Dotted names that a module imports: modules, or names in modules; those within skipped nodes left out."""
    package = ["framecast", *path.relative_to(source or SOURCE).parent.parts]
    for node in nodes(ast.parse(path.read_text()), skipped):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = [*base, *(node.module.split(".") if node.module else [])]
            yield from (".".join([*module, alias.name]) for alias in node.names)


def nodes(tree, skipped):
    yield tree
    for child in ast.iter_child_nodes(tree):
        if not any(is_skipped(child) for is_skipped in skipped):
            yield from nodes(child, skipped)


def is_function(node):
    return isinstance(node, ast.FunctionDef)


def is_for_type_checkers(node):
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def room_of(name):
    """The room of one of Framecast's own names, or the package that another is of."""
    first, *rest = name.split(".")
    return rest[0] if first == "framecast" and rest else first


def offences(path, room):
    allowed = RULES[room] | {room, "_extras"} | set(sys.stdlib_module_names)
    return sorted(set(map(room_of, imports(path))) - allowed)


@pytest.mark.parametrize("room", RULES)
def test_a_room_imports_only_what_it_may(room):
    wrong = {path.name: offences(path, room) for path in sorted((SOURCE / room).glob("**/*.py"))}
    assert wrong
    assert not {name: names for name, names in wrong.items() if names}


def test_every_module_is_in_a_room_or_a_tie():
    loose = {path.stem for path in SOURCE.glob("*.py")}
    rooms = {path.name for path in SOURCE.iterdir() if path.is_dir()} - {"__pycache__", "configs"}
    assert loose == {"__init__", "jobs", "_extras"}
    assert rooms == set(RULES) | {"cli"}


def test_the_rule_sees_a_wrong_import(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "SOURCE", tmp_path)
    (tmp_path / "functional").mkdir()
    wrong = tmp_path / "functional" / "wrong.py"
    wrong.write_text("import lightning\nfrom framecast.nn import LSTM\nfrom ..kernels import layer_pass\n")
    assert offences(wrong, "functional") == ["kernels", "lightning", "nn"]


def graph(source):
    """Modules of the package, and those that each imports when it runs; of ties, those outside of functions."""
    paths = {module_name(path, source): path for path in source.glob("**/*.py")}
    edges = {}
    for module, path in paths.items():
        skipped = (is_for_type_checkers, is_function) if is_tie(module) else (is_for_type_checkers,)
        modules = {module_of(name, paths) for name in imports(path, source, skipped)}
        edges[module] = modules - {None, module}
    return edges


def module_name(path, source):
    parts = path.relative_to(source).with_suffix("").parts
    return ".".join(["framecast", *parts[: -1 if parts[-1] == "__init__" else None]])


def module_of(name, modules):
    """The module that an imported name is, or is in; None for those of others, and for the package itself."""
    while name not in modules and "." in name:
        name = name.rpartition(".")[0]
    return name if name in modules and name != "framecast" else None


def is_tie(module):
    return module == "framecast" or module.split(".")[1] in TIES


def circle(edges):
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as error:
        return error.args[1]
    return []


def test_no_modules_import_each_other_in_a_circle():
    edges = graph(SOURCE)
    assert "framecast.runs._scale" in edges["framecast.runs"]
    assert "framecast.runs" in edges["framecast.tasks._base"]
    assert circle(edges) == []


def test_a_circle_is_seen_within_functions(tmp_path):
    (tmp_path / "nn").mkdir()
    (tmp_path / "nn" / "__init__.py").write_text("from ._a import f\n")
    (tmp_path / "nn" / "_a.py").write_text("def f():\n    from ._b import g\n")
    (tmp_path / "nn" / "_b.py").write_text("import framecast.nn._c\n")
    (tmp_path / "nn" / "_c.py").write_text("g = 1\n")
    assert circle(graph(tmp_path)) == []
    (tmp_path / "nn" / "_c.py").write_text("from framecast.nn import f\n")
    assert len(circle(graph(tmp_path))) == 5


def loaded(script, *names):
    """Which of some packages a script loads."""
    script = f"import sys\n{script}\nprint(*[name for name in {names} if name in sys.modules])"
    completed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return completed.stdout.split()


def test_runs_and_jobs_import_numpy_alone():
    assert loaded("import framecast.runs, framecast.jobs", "torch", "lightning", "yaml", "numpy") == ["numpy"]


def test_layers_import_torch_alone():
    script = (
        "import sys, torch\nbefore = set(sys.modules)\nimport framecast.nn\n"
        "tops = {name.split('.')[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names)\n"
        "print(*tops)"
    )
    completed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert completed.stdout.split() == ["framecast"]
