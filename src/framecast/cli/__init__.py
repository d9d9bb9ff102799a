"""The command line: ``framecast fit | validate | test | predict | match | embed | report | demo``."""

from ._configs import config_path as config_path
from ._configs import shipped_configs as shipped_configs
from ._main import main as main
