#!/usr/bin/env bash
# pydantic 2.14.3: a time that must name its zone may be "2026" or "20261130". It is then in 1970, in UTC.
#
# The schema of an AwareDatetime is a string of the format "date-time": RFC 3339, with a zone. One would guess that a
# text which is none is refused, and that `strict=True` leaves no doubt. In fact a text of digits is a number of seconds
# since 1970, and such a number counts as one that names a zone:
#
# 1. "2026-11-30" is refused, for it has no zone. The same day by ISO 8601's basic form, "20261130", is taken: as
#    1970-08-23 12:05:30 in UTC. "2026" is 1970-01-01 00:33:46. Python's fromisoformat has the day right.
# 2. Strict validation of JSON takes the same texts; of the two it is the number 20261130 that it refuses.
# 3. Past 20,000,000,000 the digits are milliseconds: "20261130101500", a quarter past ten, is in the year 2612.
# 4. `date | AwareDatetime` given "20261130" is that moment of 1970, and no date.
# 5. msgspec refuses all of them where a datetime is wanted.
#
# Models write "2026" and "20261130" where a schema asks for a time. So Anabranch refuses them before pydantic sees them
# where a time is given: in drafts, requests and filters. Events that are stored it reads as pydantic does, for they were
# taken once, and each rebuild must give the same.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "pydantic==2.14.3" "msgspec==0.22.0"
cd "$work"
cat >trial.py <<'PY'
import json
from datetime import date, datetime

import msgspec
from pydantic import AwareDatetime, TypeAdapter, ValidationError

TEXTS = ["2026-11-30T10:15:00Z", "2026-11-30", "2026", "20261130", "20261130101500"]
aware = TypeAdapter(AwareDatetime)
strict = TypeAdapter(AwareDatetime, config={"strict": True})
either = TypeAdapter(date | AwareDatetime)


def tried(read, given):
    try:
        return str(read(given))
    except (ValidationError, msgspec.ValidationError, ValueError):
        return "refused"


def by_msgspec(text):
    return msgspec.json.decode(json.dumps(text), type=datetime)


print("schema:", json.dumps(aware.json_schema(), sort_keys=True))
for text in TEXTS:
    print(f"{text}: {tried(aware.validate_python, text)}")
    print(f"{text} as JSON, strict: {tried(strict.validate_json, json.dumps(text))}")
    print(f"{text} by msgspec: {tried(by_msgspec, text)}")
print("the number 20261130 as JSON, strict:", tried(strict.validate_json, "20261130"))
print("20261130 by Python:", datetime.fromisoformat("20261130"))
print("20261130 as a date or a moment:", tried(either.validate_python, "20261130"))
PY
cat >expected.txt <<'TXT'
schema: {"format": "date-time", "type": "string"}
2026-11-30T10:15:00Z: 2026-11-30 10:15:00+00:00
2026-11-30T10:15:00Z as JSON, strict: 2026-11-30 10:15:00+00:00
2026-11-30T10:15:00Z by msgspec: 2026-11-30 10:15:00+00:00
2026-11-30: refused
2026-11-30 as JSON, strict: refused
2026-11-30 by msgspec: refused
2026: 1970-01-01 00:33:46+00:00
2026 as JSON, strict: 1970-01-01 00:33:46+00:00
2026 by msgspec: refused
20261130: 1970-08-23 12:05:30+00:00
20261130 as JSON, strict: 1970-08-23 12:05:30+00:00
20261130 by msgspec: refused
20261130101500: 2612-01-19 19:41:41.500000+00:00
20261130101500 as JSON, strict: 2612-01-19 19:41:41.500000+00:00
20261130101500 by msgspec: refused
the number 20261130 as JSON, strict: refused
20261130 by Python: 2026-11-30 00:00:00
20261130 as a date or a moment: 1970-08-23 12:05:30+00:00
TXT
"$work/venv/bin/python" trial.py >seen.txt
cat seen.txt
diff expected.txt seen.txt && echo "as described"
