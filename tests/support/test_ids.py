"""A case whose name would be another in the next run, or on another machine, is refused."""

import datetime
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.support import ids

pytest_plugins = "pytester"
CONFTEST = Path(__file__).parents[2] / "conftest.py"

# Values of a test in source code, and what the name of a case with such a value is made of.
REFUSED = {
    "gzip.compress(b'frames')": "bytes",
    "b'frames'": "bytes",
    "time.time()": "a time",
    "datetime.datetime.now()": "the place of `value` in its list",
    "object()": "the place of `value` in its list",
    "lambda: 1": "functions without a name",
}
REFUSED_AS_TEXT = {
    "b'frames'": "bytes",
    "{'a', 'b', 'c'}": "a set",
    "frozenset('abc')": "a set",
    "object()": "an address",
    "int": "an object's default repr",
    "(1, {'a', 'b'})": "a set",
    "datetime.date.today()": "a time",
}
WELCOME = ["'b'", "3", "1.5", "(2, 3)", "{'size': 3}", "[torch.float32, 'x']", "int", "torch.sin", "torch.ones(2)"]


def case(value, options=""):
    lines = [
        "import datetime, gzip, pytest, time, torch",
        f"@pytest.mark.parametrize('value', [{value}, {value}]{options})",
    ]
    return "\n".join([*lines, "def test_case(value):", "    pass"])


def collected(pytester, values, options=""):
    """What pytest says of a test for each value, all in one run."""
    pytester.makeconftest(CONFTEST.read_text())
    pytester.makepyfile(**{f"test_{k}": case(value, options) for k, value in enumerate(values)})
    return pytester.runpytest("--continue-on-collection-errors")


@pytest.mark.parametrize(("cases", "options"), [(REFUSED, ""), (REFUSED_AS_TEXT, ", ids=str")], ids=["pytest", "str"])
def test_names_that_are_refused(pytester, cases, options):
    result = collected(pytester, cases, options)
    result.assert_outcomes(errors=len(cases))
    for k, reason in enumerate(cases.values()):
        result.stdout.fnmatch_lines([f"test_{k}.py::test_case*: the name is made of {reason}"])


def test_other_names_are_welcome(pytester):
    collected(pytester, WELCOME).assert_outcomes(passed=2 * len(WELCOME))


def test_a_name_of_its_own_is_welcome_for_any_value(pytester):
    pytester.makeconftest(CONFTEST.read_text())
    pytester.makepyfile(case("time.time()", ", ids=['one', 'two']"))
    pytester.runpytest().assert_outcomes(passed=2)


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (torch.float32, "float32"),
        ((2, 3), "(2, 3)"),
        ((2,), "(2,)"),
        ([], "[]"),
        ({"size": (2, 3), "dtype": torch.float16}, "{'size': (2, 3), 'dtype': float16}"),
        (torch.tensor([1, 0]), "int64 [1, 0]"),
        (np.zeros((40, 50)), "float64 (40, 50)"),
        (torch.nn.Conv2d(1, 2, 3), "Conv2d"),
        ("text", None),
        (datetime.date(2020, 1, 1), None),
        ([b"frames"], None),
        ([{1, 2}], None),
        ([lambda: 1], None),
    ],
    ids=[f"case {k}" for k in range(13)],
)
def test_names_of_what_pytest_would_number(value, name):
    assert ids.name(value) == name


def test_the_clock_of_a_name_is_that_of_the_check():
    now = int(time.time())
    assert ids.fault(f"seed-{now}", {"seed": now}) == "a time"
    assert ids.fault(f"seed-{now - 10**7}", {"seed": now - 10**7}) is None
