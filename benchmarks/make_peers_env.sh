#!/bin/sh
# Make benchmarks/.venv-peers with the pinned peers.
# On machines whose package index offers a CUDA build of torch first, set
# PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu and TORCH=torch==2.13.0+cpu before running this.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
env="$here/.venv-peers"
[ -x "$env/bin/python" ] || "${PYTHON:-python3}" -m venv "$env"
"$env/bin/pip" install "${TORCH:-torch==2.13.0}"
"$env/bin/pip" install --no-deps -r "$here/requirements-peers.txt"
cd "$here"
"$env/bin/python" - <<'PY'
from peerlib.shim import load_torchvision

load_torchvision()
import denoising_diffusion_pytorch  # noqa: E402, F401
import pythae.models  # noqa: E402, F401
import pythae.samplers  # noqa: E402, F401
import pythae.trainers  # noqa: E402, F401

print("the peers import")
PY
