// What every panel says of itself: that it loads, has nothing, is old, or failed.

import { byId, clear } from "./dom.js";
import { ago, clock } from "./format.js";

const SLOW_MS = 4000;

/** The parts of a panel, and its state line. */
export class Panel {
  constructor(id) {
    this.section = byId(id);
    this.body = this.section.querySelector(".body");
    this.line = this.section.querySelector(":scope > .state");
  }

  /**
   * Show the state of `source`; return its value if there is one to draw.
   * `empty(value)` gives the sentence for a value with nothing in it, or null.
   */
  show(source, empty = () => null) {
    const { value, problem } = source;
    const isUnknown = problem?.kind === "tenant-not-found";
    const nothing = isUnknown
      ? "Nothing of this tenant is known."
      : value === null
        ? null
        : empty(value);
    const sentence = nothing ?? (value === null ? without(source) : problem && stale(source));
    this.say(sentence, problem !== null && !isUnknown);
    this.section.setAttribute("aria-busy", String(value === null && problem === null));
    const isDrawn = value !== null && nothing === null;
    this.body.hidden = !isDrawn;
    if (!isDrawn) this.empty();
    return isDrawn ? value : null;
  }

  /** Let nothing stay that was shown before: it was another tenant's, or another key's. */
  empty() {
    clear(this.body);
  }

  /** Say a sentence, or nothing. */
  say(sentence, isTrouble) {
    const text = sentence ?? "";
    if (this.line.textContent !== text) this.line.textContent = text;
    this.line.hidden = text === "";
    this.line.classList.toggle("trouble", isTrouble);
    this.section.classList.toggle("stale", isTrouble && !this.body.hidden);
  }
}

function without({ problem, askedAt }) {
  if (problem) return reason(problem);
  const isSlow = askedAt !== null && Date.now() - askedAt > SLOW_MS;
  return isSlow ? "Still waiting for an answer…" : "Loading…";
}

function stale({ problem, at }) {
  return `As of ${clock(at)}, ${ago(at)}: ${reason(problem)}.`;
}

/** Why there is no answer, as a sentence without its full stop. */
export function reason(problem) {
  if (problem.status === 401) return "An access key is needed";
  if (problem.status === 403) return `Your key does not allow this: ${problem.message}`;
  return problem.message.charAt(0).toUpperCase() + problem.message.slice(1);
}
