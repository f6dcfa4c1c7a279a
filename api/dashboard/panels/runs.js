// Past runs: how each ended, and what became of its rows.

import { el, fill } from "../dom.js";
import { count, span } from "../format.js";
import { outcome } from "../labels.js";
import { age } from "../moments.js";
import { Panel } from "../panel.js";

const COUNTED = [
  ["new_ingested", "new"],
  ["updated", "updated"],
  ["restored", "restored"],
  ["deleted", "deleted"],
  ["rejected", "rejected"],
  ["unchanged", "unchanged"],
  ["stale", "stale"],
  ["duplicates", "duplicates"],
  ["foreign", "of other tenants"],
];

/** Draws the audits. */
export class PastRuns {
  constructor() {
    this.panel = new Panel("runs");
  }

  /** Show what is known. */
  render(source) {
    const value = this.panel.show(source, ({ logs }) =>
      logs.length === 0 ? "No run has ended yet." : null,
    );
    if (value) fill(this.panel.body, value.logs, (log) => log.job_id, row);
  }
}

function row(log) {
  const took = span(new Date(log.ended_at) - new Date(log.started_at));
  return el(
    "li",
    {},
    el(
      "div",
      { class: "entry" },
      el(
        "p",
        { class: "first" },
        outcome(log.status),
        " ",
        age(log.ended_at),
        el("span", { class: "note" }, `took ${took}`),
        log.parent_id ? el("span", { class: "note" }, "part of a run of all tenants") : null,
      ),
      el("p", { class: "counts" }, tallies(log)),
      log.errors.length ? problems(log.errors) : null,
    ),
  );
}

/** What became of the rows: what is 0 is left out. */
export function tallies(counters) {
  const some = COUNTED.filter(([field]) => counters[field] > 0);
  return [
    el("span", {}, el("b", {}, count(counters.fetched)), " fetched"),
    ...some.map(([field, name]) => el("span", {}, el("b", {}, count(counters[field])), ` ${name}`)),
  ];
}

function problems(errors) {
  return el(
    "details",
    { open: errors.length === 1 },
    el("summary", {}, "What went wrong"),
    el(
      "ul",
      {},
      errors.map((error) => el("li", {}, error)),
    ),
  );
}
