#!/usr/bin/env bash
# @earendil-works/pi-coding-agent 1.6.0: an old session that is opened gets random ids, in each copy others.
#
# Until 0.30 the entries of pi's sessions had no ids, and a fork was a copy that named its origin's file as
# `branchedFrom`. A later release that opens such a file writes it anew, as a tree. One would guess that the new ids
# follow from what stands there, so that a session and its fork still share their beginning, and that the fork is still
# one. In fact:
#
# 1. The ids are random: of two equal files, each opened once, no entry has the same id.
# 2. `branchedFrom` stays, and does not become `parentSession`, which is where later releases name the origin.
# 3. An id that was added stands behind the entry's time; one that was there from the beginning stands before it.
#
# So whoever read such a file before knows its entries by place and time, and can tell by the order of the names.
#
# Needs Node 20 or newer. pi as a whole needs 22.19: so its session manager is imported by itself.
set -euo pipefail
command -v node >/dev/null || { echo "this needs node"; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{"private": true, "type": "module"}' >package.json
npm install --ignore-scripts --no-audit --no-fund --loglevel=error "@earendil-works/pi-coding-agent@1.6.0" >npm.log 2>&1 ||
  { cat npm.log; exit 2; }
cat >trial.js <<'JS'
import { readFileSync, writeFileSync } from "node:fs";
import { SessionManager } from "./node_modules/@earendil-works/pi-coding-agent/dist/core/session-manager.js";

const START = Date.parse("2025-12-01T10:00:00Z");
const said = (role, text) => ({ role, content: [{ type: "text", text }], timestamp: START });
const entry = (second, message) => ({ type: "message", timestamp: new Date(START + 1000 * second).toISOString(), message });
const head = { type: "session", id: "11111111-1111-4111-8111-111111111111", timestamp: entry(0).timestamp };
const old = [
  { ...head, cwd: "/lighthouse", branchedFrom: "/lighthouse/first.jsonl" },
  entry(1, said("user", "Does the lamp turn?")),
  entry(2, said("assistant", "It does.")),
];
const entries = (name) => readFileSync(name, "utf8").trim().split("\n").map((line) => JSON.parse(line));
const opened = (name) => {
  writeFileSync(name, old.map((line) => `${JSON.stringify(line)}\n`).join(""));
  SessionManager.open(name).appendMessage(said("user", "And now?"));
  return entries(name);
};
const [one, two] = [opened("one.jsonl"), opened("two.jsonl")];
console.log("head:", one[0].branchedFrom, one[0].parentSession);
for (const place of [1, 2]) {
  console.log(`old entry: ${Object.keys(one[place])}; the id is the copy's, too: ${one[place].id === two[place].id}`);
}
console.log(`new entry: ${Object.keys(one[3])}`);
JS
cat >expected.txt <<'TXT'
head: /lighthouse/first.jsonl undefined
old entry: type,timestamp,message,id,parentId; the id is the copy's, too: false
old entry: type,timestamp,message,id,parentId; the id is the copy's, too: false
new entry: type,id,parentId,timestamp,message
TXT
node trial.js >seen.txt || { cat seen.txt; exit 1; }
cat seen.txt
diff expected.txt seen.txt && echo "as described"
