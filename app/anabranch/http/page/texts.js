// Texts of insights: the lanes come without them, and they are asked for where they are shown.

const ASKED_MAX = 24;

/** Ask for the texts of insights that the page does not know, the first of them. */
export async function learn(page, ids) {
  const marks = [...new Set(ids)].map((id) => page.history.insights.get(id));
  const unknown = marks.filter((mark) => mark && mark.text === undefined).slice(0, ASKED_MAX);
  await Promise.all(unknown.map(async (mark) => {
    try {
      know(page, mark.id, (await page.connection.get(`/insights/${encodeURIComponent(mark.id)}`, { after: page.after })).text);
    } catch {
      // It is named by its session then.
    }
  }));
}

/** Keep the text of an insight, unless one is known: of what was forgotten meanwhile it is null. */
export function know(page, id, text) {
  const mark = page.history.insights.get(id);
  if (mark && mark.text === undefined) mark.text = text;
}

/** Return the text of an insight where the page knows it, or else a name for it. */
export function textOf(page, id) {
  const mark = page.history.insights.get(id);
  const session = mark && page.history.sessions.get(mark.session);
  return mark?.text || (session ? `${mark.kind} of “${session.task}”` : "");
}
