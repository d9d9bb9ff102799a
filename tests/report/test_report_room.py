"""What no module of the room may do."""

import ast
import re
import subprocess
import sys
from pathlib import Path

from framecast import report
from framecast.runs import ResultFolder, RunFolder

ROOM = Path(report.__file__).parent
FILES = {
    path.name
    for folder in (RunFolder("run"), ResultFolder("run/test"))
    for path in vars(folder).values()
    if isinstance(path, Path) and path.suffix
} | {RunFolder("run").checkpoint_path(name).name for name in ("best", "last")}


def strings(source):
    """Text of a module beside docstrings and comments."""
    tree = ast.parse(source)
    documentation = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and id(n) not in documentation]


def named_files(path):
    source = path.read_text()
    text = "\n".join(map(str, strings(source))) if path.suffix == ".py" else source
    return {name for name in FILES if name in text}


def test_no_file_of_a_run_is_named_in_the_room(tmp_path):
    assert {"config.yaml", "metrics.json", "report.html", "embedding_epochs.npz", "best.ckpt"} <= FILES
    paths = [path for path in ROOM.rglob("*") if path.suffix in (".py", ".j2")]
    assert len(paths) > 20
    assert not {path.name: names for path in paths if (names := named_files(path))}
    wrong = tmp_path / "wrong.py"
    wrong.write_text('"""Reads ``report.html``."""\npath = f"{folder}/metrics.json"\n')
    assert named_files(wrong) == {"metrics.json"}


def test_what_jobs_share_knows_no_job():
    for path in (ROOM / "shared").glob("*.py"):
        assert not re.search(r"from (\.\.|framecast\.report\.)(forecast|match)", path.read_text()), path.name


def test_the_page_of_a_forecast_needs_no_torch(make_run):
    script = (
        "import sys\nfrom framecast import write_report\n"
        f"assert write_report({str(make_run())!r}).stat().st_size > 100_000\n"
        "print([name for name in ('torch', 'lightning', 'torchmetrics', 'sklearn') if name in sys.modules])"
    )
    completed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert completed.stdout.strip() == "[]"
