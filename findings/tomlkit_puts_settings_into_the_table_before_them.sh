#!/usr/bin/env bash
# tomlkit 0.15.2: a table that is added where a file has dotted keys is written between them and what follows. So the
# settings that follow are its own from then on, though the document in memory has them where they were.
#
# tomlkit changes a TOML file and keeps its comments and order: settings of tools, pyproject.toml. One would guess that
# `tomlkit.parse(tomlkit.dumps(document))` equals the document, whatever was done to it. In fact, for a file that has
# `servers.a.command = "a"` and below it `model = "m"`:
#
# 1. `document["servers"]["b"] = {"command": "b"}` writes a head `[servers.b]` above `model`. The document says that
#    `model` is a setting of the file; the text says that it is one of server b. Whoever takes b out again takes it along.
# 2. Within a table, as `urls.home = ...` below `[project]`, the head is written without the name of the table around it:
#    [urls.b], at the top of the file. What follows in `[project]` is in that one.
# 3. No error, no warning. The text is valid TOML.
# 4. An inline table is written right, and so is all where the file has heads, and keys that are added behind tables.
#
# So compare what was written, read anew, with what was meant. Anabranch's `mcp install codex` moved settings of its user
# so, and `uninstall` removed them; both compare now.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "tomlkit==0.15.2"
cd "$work"
cat >trial.py <<'PY'
import json
import tomllib

import tomlkit

DOTTED = 'servers.a.command = "a"\nmodel = "m"\n'
WITHIN = '[project]\nurls.home = "h"\nversion = "1"\n'
HEADS = '[servers.a]\ncommand = "a"\n[tui]\nx = 1\n[servers.c]\ncommand = "c"\n'


def inline():
    found = tomlkit.inline_table()
    found["command"] = "b"
    return found


def tried(said, text, place, value):
    document = tomlkit.parse(text)
    table = document
    for name in place[:-1]:
        table = table[name]
    table[place[-1]] = value
    held, written = document.unwrap(), tomllib.loads(tomlkit.dumps(document))
    print(f"{said}: the same {held == written}")
    if held != written:
        print("  held:   ", json.dumps(held))
        print("  written:", json.dumps(written))
    return tomlkit.dumps(document)


added = tried("dotted keys", DOTTED, ("servers", "b"), {"command": "b"})
without = tomlkit.parse(added)
del without["servers"]["b"]
print("taken out again:", json.dumps(tomllib.loads(tomlkit.dumps(without))))
tried("dotted keys within a table", WITHIN, ("project", "urls", "b"), {"command": "b"})
tried("dotted keys, an inline table", DOTTED, ("servers", "b"), inline())
tried("heads", HEADS, ("servers", "b"), {"command": "b"})
tried("heads, a key at the top", HEADS, ("model",), "m")
tried("a value replaced by a table", 'a = 1\nmodel = "m"\n', ("a",), {"command": "b"})
PY
cat >expected.txt <<'TXT'
dotted keys: the same False
  held:    {"servers": {"a": {"command": "a"}, "b": {"command": "b"}}, "model": "m"}
  written: {"servers": {"a": {"command": "a"}, "b": {"command": "b", "model": "m"}}}
taken out again: {"servers": {"a": {"command": "a"}}}
dotted keys within a table: the same False
  held:    {"project": {"urls": {"home": "h", "b": {"command": "b"}}, "version": "1"}}
  written: {"project": {"urls": {"home": "h"}}, "urls": {"b": {"command": "b", "version": "1"}}}
dotted keys, an inline table: the same True
heads: the same True
heads, a key at the top: the same True
a value replaced by a table: the same True
TXT
"$work/venv/bin/python" trial.py >seen.txt
cat seen.txt
diff expected.txt seen.txt && echo "as described"
