#!/usr/bin/env bash
# onnxruntime 1.32.0 (and 1.29.0; not 1.28.0), the CPU wheel of PyPI for Linux: `import onnxruntime` makes an id of the
# device and a database of reports in the user's cache, and a process that runs for long enough sends them to the maker.
#
# onnxruntime has long had telemetry, of its builds for Windows. One would guess that the wheels for Linux have none, or
# that one who wants none calls `onnxruntime.disable_telemetry_events()`, as its documentation says. In fact:
#
# 1. The import alone writes `~/.cache/Microsoft/DeveloperTools/.onnxruntime/deviceid` and `onnxruntime.db`, whose table
#    `events` has a column for the receiver (`tenant_token`) and one for the payload. Seen in it by hand, in the second
#    process of a home: `ProcessInfo` with the id, the path of the program, processor, memory, release of the system, and
#    if it is a container.
# 2. `disable_telemetry_events()` comes after the import, and so too late for both files. `ORT_DISABLE_TELEMETRY=1` before
#    the import is heard. So is `CI`, which is why nobody sees it in a test: none is made where that variable is set.
# 3. 1.28.0 writes nothing.
#
# A program that promises to send nothing sets the variable before whichever import comes first.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
for release in 1.28.0 1.29.0 1.32.0; do
  python3 -m venv "venv-$release"
  "venv-$release/bin/pip" install --quiet --disable-pip-version-check "onnxruntime==$release" "numpy==2.3.4"
done
cat >trial.py <<'PY'
import pathlib
import sqlite3
import sys

import onnxruntime

if sys.argv[1:] == ["disable"]:
    onnxruntime.disable_telemetry_events()
home = pathlib.Path.home()
found = sorted(path.relative_to(home).as_posix() for path in home.rglob("*") if path.is_file())
found = [name for name in found if not name.endswith(("-shm", "-wal"))]
print(f"{onnxruntime.__version__}:", found or "nothing")
for name in found:
    if name.endswith(".db"):
        columns = sqlite3.connect(home / name).execute("SELECT name FROM pragma_table_info('events')")
        print("   a report has:", ", ".join(column for (column,) in columns))
PY
run() { # release, then what is set, then what is told
  home=$(mktemp -d -p "$work")
  env -u CI -u ORT_DISABLE_TELEMETRY -u XDG_CACHE_HOME HOME="$home" ${2:+"$2"} "venv-$1/bin/python" trial.py ${3:+"$3"}
}
cat >expected.txt <<'TXT'
1.28.0: nothing
1.29.0: ['.cache/Microsoft/DeveloperTools/.onnxruntime/deviceid', '.cache/Microsoft/DeveloperTools/.onnxruntime/onnxruntime.db']
   a report has: record_id, tenant_token, latency, persistence, timestamp, retry_count, reserved_until, payload
1.32.0: ['.cache/Microsoft/DeveloperTools/.onnxruntime/deviceid', '.cache/Microsoft/DeveloperTools/.onnxruntime/onnxruntime.db']
   a report has: record_id, tenant_token, latency, persistence, timestamp, retry_count, reserved_until, payload
disable_telemetry_events():
1.32.0: ['.cache/Microsoft/DeveloperTools/.onnxruntime/deviceid', '.cache/Microsoft/DeveloperTools/.onnxruntime/onnxruntime.db']
   a report has: record_id, tenant_token, latency, persistence, timestamp, retry_count, reserved_until, payload
ORT_DISABLE_TELEMETRY=1:
1.32.0: nothing
CI=true:
1.32.0: nothing
TXT
{
  run 1.28.0
  run 1.29.0
  run 1.32.0
  echo "disable_telemetry_events():"
  run 1.32.0 "" disable
  echo "ORT_DISABLE_TELEMETRY=1:"
  run 1.32.0 ORT_DISABLE_TELEMETRY=1
  echo "CI=true:"
  run 1.32.0 CI=true
} >seen.txt
cat seen.txt
diff expected.txt seen.txt && echo "as described"
