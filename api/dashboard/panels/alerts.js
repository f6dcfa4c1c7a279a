// Alerts that nobody took, to be sent again, and those that wait.

import { announce } from "../announcer.js";
import { Problem } from "../client.js";
import { el, show } from "../dom.js";
import { plural } from "../format.js";
import { age, hour } from "../moments.js";
import { Panel, reason } from "../panel.js";
import { retryAlert } from "../tenant.js";

const WAITING_SHOWN = 3;

/** Draws the alerts; `open(ticket)` shows one's ticket, `refresh()` asks again. */
export class Alerts {
  constructor({ tenant, open, refresh, mayWrite }) {
    this.panel = new Panel("alerts");
    this.tenant = tenant;
    this.open = open;
    this.refresh = refresh;
    this.mayWrite = mayWrite;
    this.said = null;
  }

  /** Show what is known. */
  render(source) {
    const value = this.panel.show(source, ({ refused, waiting }) =>
      refused.alerts.length + waiting.alerts.length === 0
        ? "Nobody has to be told of anything."
        : null,
    );
    if (!value) return;
    const shown = { ...value, may: this.mayWrite(), said: this.said };
    show(this.panel.body, shown, (all) => this.draw(all));
  }

  draw({ refused, waiting, may, said }) {
    return [
      el(
        "p",
        { class: "gist" },
        el("b", {}, atLeast(waiting)),
        " to be delivered, ",
        el("b", {}, atLeast(refused)),
        " refused for good.",
      ),
      said ? el("p", { class: "state trouble", role: "alert" }, said) : "",
      refused.alerts.length ? el("h3", {}, "Refused by the receiver") : "",
      refused.alerts.length
        ? el(
            "ul",
            { class: "rows" },
            refused.alerts.map((alert) => this.row(alert, may)),
          )
        : "",
      waiting.alerts.length ? el("h3", {}, "Waiting, the latest") : "",
      waiting.alerts.length
        ? el(
            "ul",
            { class: "rows" },
            waiting.alerts.slice(0, WAITING_SHOWN).map((alert) => this.row(alert, false)),
          )
        : "",
    ];
  }

  row(alert, isOffered) {
    const id = alert.ticket_id;
    const ticket = el(
      "button",
      {
        type: "button",
        class: "subject",
        "data-focus": `alert ${alert.alert_id}`,
        onclick: () => this.open(id),
      },
      id,
    );
    const again = el(
      "button",
      {
        type: "button",
        "data-focus": `retry ${alert.alert_id}`,
        "aria-label": `Send again the alert of ${id}`,
        onclick: () => this.retry(alert.alert_id),
      },
      "Send again",
    );
    return el(
      "li",
      {},
      el(
        "div",
        { class: "entry" },
        ticket,
        el("p", { class: "facts" }, state(alert)),
        el("p", { class: "why" }, alert.reason),
        alert.last_error
          ? el("p", { class: "why trouble" }, `The receiver: ${alert.last_error}`)
          : null,
      ),
      isOffered ? again : null,
    );
  }

  async retry(alert) {
    try {
      await retryAlert(this.tenant(), alert);
      this.said = null;
      announce("The alert is sent again as soon as may be.");
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      this.said = `${reason(error)}.`;
    }
    await this.refresh();
  }
}

function state(alert) {
  const calls = el("span", {}, plural(alert.calls, "call", "calls"));
  if (alert.in_flight) return [el("span", {}, "a call is out"), calls];
  const next = alert.next_call_at
    ? el("span", {}, "next call at ", hour(alert.next_call_at))
    : null;
  return [el("span", {}, "due ", age(alert.due_at)), calls, next];
}

function atLeast({ alerts, next_cursor }) {
  const more = next_cursor === null ? "" : "at least ";
  return more + plural(alerts.length, "alert", "alerts");
}
