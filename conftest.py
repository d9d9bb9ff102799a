"""What all tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.support import ids, processor


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--device", default="cpu", help="device on which to run the tests: cpu or cuda")
    parser.addoption("--kernel", help="kernel that layers are asked to run with")


def pytest_configure(config: pytest.Config) -> None:
    device = torch.device(config.getoption("--device"))
    if device.type == "cuda" and not torch.cuda.is_available():
        raise pytest.UsageError(f"--device {device}: no such device here")
    # New tensors and modules are made on it, in tests, doctests and helpers alike.
    if device.type != "cpu":
        torch.set_default_device(device)
    if config.getoption("--kernel") is not None:
        # What the kernel cannot run goes to another.
        config.addinivalue_line("filterwarnings", "ignore::framecast.kernels.KernelWarning")


def pytest_report_header(config: pytest.Config) -> list[str]:
    return processor.describe(config.getoption("--kernel"))


def pytest_make_parametrize_id(val: object) -> str | None:
    return ids.name(val)


@pytest.hookimpl(wrapper=True)
def pytest_pycollect_makeitem(collector: pytest.Collector) -> Iterator[Any]:
    items = yield
    if isinstance(items, list) and (wrong := ids.faults(items)):
        raise collector.CollectError("\n".join(["these cases need names of their own:", *wrong]))
    return items


@pytest.fixture(autouse=True)
def _kernel(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = request.config.getoption("--kernel")
    if kernel is not None:
        monkeypatch.setenv("FRAMECAST_KERNEL", kernel)


@pytest.fixture
def device(request: pytest.FixtureRequest) -> torch.device:
    return torch.device(request.config.getoption("--device"))


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def _doctest_names(doctest_namespace: dict[str, object]) -> None:
    doctest_namespace["torch"] = torch


@pytest.fixture(scope="session")
def shared_data() -> Path:
    path = Path(__file__).resolve().parents[1] / "shared" / "data"
    if not path.is_dir():
        pytest.skip(f"no real data at {path}")
    return path
