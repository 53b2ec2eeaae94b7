#!/usr/bin/env bash
# langchain-core 1.8.3: a retriever's invoke drops arguments that its method does not declare.
#
# invoke of a retriever takes any keyword argument. One would guess that it hands them on, so that one which
# the retriever does not know is an error, as with any function. In fact:
#
# 1. Where _get_relevant_documents declares nothing but the query and the run manager, all arguments are dropped
#    and nothing says so: k=3 gives as many documents as before, and so does a word that means nothing.
# 2. Where it declares any other argument, all are handed on, and an unknown one is a TypeError.
# 3. The constructor drops unknown fields likewise, but `tags` and `metadata` are fields of every retriever: they
#    are for tracing, and filter nothing.
#
# So a filter that is given to a retriever may be no filter. A retriever of one's own should declare what it
# takes, or take **kwargs and refuse the rest, and forbid unknown fields.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "langchain-core==1.8.3"
cd "$work"
cat >trial.py <<'PY'
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever


class Fixed(BaseRetriever):
    k: int = 1

    def _get_relevant_documents(self, query, *, run_manager):
        return [Document(page_content=str(number)) for number in range(self.k)]


class Declared(BaseRetriever):
    def _get_relevant_documents(self, query, *, run_manager, k=1):
        return [Document(page_content=str(number)) for number in range(k)]


print("not declared, k=3:", len(Fixed().invoke("q", k=3)))
print("not declared, colour='red':", len(Fixed().invoke("q", colour="red")))
print("declared, k=3:", len(Declared().invoke("q", k=3)))
try:
    Declared().invoke("q", colour="red")
except TypeError as error:
    print("declared, colour='red':", type(error).__name__)
made = Fixed(colour="red", tags=["ops"])
print("made with colour and tags:", hasattr(made, "colour"), made.tags, len(made.invoke("q")))
PY
cat >expected.txt <<'TXT'
not declared, k=3: 1
not declared, colour='red': 1
declared, k=3: 3
declared, colour='red': TypeError
made with colour and tags: False ['ops'] 1
TXT
"$work/venv/bin/python" trial.py >seen.txt
cat seen.txt
diff expected.txt seen.txt && echo "as described"
