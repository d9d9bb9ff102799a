"""Notes to the user on stderr: what was passed over, chosen or converted."""

import sys

from lightning.fabric.utilities.rank_zero import rank_zero_only

_SAID: set[str] = set()


@rank_zero_only
def note(text: str) -> None:
    """Say a sentence on stderr as ``framecast: note: ...``, once in a process."""
    if text not in _SAID:
        _SAID.add(text)
        print(f"framecast: note: {text}", file=sys.stderr)
