#!/bin/sh
# Usage: run_peers.sh OUTDIR
# Train every peer with every seed and save OUTDIR/PEER-SEED.npz; what exists is skipped, so it can be restarted.
# MINUTES, SEEDS and PEERS override the defaults.
set -u
out=${1:?usage: run_peers.sh OUTDIR}
here=$(cd "$(dirname "$0")" && pwd)
python="$here/../.venv-peers/bin/python"
mkdir -p "$out"
for seed in ${SEEDS:-0 1 2}; do
    for peer in ${PEERS:-vae dcgan ddpm}; do
        target="$out/$peer-$seed.npz"
        [ -e "$target" ] && continue
        echo "$(date -u '+%F %T') start $peer seed $seed" >&2
        nice -n 19 "$python" "$here/peer_$peer.py" --minutes "${MINUTES:-10}" --seed "$seed" --out "$target" ||
            echo "failed: $peer seed $seed" >&2
    done
done
echo "$(date -u '+%F %T') done" >&2
