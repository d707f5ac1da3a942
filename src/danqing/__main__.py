"""`python -m danqing` is the same as `danqing`."""

import sys

from danqing.cli import main

sys.exit(main())
