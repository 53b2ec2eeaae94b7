#!/usr/bin/env bash
# langgraph-checkpoint 4.3.2: InMemoryStore, which tests use in the place of a database, differs from one.
#
# An item says when it was created and when it was updated; a namespace is there when something is in it; a
# batch is a list of operations. One would guess that these hold for the store in memory. In fact:
#
# 1. A put over an item sets created_at anew: it is never older than the last put.
# 2. A get for a namespace that does not exist makes it, and list_namespaces gives it from then on. So it does
#    with a namespace whose last item was deleted.
# 3. A get after a put in one batch gives the value from before the batch: all reads come first.
# 4. A bound ($gt, $gte, $lt, $lte) on a field that an item lacks raises a TypeError, whatever the others have.
# 5. Without an index a query is ignored and nothing says so: all items come, in the order of their puts, with
#    the score None.
#
# So a store that is held against this one must be excused from 1, 2 and 4, and an agent that is tested on it
# does not notice that its searches by meaning search nothing.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "langgraph-checkpoint==4.3.2"
cd "$work"
cat >trial.py <<'PY'
import time

from langgraph.store.base import GetOp, PutOp
from langgraph.store.memory import InMemoryStore

store = InMemoryStore()
place = ("users", "ada")
store.put(place, "drink", {"text": "green tea"})
first = store.get(place, "drink")
time.sleep(0.05)
store.put(place, "drink", {"text": "white tea"})
print("created_at is kept:", store.get(place, "drink").created_at == first.created_at)

store.get(("nobody",), "drink")
store.delete(place, "drink")
print("namespaces with no item in them:", store.list_namespaces())

batch = [PutOp(place, "drink", {"text": "black tea"}), GetOp(place, "drink")]
print("a get after the put:", store.batch(batch)[1])

try:
    store.search(place, filter={"rating": {"$gt": 3}})
except TypeError as error:
    print("a bound on a missing field:", type(error).__name__)

store.put(place, "car", {"text": "a red van"})
found = store.search(place, query="red van")
print("a query without an index:", [(item.value["text"], item.score) for item in found])
PY
cat >expected.txt <<'TXT'
created_at is kept: False
namespaces with no item in them: [('nobody',), ('users', 'ada')]
a get after the put: None
a bound on a missing field: TypeError
a query without an index: [('black tea', None), ('a red van', None)]
TXT
"$work/venv/bin/python" trial.py >seen.txt
cat seen.txt
diff expected.txt seen.txt && echo "as described"
