#!/usr/bin/env bash
# orjson 3.13.0, msgspec 0.22.0, pydantic-core 2.50.5, json of CPython 3.11: one document, four sets of numbers.
#
# orjson refuses to write a whole number past 64 bits: "Integer exceeds 64-bit range". One would guess that it refuses
# to read one too, or reads it as Python does, whose numbers have no end. In fact:
#
# 1. orjson reads 18446744073709551616 as the float 1.8446744073709552e+19, without a word. The same in a list or under
#    a key. A check that writes what was read and compares it finds nothing wrong: the float is written and read again.
# 2. json, msgspec and pydantic-core keep the number. So a value that came by one door of a program is refused when
#    orjson writes it, and by another door it is stored as another number.
# 3. 1e400 is a number of JSON. orjson and msgspec refuse to read it; json and pydantic-core give infinity, and write
#    that as `Infinity`, which is no JSON and which orjson and msgspec do not read.
# 4. NaN is written as null by orjson and msgspec, and as NaN by the other two.
#
# So ids of more than 64 bits belong into texts, and who must refuse them has to look before orjson has read them.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "orjson==3.13.0" "msgspec==0.22.0" \
  "pydantic-core==2.50.5"
cd "$work"
cat >trial.py <<'PY'
import json

import msgspec
import orjson
import pydantic_core

READ = {
    "json": json.loads,
    "orjson": orjson.loads,
    "msgspec": msgspec.json.decode,
    "pydantic": pydantic_core.from_json,
}
WRITE = {
    "json": json.dumps,
    "orjson": lambda value: orjson.dumps(value).decode(),
    "msgspec": lambda value: msgspec.json.encode(value).decode(),
    "pydantic": lambda value: pydantic_core.to_json(value).decode(),
}


def tell(said, ways, value):
    found = []
    for name, way in ways.items():
        try:
            found.append(f"{name} {way(value)!r}")
        except (ValueError, TypeError) as error:
            found.append(f"{name} refuses")
    print(f"{said}: " + ", ".join(found))


tell("read 2**64-1", READ, "18446744073709551615")
tell("read 2**64", READ, "18446744073709551616")
tell("read -2**63-1", READ, "-9223372036854775809")
tell("in a list", READ, "[123456789012345678901234567890]")
tell("read 1e400", READ, "1e400")
tell("read Infinity", READ, "Infinity")
tell("write 2**64", WRITE, 2**64)
tell("write infinity", WRITE, float("inf"))
tell("write NaN", WRITE, float("nan"))
read = orjson.loads("18446744073709551616")
print("orjson, written and read again, the same:", orjson.loads(orjson.dumps(read)) == read)
PY
cat >expected.txt <<'TXT'
read 2**64-1: json 18446744073709551615, orjson 18446744073709551615, msgspec 18446744073709551615, pydantic 18446744073709551615
read 2**64: json 18446744073709551616, orjson 1.8446744073709552e+19, msgspec 18446744073709551616, pydantic 18446744073709551616
read -2**63-1: json -9223372036854775809, orjson -9.223372036854776e+18, msgspec -9223372036854775809, pydantic -9223372036854775809
in a list: json [123456789012345678901234567890], orjson [1.2345678901234568e+29], msgspec [123456789012345678901234567890], pydantic [123456789012345678901234567890]
read 1e400: json inf, orjson refuses, msgspec refuses, pydantic inf
read Infinity: json inf, orjson refuses, msgspec refuses, pydantic inf
write 2**64: json '18446744073709551616', orjson refuses, msgspec '18446744073709551616', pydantic '18446744073709551616'
write infinity: json 'Infinity', orjson 'null', msgspec 'null', pydantic 'Infinity'
write NaN: json 'NaN', orjson 'null', msgspec 'null', pydantic 'NaN'
orjson, written and read again, the same: True
TXT
"$work/venv/bin/python" trial.py >seen.txt
cat seen.txt
diff expected.txt seen.txt && echo "as described"
