// How old what one sees is, and what is wrong with the page as a whole.

import { announce } from "./announcer.js";
import { byId } from "./dom.js";
import { ago, clock } from "./format.js";
import { reason } from "./panel.js";

const SLOW_MS = 4000;

/** The line with the time, and the banner. */
export class Freshness {
  constructor() {
    this.line = byId("as-of");
    this.banner = byId("banner");
    this.wasDown = false;
  }

  /** Show the state of all that was asked. */
  show(tenant, sources, problems) {
    const oldest = Math.min(...sources.map(({ at }) => at ?? Infinity));
    const isOld = problems.some(({ isOutage }) => isOutage);
    const text = Number.isFinite(oldest)
      ? `As of ${clock(oldest)}${isOld ? `, ${ago(oldest)}` : ""}`
      : "No answers yet";
    if (this.line.textContent !== text) this.line.textContent = text;
    this.line.classList.toggle("trouble", isOld);
    this.say(sentence(tenant, sources, problems, oldest));
    this.tell(problems);
  }

  say(text) {
    if (this.banner.textContent !== (text ?? "")) this.banner.textContent = text ?? "";
    this.banner.hidden = text === null;
  }

  /** Say once that answers fail, and once that they are back. */
  tell(problems) {
    const isDown = problems.some(({ isOutage }) => isOutage);
    if (isDown && !this.wasDown) announce("Some answers are missing; what is shown may be old.");
    if (!isDown && this.wasDown) announce("All answers are there again.");
    this.wasDown = isDown;
  }
}

function sentence(tenant, sources, problems, oldest) {
  const unknown = problems.find(({ kind }) => kind === "tenant-not-found");
  const outage = problems.find(({ isOutage }) => isOutage);
  if (outage) {
    const shown = Number.isFinite(oldest)
      ? ` What you see is of ${clock(oldest)}, ${ago(oldest)}.`
      : "";
    return `${reason(outage)}.${shown} The page keeps asking.`;
  }
  if (problems.some(({ status }) => status === 401))
    return "This API wants an access key: press Refresh to give one.";
  if (tenant === null) return "Which tenant? Type its id above.";
  if (unknown)
    return `No ticket of tenant ${tenant} was ever seen. Check the id, or start a run for it below.`;
  const slow = sources.some(({ askedAt }) => askedAt !== null && Date.now() - askedAt > SLOW_MS);
  return slow ? "Some answers take long; the page waits for them." : null;
}
