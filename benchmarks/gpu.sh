#!/usr/bin/env bash
# Installs where mechval cannot be imported yet, then measures a machine with one CUDA device.
# Usage: benchmarks/gpu.sh [folder for gpu.json and gpu.log; build/gpu if not given]
set -euo pipefail
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-python3}
"$PYTHON" -c "import mechval, pysat, hydra" 2>/dev/null || {
  make .venv/installed-dev
  PYTHON=.venv/bin/python
}
exec "$PYTHON" benchmarks/gpu.py "$@"
