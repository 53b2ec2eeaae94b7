// The meaning of each event for the picture: what its type, without prefix and version, changes.

const opened = (event, parent) => ({
  id: event.subject, parent, task: event.data.task.slice(0, 120), role: event.data.role ?? null,
  agent: event.agent ?? null, status: parent === null ? "open" : "pending",
  forked: event.data.forked_at ?? null, opened: event.position, openedAt: Date.parse(event.time),
  ended: null, updated: event.position,
});

const marked = (history, event, insight) => history.mark({
  id: insight.insight_id, session: event.subject, kind: insight.kind ?? "observation",
  position: event.position, text: insight.text,
});

const ends = (status) => (history, event, data, lane) => history.end(lane, status, event.position);

const retires = (history, event, data) => history.retire(history.insights.get(data.insight_id), event.position);

/** Tell whether an event has something forgotten: wherever its words stand, they go. */
export function forgets(event) {
  return /\.forgotten\.v\d+$/.test(event.type);
}

/** How each type of event is folded: of the history, the event, its data, and its session's lane. */
export const FOLDS = {
  "session.opened": (history, event) => history.open(opened(event, null)),
  "branch.created": (history, event, data) => history.open(opened(event, data.parent_id)),
  "branch.started": (history, event, data, lane) => history.end(lane, "running", null),
  "branch.completed": (history, event, data, lane) => {
    history.end(lane, "completed", event.position);
    for (const insight of data.insights ?? []) marked(history, event, insight);
  },
  "branch.failed": (history, event, data, lane) => (data.will_retry
    ? history.end(lane, "pending", null) : history.end(lane, "failed", event.position)),
  "branch.cancelled": ends("cancelled"),
  "branch.dead_lettered": ends("dead_lettered"),
  "session.closed": ends("closed"),
  "session.handed_off": ends("handed_off"),
  "session.forgotten": (history, event, data, lane) => history.forget(lane),
  "insight.recorded": (history, event, data) => marked(history, event, data),
  "insight.superseded": retires,
  "insight.retracted": retires,
  "insight.expired": retires,
  "insight.forgotten": (history, event, data) => {
    retires(history, event, data);
    const mark = history.insights.get(data.insight_id);
    if (mark) mark.text = null;
  },
  "consolidation.recorded": (history, event, data) => history.join({
    id: data.consolidation_id, root: data.root_id, method: data.method ?? "",
    sessions: data.sessions, sources: data.sources, position: event.position,
  }),
};
