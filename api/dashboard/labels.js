// The labels of tickets and runs: a sign beside each word, so that no colour is needed.

import { el } from "./dom.js";
import { words } from "./format.js";

export const URGENCY_MARKS = { high: "▲", medium: "◆", low: "▽" };
const SENTIMENT_MARKS = { negative: "−", neutral: "○", positive: "+" };
const RUN_MARKS = {
  SUCCESS: ["✓", "good"],
  PARTIAL_SUCCESS: ["◐", "medium"],
  FAILED: ["✕", "high"],
  CANCELLED: ["■", "plain"],
  INTERRUPTED: ["✕", "high"],
};

/** A label with its sign. */
export function badge(text, mark, kind) {
  return el(
    "span",
    { class: `badge ${kind}` },
    el("span", { "aria-hidden": "true" }, `${mark} `),
    text,
  );
}

/** high, medium or low. */
export const urgency = (label) => badge(`${label} urgency`, URGENCY_MARKS[label] ?? "?", label);

/** negative, neutral or positive. */
export const sentiment = (label) => badge(label, SENTIMENT_MARKS[label] ?? "?", "plain");

/** How a run ended. */
export function outcome(status) {
  const [mark, kind] = RUN_MARKS[status] ?? ["?", "plain"];
  return badge(words(status.toLowerCase()), mark, kind);
}
