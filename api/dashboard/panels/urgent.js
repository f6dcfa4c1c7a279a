// Urgent tickets, oldest first, each with what made it urgent.

import { byId, el, fill } from "../dom.js";
import { words } from "../format.js";
import { URGENCY_MARKS } from "../labels.js";
import { age } from "../moments.js";
import { Panel } from "../panel.js";

const SHOWN_AT_FIRST = 10;
const MOST = 1000; // rows of one answer
const REASONS = 3;

/** Draws the list; `change()` is called when another one is wanted, `open(id)` for one ticket. */
export class Urgent {
  constructor({ change, open }) {
    this.panel = new Panel("urgent");
    this.open = open;
    this.limit = SHOWN_AT_FIRST;
    this.more = this.panel.section.querySelector(".more");
    this.all = byId("urgent-all");
    this.all.addEventListener("change", change);
    this.more.addEventListener("click", () => {
      this.limit = Math.min(MOST, this.limit * 2);
      change();
    });
  }

  /** Which tickets are wanted. */
  get wanted() {
    return { limit: this.limit, withEnded: this.all.checked };
  }

  /** Begin anew, for another tenant. */
  reset() {
    this.limit = SHOWN_AT_FIRST;
  }

  /** Show what is known. */
  render(source) {
    const value = this.panel.show(source, ({ tickets }) =>
      tickets.length === 0 ? "No urgent ticket waits for anybody." : null,
    );
    this.more.hidden = !value || value.next_cursor === null || this.limit >= MOST;
    if (value)
      fill(
        this.panel.body,
        value.tickets,
        (ticket) => ticket.external_id,
        (ticket) => this.row(ticket),
      );
  }

  row(ticket) {
    const subject = ticket.subject.trim() || "(no subject)";
    const button = el(
      "button",
      {
        type: "button",
        class: "subject",
        "data-focus": `ticket ${ticket.external_id}`,
        onclick: () => this.open(ticket.external_id),
      },
      subject,
    );
    const facts = [
      ticket.external_id,
      words(ticket.status),
      ticket.customer_id,
      ticket.source,
    ].filter(Boolean);
    return el(
      "li",
      {},
      el("span", { class: "mark high", "aria-hidden": "true" }, URGENCY_MARKS.high),
      el(
        "div",
        { class: "entry" },
        button,
        el(
          "p",
          { class: "facts" },
          age(ticket.created_at),
          facts.map((fact) => el("span", {}, fact)),
        ),
        heard(ticket.classification.matched),
      ),
    );
  }
}

function heard(matched) {
  const texts = [...new Set(matched.map(({ text }) => text.trim().replace(/\s+/gu, " ")))];
  const shown = texts.slice(0, REASONS).map((text) => el("q", {}, text));
  const left = texts.length - shown.length;
  return el("p", { class: "heard" }, shown, left > 0 ? el("span", {}, `and ${left} more`) : null);
}
