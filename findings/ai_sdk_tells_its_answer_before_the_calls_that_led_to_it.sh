#!/usr/bin/env bash
# ai 7.0.173, @ai-sdk/otel 1.0.173 (Vercel's AI SDK): every call is an agent in its spans, whose one message has the
# answer first and the calls that led to it behind. A stream that broke off ended by "stop"; one that was left has no
# spans.
#
# The AI SDK writes spans by OpenTelemetry's names for generative AI: `invoke_agent`, `chat`, `execute_tool`. One would
# guess that an agent's span is one of an agent, that its `gen_ai.output.messages` are what was said in its order, and
# that they tell how an answer ended. In fact:
#
# 1. `generateText`, without any agent, is `invoke_agent` with the name of the model. A ToolLoopAgent's id is nowhere;
#    `gen_ai.agent.name` is the `functionId` of its telemetry. No span has a conversation.
# 2. Of a run with a call, all is in one message of the assistant: the answer, then the call, then the tool's result.
#    What the model said before it called is left out there.
# 3. The steps between have an operation of their own, `agent_step`, and a tool's result is JSON: a text has quotes.
# 4. A stream that ends without a finish: no span of a model; the agent's has the half, with the finish reason "stop" in
#    the message, and "other" beside it in `gen_ai.response.finish_reasons`. No error.
# 5. Aborted by its signal: all spans, without a word of what was said, without a reason and without an error.
# 6. Left by `break` in a long answer: no span ends, neither the model's nor the agent's.
#
# So the order within an answer is read from the spans below it, and whether it is whole from the reasons beside it.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{"private": true, "type": "module"}' >package.json
npm install --ignore-scripts --no-audit --no-fund --loglevel=error "ai@7.0.173" "@ai-sdk/otel@1.0.173" "zod@4.6.7" \
  "@opentelemetry/api@1.9.1" "@opentelemetry/sdk-trace-node@2.12.1" "@opentelemetry/sdk-trace-base@2.12.1" >npm.log 2>&1
cat >trial.mjs <<'JS'
import { OpenTelemetry } from '@ai-sdk/otel';
import { InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import { generateText, registerTelemetry, streamText, tool, ToolLoopAgent } from 'ai';
import { MockLanguageModelV4 } from 'ai/test';
import { z } from 'zod';

const collected = new InMemorySpanExporter();
new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(collected)] }).register();
registerTelemetry(new OpenTelemetry());
const usage = { inputTokens: { total: 1 }, outputTokens: { total: 1 } };
const stop = { unified: 'stop', raw: 'stop' };

function scripted(modelId, ...answers) {
  return new MockLanguageModelV4({ modelId, provider: 'local', doGenerate: async () => answers.shift() });
}

function answer(...content) {
  const calls = content.some(part => part.type === 'tool-call');
  return { content, finishReason: calls ? { unified: 'tool-calls', raw: 'calls' } : stop, usage, warnings: [] };
}

/** Return a model that streams so many words; a word a turn of the loop, and nothing after an abort. */
function streaming(words, { finishes = true } = {}) {
  const doStream = async ({ abortSignal }) => {
    const parts = [{ type: 'stream-start', warnings: [] }, { type: 'text-start', id: '1' }];
    for (let word = 0; word < words; word++) parts.push({ type: 'text-delta', id: '1', delta: `w${word} ` });
    if (finishes) parts.push({ type: 'text-end', id: '1' }, { type: 'finish', finishReason: stop, usage });
    const stream = new ReadableStream({
      async pull(controller) {
        await new Promise(resolve => setTimeout(resolve, 0));
        if (abortSignal?.aborted) controller.error(abortSignal.reason);
        else if (parts.length) controller.enqueue(parts.shift());
        else controller.close();
      },
    });
    return { stream };
  };
  return new MockLanguageModelV4({ modelId: 'm', provider: 'local', doStream });
}

function messages(text) {
  return JSON.parse(text ?? '[]').map(one => {
    const parts = one.parts.map(part => part.content ?? `${part.type} ${JSON.stringify(part.arguments ?? part.response)}`);
    return `${one.role} (${one.finish_reason}): ${parts.join(' | ')}`;
  });
}

