"""Shared parts of the peer benchmarks.

Import it before torch and the peers: it fixes how idle threads wait and turns progress bars off.
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("TQDM_DISABLE", "1")
