// Lag by consumer, and what the service depends on.

import { el, show } from "../dom.js";
import { count, plural, span } from "../format.js";
import { badge } from "../labels.js";
import { Panel } from "../panel.js";

const NO_LAG = [
  "The lag is not told here; ",
  el("code", {}, "deskstream status"),
  " on the command line shows it.",
];

/** Draws lag and health. */
export class System {
  constructor() {
    this.panel = new Panel("system");
  }

  /** Show what is known. */
  render(source) {
    const value = this.panel.show(source);
    if (value) show(this.panel.body, value, draw);
  }
}

function draw({ dependencies, status }) {
  const states = Object.entries(dependencies).map(([name, { state, latency_ms }]) =>
    el(
      "li",
      {},
      el("b", {}, name),
      state === "up"
        ? badge(`up, ${Math.round(latency_ms)} ms`, "✓", "good")
        : badge("down", "✕", "high"),
    ),
  );
  return [
    ...lag(status),
    el("ul", { class: "dependencies", "aria-label": "What the service depends on" }, states),
  ];
}

function lag(status) {
  if (status?.unknown) return [el("p", { class: "note" }, `Lag is not known now: ${status.unknown}`)];
  if (status === null || !Array.isArray(status.lag)) return [el("p", { class: "note" }, NO_LAG)];
  const rows = byConsumer(status.lag);
  const behind =
    status.lag_events === 0
      ? "Nothing waits to be processed."
      : `${plural(status.lag_events, "record waits", "records wait")}, the oldest for ${seconds(status.lag_seconds)}.`;
  const head = ["Consumer", "Records", "Behind"];
  return [
    el("p", { class: "gist" }, behind),
    el(
      "table",
      { class: "plain" },
      el("caption", { class: "unseen" }, "Lag by consumer"),
      el(
        "thead",
        {},
        el(
          "tr",
          {},
          head.map((name) => el("th", { scope: "col" }, name)),
        ),
      ),
      el("tbody", {}, rows.map(line)),
    ),
    ...others(status),
  ];
}

/** What waits elsewhere, of all tenants. */
function others({ alerts, parked }) {
  if (alerts === null) return []; // told to nobody with the key of one tenant
  const waiting = alerts?.pending ?? 0;
  const refused = alerts?.dead_letters ?? 0;
  const sentence = `Of all tenants ${plural(waiting, "alert waits", "alerts wait")}, ${plural(refused, "was", "were")} refused.`;
  return [
    el("p", { class: "note" }, sentence),
    parked > 0
      ? el("p", {}, badge(`${plural(parked, "ticket is", "tickets are")} parked`, "✕", "high"))
      : "",
  ];
}

/** One row per consumer: what waits in all its partitions, and for how long at most. */
function byConsumer(partitions) {
  const rows = new Map();
  for (const { consumer, events, seconds: behind, halted } of partitions) {
    const row = rows.get(consumer) ?? { consumer, events: 0, seconds: 0, halted: 0 };
    row.events += events;
    row.seconds = Math.max(row.seconds, behind ?? 0);
    row.halted += halted ? 1 : 0;
    rows.set(consumer, row);
  }
  return [...rows.values()];
}

function line({ consumer, events, seconds: behind, halted }) {
  const stands = halted
    ? badge(`${plural(halted, "partition stands", "partitions stand")} still`, "✕", "high")
    : null;
  return el(
    "tr",
    {},
    el("th", { scope: "row" }, consumer, stands),
    el("td", { class: "number" }, count(events)),
    el("td", { class: "number" }, seconds(behind)),
  );
}

const seconds = (number) =>
  number === null || number === undefined ? "an unknown time" : span(1000 * number);
