"""Faster versions of a layer pass, and the table that says which can run.

Every kernel has the signature of :func:`framecast.functional.layer_pass` and gives its results. So far there is one,
the reference.
"""

from framecast.functional import layer_pass as layer_pass
