#!/usr/bin/env bash
# msgspec 0.22.0: broken UTF-8 is no MsgspecError, in JSON and in MessagePack, and where nobody asked for the text it is
# no error at all. What is nested too deeply is none either.
#
# `except msgspec.DecodeError` is how a program reads what somebody else wrote: by its name and its documentation it is
# "an error occurred during decoding". One would guess that whatever is wrong with the bytes is one, as orjson has one
# error for all of it, broken UTF-8 included. In fact:
#
# 1. A text or a key that is no UTF-8 raises Python's UnicodeDecodeError, which is none of msgspec's. A file that was cut
#    or damaged, or is encrypted, raises the one or the other, by its first bytes.
# 2. In a member that the type does not have, and in a msgspec.Raw, broken UTF-8 is taken: no error, and what was read is
#    written out again with it.
# 3. A document that is nested too deeply raises RecursionError, which is no ValueError.
# 4. A DecodeError is a ValueError, as a UnicodeDecodeError is, so `except ValueError` has both.
#
# Anabranch's reader of LangGraph's checkpoints caught DecodeError alone: one encrypted or damaged file ended the whole
# import.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "msgspec==0.22.0" "orjson==3.13.0"
cd "$work"
cat >trial.py <<'PY'
import msgspec
import orjson

BROKEN = b"\xff\xfe"


class Named(msgspec.Struct):
    name: str


class Held(msgspec.Struct):
    held: msgspec.Raw


def tried(said, read):
    try:
        print(f"{said}: taken, {read()!r}")
    except (ValueError, RecursionError) as error:
        kind = type(error)
        print(f"{said}: {kind.__name__}, of msgspec {issubclass(kind, msgspec.MsgspecError)}", end=", ")
        print("a ValueError", issubclass(kind, ValueError))


def packed(text):
    return bytes([0xA0 + len(text)]) + text


tried("JSON, cut off", lambda: msgspec.json.decode(b'{"name": "a'))
tried("JSON, a text", lambda: msgspec.json.decode(b'"%s"' % BROKEN))
tried("JSON, a key", lambda: msgspec.json.decode(b'{"%s": 1}' % BROKEN))
tried("JSON, a member", lambda: msgspec.json.decode(b'{"name": "%s"}' % BROKEN, type=Named))
tried("JSON, a member that the type does not have", lambda: msgspec.json.decode(b'{"name": "a", "b": "%s"}' % BROKEN, type=Named))
tried("JSON, a Raw, written again", lambda: msgspec.json.encode(msgspec.json.decode(b'{"held": "%s"}' % BROKEN, type=Held)))
tried("JSON, deep", lambda: msgspec.json.decode(b"[" * 5000 + b"]" * 5000))
tried("MessagePack, cut off", lambda: msgspec.msgpack.decode(b"\xa5ab"))
tried("MessagePack, a text", lambda: msgspec.msgpack.decode(packed(BROKEN)))
tried("MessagePack, a key", lambda: msgspec.msgpack.decode(b"\x81" + packed(BROKEN) + b"\x01"))
tried("MessagePack, a member", lambda: msgspec.msgpack.decode(b"\x81" + packed(b"name") + packed(BROKEN), type=Named))
tried("orjson, a text", lambda: orjson.loads(b'"%s"' % BROKEN))
PY
cat >expected.txt <<'TXT'
JSON, cut off: DecodeError, of msgspec True, a ValueError True
JSON, a text: UnicodeDecodeError, of msgspec False, a ValueError True
JSON, a key: UnicodeDecodeError, of msgspec False, a ValueError True
JSON, a member: UnicodeDecodeError, of msgspec False, a ValueError True
JSON, a member that the type does not have: taken, Named(name='a')
JSON, a Raw, written again: taken, b'{"held":"\xff\xfe"}'
JSON, deep: RecursionError, of msgspec False, a ValueError False
MessagePack, cut off: DecodeError, of msgspec True, a ValueError True
MessagePack, a text: UnicodeDecodeError, of msgspec False, a ValueError True
MessagePack, a key: UnicodeDecodeError, of msgspec False, a ValueError True
MessagePack, a member: UnicodeDecodeError, of msgspec False, a ValueError True
orjson, a text: JSONDecodeError, of msgspec False, a ValueError True
TXT
"$work/venv/bin/python" trial.py >seen.txt
cat seen.txt
diff expected.txt seen.txt && echo "as described"
