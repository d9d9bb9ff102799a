"""The command line."""

from ._main import config_path as config_path
from ._main import main as main
from ._main import shipped_configs as shipped_configs
