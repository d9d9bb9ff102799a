"""Faster ways to run recurrent layers, and the table that says which can run a call.

Every kernel gives the results of the reference, :mod:`framecast.functional`. Which one runs is chosen by itself;
:func:`use` or the environment variable ``FRAMECAST_KERNEL`` asks for one, :func:`explain` says which would run and why
the others would not.
"""

from ._call import Call as Call
from ._call import Layers as Layers
from ._choice import KERNELS as KERNELS
from ._choice import KernelWarning as KernelWarning
from ._choice import use as use
from ._choice import wanted as wanted
from ._explain import Explanation as Explanation
from ._explain import explain as explain
from ._run import run as run
from ._transforms import transforms_active as transforms_active
