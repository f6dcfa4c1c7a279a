// The circuit breakers: whether calls go out, and what closes them again.

import { announce } from "../announcer.js";
import { Problem } from "../client.js";
import { resetCircuit } from "../deployment.js";
import { el, fill } from "../dom.js";
import { plural } from "../format.js";
import { badge } from "../labels.js";
import { hour } from "../moments.js";
import { Panel, reason } from "../panel.js";

const NAMES = { helpdesk: "Helpdesk", notify: "Receiver of alerts" };
const STATES = {
  closed: ["calls go out", "✓", "good"],
  open: ["no calls", "✕", "high"],
  half_open: ["one trial call", "◐", "medium"],
};

/** Draws the breakers; `refresh()` asks again, `mayReset()` says whether a reset is offered. */
export class Circuits {
  constructor({ refresh, mayReset }) {
    this.panel = new Panel("circuits");
    this.refresh = refresh;
    this.mayReset = mayReset;
    this.said = {};
  }

  /** Show what is known. */
  render(source) {
    const value = this.panel.show(source);
    if (!value) return;
    const rows = value.map((circuit) => ({
      ...circuit,
      may: this.mayReset(),
      said: this.said[circuit.name] ?? null,
    }));
    fill(
      this.panel.body,
      rows,
      (circuit) => circuit.name,
      (circuit) => this.row(circuit),
    );
  }

  row(circuit) {
    const name = NAMES[circuit.name] ?? circuit.name;
    const [text, mark, kind] = STATES[circuit.state] ?? [circuit.state, "?", "plain"];
    const reset = el(
      "button",
      {
        type: "button",
        "data-focus": `reset ${circuit.name}`,
        "aria-label": `Reset the circuit: ${name}`,
        onclick: () => this.reset(circuit.name),
      },
      "Reset",
    );
    const until = circuit.retry_at ? el("span", {}, "next call at ", hour(circuit.retry_at)) : null;
    const failures = el(
      "span",
      {},
      `${plural(circuit.failures, "failure", "failures")} of the last ${circuit.window} calls`,
    );
    return el(
      "li",
      {},
      el(
        "div",
        { class: "entry" },
        el("p", { class: "first" }, el("b", {}, name), badge(text, mark, kind)),
        el("p", { class: "facts" }, failures, until),
        circuit.said ? el("p", { class: "state trouble", role: "alert" }, circuit.said) : null,
      ),
      circuit.may && circuit.state !== "closed" ? reset : null,
    );
  }

  async reset(name) {
    try {
      await resetCircuit(name);
      this.said[name] = null;
      announce(`The circuit ${name} is closed.`);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      this.said[name] = `${reason(error)}.`;
    }
    await this.refresh();
  }
}
