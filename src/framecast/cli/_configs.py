"""Configurations: files of the user's own, and those that come with the package, by name."""

from __future__ import annotations

from pathlib import Path

_FOLDER = Path(__file__).parents[1] / "configs"


def shipped_configs() -> list[str]:
    """Return the names of the configurations that come with the package."""
    return sorted(path.stem for path in _FOLDER.glob("*.yaml"))


def config_path(name: str) -> Path:
    """Return the path of a configuration: a file, or one of the shipped ones by name.

    Raises:
        FileNotFoundError: if it is neither.
    """
    if Path(name).is_file():
        return Path(name)
    shipped = _FOLDER / f"{name}.yaml"
    if not shipped.is_file():
        names = ", ".join(shipped_configs())
        raise FileNotFoundError(f"there is no configuration {name!r}: neither a file nor one of {names}")
    return shipped
