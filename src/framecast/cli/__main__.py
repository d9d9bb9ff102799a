"""``python -m framecast.cli`` is the command ``framecast``."""

import sys

from framecast.cli import main

sys.exit(main())
