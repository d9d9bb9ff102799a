"""Faster versions of a layer pass, and the table that says which can run.

Every kernel gives the results of the reference, :mod:`framecast.functional`. Which one runs is chosen by itself;
:func:`use` or the environment variable ``FRAMECAST_KERNEL`` asks for one, :func:`explain` says which would run and why
the others would not.
"""

from ._explain import Explanation as Explanation
from ._explain import explain as explain
from ._pass import layer_pass as layer_pass
from ._table import KERNELS as KERNELS
from ._table import record as record
from ._table import use as use
from ._table import wanted as wanted
from ._transforms import transformed as transformed
