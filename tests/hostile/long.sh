#!/bin/bash
# `make hostile`: everything that `make test` tries a little of, tried much. HOSTILE_SEED draws the same again.
set -u
cd "$(dirname "$0")/../.." || exit 2
export OMP_NUM_THREADS=1
export HOSTILE_SEED="${HOSTILE_SEED:-$(date +%s)}" HOSTILE_EXAMPLES="${HOSTILE_EXAMPLES:-5000}"
export HOSTILE_KILLS="${HOSTILE_KILLS:-24}" HOSTILE_CASES=0 HOSTILE_CONNECTIONS="${HOSTILE_CONNECTIONS:-1000}"
RUNS="${HOSTILE_RUNS:-1000000}"
echo "hostile: HOSTILE_SEED=$HOSTILE_SEED"
failed=0
.venvs/torch/bin/python tests/run.py -q --timeout 3600 --durations=10 tests/hostile \
  --ignore=tests/hostile/test_runner_kills.py || failed=1
.venvs/dev/bin/python tests/run.py -q --timeout 3600 tests/hostile/test_runner_kills.py || failed=1
# The writer alone, and both at once: the same tests as ever, with more moments.
.venvs/analysis/bin/python tests/run.py -q --timeout 3600 tests/capture/test_crashes.py || failed=1
log="$(mktemp)"
for decoder in $(.venvs/torch/bin/python tests/hostile/fuzz.py 2>&1 | sed 's/.*among //; s/, found.*//; s/,//g'); do
  .venvs/torch/bin/python tests/hostile/fuzz.py "$decoder" -runs="$RUNS" -seed="$HOSTILE_SEED" >"$log" 2>&1 || failed=1
  echo "fuzz: $decoder: $(grep -E 'Done|ERROR' "$log" | tail -1)"
done
rm -f "$log"
.venvs/torch/bin/python tests/hostile/soak.py --seconds "${HOSTILE_SOAK:-600}" || failed=1
exit $failed
