"""The faults of the mutation check still fit the code, so that the check can run."""

import importlib.util
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_every_fault_can_be_planted():
    spec = importlib.util.spec_from_file_location("mutants", ROOT / "tools" / "mutants.py")
    mutants = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(mutants)
    assert len({fault.breaks for fault in mutants.FAULTS}) == len(mutants.FAULTS) >= 25
    for fault in mutants.FAULTS:
        assert mutants.faulty(fault, ROOT / "src") != (ROOT / "src" / "framecast" / fault.file).read_text()
        assert (ROOT / "tests" / fault.tests).is_file()