/** Print the spans that ended, below each other. */
function told(title) {
  console.log(`${title}:`);
  const spans = collected.getFinishedSpans();
  const ids = new Set(spans.map(span => span.spanContext().spanId));
  const above = span => (ids.has(span.parentSpanContext?.spanId) ? span.parentSpanContext.spanId : undefined);
  const order = (one, other) => one.startTime[0] - other.startTime[0] || one.startTime[1] - other.startTime[1];
  const below = (id, depth) => {
    for (const span of spans.filter(one => above(one) === id).sort(order)) {
      tell(span, '  '.repeat(depth));
      below(span.spanContext().spanId, depth + 1);
    }
  };
  below(undefined, 1);
  if (!spans.length) console.log('  no spans');
  collected.reset();
}

function tell({ name, attributes, status }, indent) {
  const said = [`${attributes['gen_ai.operation.name']} "${name}"`];
  if (attributes['gen_ai.agent.name']) said.push(`agent ${attributes['gen_ai.agent.name']}`);
  if (Object.keys(attributes).some(key => key.includes('conversation'))) said.push('a conversation');
  if (attributes['gen_ai.tool.call.result']) said.push(`result ${attributes['gen_ai.tool.call.result']}`);
  if (attributes['gen_ai.response.finish_reasons']) said.push(`reasons ${attributes['gen_ai.response.finish_reasons']}`);
  if (status.code === 2) said.push('an error');
  console.log(`${indent}${said.join(', ')}`);
  for (const message of messages(attributes['gen_ai.output.messages'])) console.log(`${indent}  ${message}`);
}

/** Wait until a span of an agent has ended. */
async function ended() {
  for (let turn = 0; turn < 600; turn++) {
    if (collected.getFinishedSpans().some(span => span.name.startsWith('invoke_agent'))) return;
    await new Promise(resolve => setTimeout(resolve, 50));
  }
}

await generateText({ model: scripted('small', answer({ type: 'text', text: 'Yes.' })), prompt: 'Is it lit?' });
told('a text, no agent');

const look = tool({ inputSchema: z.object({ at: z.string() }), execute: async ({ at }) => `the ${at} is dry` });
const call = { type: 'tool-call', toolCallId: 'c1', toolName: 'look', input: '{"at": "stair"}' };
const calling = answer({ type: 'text', text: 'I will look.' }, call);
const telemetry = { functionId: 'round' };
const model = scripted('small', calling, answer({ type: 'text', text: 'All is well.' }));
await new ToolLoopAgent({ id: 'keeper', model, tools: { look }, telemetry }).generate({ prompt: 'Is all well?' });
told('an agent with a tool');

for await (const _ of streamText({ model: streaming(3, { finishes: false }), prompt: 'Go.' }).textStream);
await ended();
told('a stream without a finish');

const aborting = new AbortController();
let words = 0;
for await (const _ of streamText({ model: streaming(400), prompt: 'Go.', abortSignal: aborting.signal }).textStream) {
  if (++words === 3) aborting.abort();
}
await ended();
told('a stream that was aborted');

for await (const _ of streamText({ model: streaming(4000), prompt: 'Go.' }).textStream) break;
await new Promise(resolve => setTimeout(resolve, 2000));
told('a stream that was left');
process.exit(0);
JS
cat >expected.txt <<'TXT'
a text, no agent:
  invoke_agent "invoke_agent small", reasons stop
    assistant (stop): Yes.
    agent_step "step 1"
      chat "chat small", reasons stop
        assistant (stop): Yes.
an agent with a tool:
  invoke_agent "invoke_agent small", agent round, reasons stop
    assistant (stop): All is well. | tool_call {"at":"stair"} | tool_call_response "the stair is dry"
    agent_step "step 1"
      chat "chat small", reasons tool-calls
        assistant (tool_call): I will look. | tool_call {"at":"stair"}
      execute_tool "execute_tool look", result "the stair is dry"
    agent_step "step 2"
      chat "chat small", reasons stop
        assistant (stop): All is well.
a stream without a finish:
  invoke_agent "invoke_agent m", reasons other
    assistant (stop): w0 w1 w2 
    agent_step "step 1"
a stream that was aborted:
  invoke_agent "invoke_agent m"
    agent_step "step 1"
      chat "chat m"
a stream that was left:
  no spans
TXT
node trial.mjs >seen.txt
cat seen.txt
diff expected.txt seen.txt && echo "as described"
