"""Faster versions of a layer pass, and the table that says which can run.

Every kernel gives the results of the reference, :mod:`framecast.functional`. Which one runs is chosen by itself;
:func:`use` or the environment variable ``FRAMECAST_KERNEL`` asks for one, :func:`explain` says which would run and why
the others would not.
"""

from ._choice import KERNELS as KERNELS
from ._choice import record as record
from ._choice import use as use
from ._choice import wanted as wanted
from ._explain import Explanation as Explanation
from ._explain import explain as explain
from ._pass import layer_pass as layer_pass
from ._transforms import transformed as transformed
