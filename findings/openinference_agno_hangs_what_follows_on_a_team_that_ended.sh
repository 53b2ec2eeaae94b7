#!/usr/bin/env bash
# openinference-instrumentation-agno 1.0.15 (agno 3.1.10, opentelemetry-sdk 1.45.2): once a team has run, whatever runs
# after it in the program hangs on the team's span, though that has ended.
#
# A span hangs on the one that is current where it begins, and an instrumentation takes its span away when it ends. So
# one would guess that two runs, one after the other, are two traces, and that what hangs on a span is a part of it. In
# fact:
#
# 1. Two runs of an agent are two traces, as expected.
# 2. A team runs, and its span ends. It stays the current one: an agent of another session that runs later is in the
#    team's trace, below the team, and so is a span of the program's own. Each begins after the team's span ended.
# 3. The next run of the team is a trace by itself.
#
# So who takes an agent within another one for its helper makes helpers of all that a program does after a team. That it
# began after the end, and names another session, tells it apart.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "agno==3.1.10" \
  "openinference-instrumentation-agno==1.0.15" "opentelemetry-sdk==1.45.2" "openai==2.14.0"
cd "$work"
cat >trial.py <<'PY'
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))

from openinference.instrumentation.agno import AgnoInstrumentor

AgnoInstrumentor().instrument(tracer_provider=provider)

from agno.agent import Agent
from agno.models.base import Model
from agno.models.response import ModelResponse
from agno.team import Team


class Scripted(Model):
    """A model that says one thing."""

    def invoke(self, *given, **options):
        return ModelResponse(role="assistant", content="All is well.")

    async def ainvoke(self, *given, **options):
        return self.invoke()

    def invoke_stream(self, *given, **options):
        yield self.invoke()

    async def ainvoke_stream(self, *given, **options):
        yield self.invoke()

    def _parse_provider_response(self, response, **options):
        return response

    def _parse_provider_response_delta(self, response):
        return response


def made(kind, name, session, **more):
    return kind(name=name, model=Scripted(id="m"), session_id=session, telemetry=False, **more)


keeper, second = made(Agent, "keeper", "day"), made(Agent, "second", "dusk")
crew = made(Team, "crew", "night", members=[made(Agent, "mate", None)])
keeper.run("Is all well?")
second.run("Is all well?")
crew.run("Is all well?")
keeper.run("And now?")
with provider.get_tracer("program").start_as_current_span("own work"):
    pass
crew.run("And the boats?")
spans = sorted(exporter.get_finished_spans(), key=lambda span: span.start_time)
known = {span.context.span_id: span for span in spans}
traces = list(dict.fromkeys(span.context.trace_id for span in spans))
for span in spans:
    if span.attributes.get("openinference.span.kind") == "LLM":
        continue
    above = known.get(span.parent.span_id) if span.parent else None
    after = " after its end" if above and span.start_time >= above.end_time else ""
    place = f"below {above.name} of {above.attributes.get('session.id')}{after}" if above else "by itself"
    session = span.attributes.get("session.id")
    print(f"{span.name} of session {session}: trace {traces.index(span.context.trace_id) + 1}, {place}")
PY
cat >expected.txt <<'TXT'
keeper.run of session day: trace 1, by itself
second.run of session dusk: trace 2, by itself
crew.run of session night: trace 3, by itself
keeper.run of session day: trace 3, below crew.run of night after its end
own work of session None: trace 3, below crew.run of night after its end
crew.run of session night: trace 4, by itself
TXT
"$work/venv/bin/python" -W ignore trial.py >seen.txt 2>said.txt || { cat said.txt; exit 1; }
cat seen.txt
diff expected.txt seen.txt && echo "as described"
