// One ticket in a drawer: its text with the evidence marked, why it is labelled so, its history.

import { byId, clear, el, show, unseen } from "../dom.js";
import { highlighted, reasons } from "../evidence.js";
import { words } from "../format.js";
import { badge, sentiment, urgency } from "../labels.js";
import { at } from "../moments.js";
import { reason } from "../panel.js";
import { inAddress, putIntoAddress } from "../session.js";
import { Source } from "../source.js";
import { history, oneTicket } from "../tenant.js";

/** The drawer; `tenant()` says whose tickets it shows. */
export class TicketDrawer {
  constructor(tenant) {
    this.tenant = tenant;
    this.dialog = byId("ticket");
    this.id = null;
    this.content = el("div", { class: "content" });
    const close = el(
      "button",
      { type: "button", class: "close", "data-focus": "close", onclick: () => this.dialog.close() },
      "Close",
    );
    this.dialog.append(close, this.content);
    this.source = new Source(
      (signal) => this.load(signal),
      (source) => this.render(source),
    );
    this.dialog.addEventListener("close", () => this.closed());
    this.dialog.addEventListener("click", (event) => {
      if (event.target === this.dialog) this.dialog.close();
    });
  }

  /** Show a ticket; the focus comes back to where it was when the drawer closes. */
  open(id) {
    this.opener = document.activeElement?.dataset.focus ?? null;
    this.id = id;
    this.source.forget();
    clear(this.content);
    putIntoAddress({ ticket: id });
    this.render(this.source);
    this.dialog.showModal();
    this.source.askAnew();
  }

  /** Show the ticket that the address names, if it names one. */
  openFromAddress() {
    const id = inAddress("ticket");
    if (id !== null && !this.dialog.open) this.open(id);
  }

  /** Ask again while it is open. */
  async refresh() {
    if (this.dialog.open) await this.source.refresh();
  }

  closed() {
    this.source.forget();
    this.id = null;
    putIntoAddress({ ticket: null });
    const again =
      this.opener && document.querySelector(`[data-focus="${CSS.escape(this.opener)}"]`);
    again?.focus();
  }

  async load(signal) {
    const [ticket, changes] = await Promise.all([
      oneTicket(this.tenant(), this.id, signal),
      history(this.tenant(), this.id, signal),
    ]);
    return { ticket, history: changes?.history ?? null, isCut: Boolean(changes?.next_cursor) };
  }

  render({ value, problem }) {
    const trouble = problem ? `${reason(problem)}.` : null;
    show(this.content, { id: this.id, value, trouble }, draw);
  }
}

function draw({ id, value, trouble }) {
  const state = trouble ? el("p", { class: "state trouble", role: "alert" }, trouble) : null;
  if (value === null) {
    return [
      el("h2", { id: "ticket-title" }, `Ticket ${id}`),
      state ?? el("p", { class: "state" }, "Loading…"),
    ];
  }
  const { ticket } = value;
  const { matched } = ticket.classification;
  return [
    el("p", { class: "over" }, `Ticket ${ticket.external_id}`),
    el(
      "h2",
      { id: "ticket-title" },
      ticket.subject.trim() ? highlighted(ticket.subject, matched) : "(no subject)",
    ),
    state ?? "",
    el("p", { class: "badges" }, badges(ticket)),
    facts(ticket),
    el("h3", {}, "Message"),
    el(
      "p",
      { class: "message" },
      ticket.message ? highlighted(ticket.message, matched) : "(no message)",
    ),
    el("h3", {}, "Why it is labelled so"),
    matched.length
      ? el("ul", { class: "reasons" }, reasons(matched))
      : el("p", {}, "No rule heard anything."),
    el("p", { class: "note" }, `By version ${ticket.classification.ruleset_version} of the rules.`),
    el("h3", {}, "History"),
    ...past(value.history),
    value.isCut
      ? el("p", { class: "note" }, "These are the oldest changes; the API has more.")
      : "",
  ];
}

function badges(ticket) {
  return [
    urgency(ticket.urgency),
    sentiment(ticket.sentiment),
    badge(words(ticket.status), "●", "plain"),
    ticket.requires_action ? badge("needs action", "!", "plain") : null,
    ticket.deleted_at ? badge("deleted", "✕", "high") : null,
  ];
}

function facts(ticket) {
  const rows = [
    ["Customer", ticket.customer_id ?? "unknown"],
    ["Source", ticket.source ?? "unknown"],
    ["Created", at(ticket.created_at)],
    ["Updated", at(ticket.updated_at)],
    ["Deleted", ticket.deleted_at && at(ticket.deleted_at)],
  ].filter(([, value]) => value);
  return el(
    "dl",
    { class: "facts-list" },
    rows.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))),
  );
}

function past(entries) {
  if (entries === null)
    return [el("p", {}, "The API cannot be asked for the history of a ticket with such an id.")];
  return [el("ol", { class: "past" }, entries.map(entry))];
}

function entry(change) {
  const cause = `${words(change.cause)}${change.detected_by === "comparison" ? "" : `, ${words(change.detected_by)}`}`;
  return el(
    "li",
    {},
    el(
      "p",
      {},
      el("b", {}, change.action),
      " ",
      at(change.occurred_at),
      " ",
      el("span", { class: "note" }, `version ${change.version}, ${cause}`),
    ),
    change.changes.length ? el("dl", { class: "changes" }, change.changes.map(difference)) : null,
  );
}

function difference({ field, old, new: now }) {
  return el(
    "div",
    {},
    el("dt", {}, words(field)),
    el(
      "dd",
      {},
      el("del", {}, unseen("from "), shown(old)),
      el("span", { class: "arrow", "aria-hidden": "true" }, "→"),
      el("ins", {}, unseen(" to "), shown(now)),
    ),
  );
}

/** A field's value as text, whatever it is. */
function shown(value) {
  if (value === null || value === undefined) return "nothing";
  if (value === "") return "(empty)";
  if (typeof value === "string") return value;
  if (typeof value === "boolean") return value ? "yes" : "no";
  return JSON.stringify(value);
}
