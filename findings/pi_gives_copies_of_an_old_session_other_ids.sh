#!/usr/bin/env bash
# @mariozechner/pi-coding-agent 0.73.1: an old session that is opened gets random ids, in each copy others.
#
# Until 0.30 the entries of pi's sessions had no ids. A later release that opens such a file rewrites it as a tree.
# One would guess that the new ids follow from what stands there, so that a session and the fork that was copied
# from it still share their beginning. In fact:
#
# 1. The ids are random: of two equal files, each opened once, no entry has the same id.
# 2. The fork's `branchedFrom` stays as it is, and is not turned into the `parentSession` of later releases.
# 3. An id that was added stands last in its entry; one that was there from the beginning comes before the time.
#
# So whoever read such a file before must know its entries by place and time, and can tell by the order of the names.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{"private":true,"type":"module"}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts "@mariozechner/pi-coding-agent@0.73.1"
for copy in one two; do
  cat >"$copy.jsonl" <<'JSON'
{"type":"session","id":"11111111-1111-4111-8111-111111111111","timestamp":"2025-12-01T10:00:00.000Z","cwd":"/work","branchedFrom":"/work/origin.jsonl"}
{"type":"message","timestamp":"2025-12-01T10:00:01.000Z","message":{"role":"user","content":"Does the lamp turn?","timestamp":1764583201000}}
{"type":"message","timestamp":"2025-12-01T10:00:02.000Z","message":{"role":"user","content":"And now?","timestamp":1764583202000}}
JSON
done
cat >trial.js <<'JS'
import assert from "node:assert";
import { readFileSync } from "node:fs";
import { SessionManager } from "@mariozechner/pi-coding-agent";

const opened = (name) => {
  SessionManager.open(`${name}.jsonl`);
  return readFileSync(`${name}.jsonl`, "utf8").trim().split("\n").map((line) => JSON.parse(line));
};
const [one, two] = [opened("one"), opened("two")];
for (const place of [1, 2]) {
  assert.ok(one[place].id && two[place].id);
  assert.notEqual(one[place].id, two[place].id);
  assert.deepEqual(Object.keys(one[place]), ["type", "timestamp", "message", "id", "parentId"]);
}
assert.equal(one[0].branchedFrom, "/work/origin.jsonl");
assert.equal(one[0].parentSession, undefined);
console.log("as described");
JS
node trial.js
