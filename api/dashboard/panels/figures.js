// The figures of the chosen range: tiles, shares, keywords and customers, all of one answer.

import { barTable } from "../bars.js";
import { el, show, unseen } from "../dom.js";
import { count, percent, words } from "../format.js";
import { URGENCY_MARKS } from "../labels.js";
import { Panel } from "../panel.js";

const NONE = "No live tickets were created in this range.";

/** Draws the statistics wherever they are shown. */
export class Figures {
  constructor() {
    this.panels = ["figures", "shares", "keywords", "customers"].map((id) => new Panel(id));
  }

  /** Show what is known. */
  render(source) {
    const draws = [tiles, shares, keywords, customers];
    const empties = [() => null, noTickets, noKeywords, noCustomers];
    this.panels.forEach((panel, i) => {
      const value = panel.show(source, empties[i]);
      if (value) show(panel.body, value, draws[i]);
    });
  }
}

const noTickets = (value) => (value.total_tickets === 0 ? NONE : null);
const noKeywords = (value) =>
  value.top_keywords.length === 0 ? "No words to rank in this range." : null;
const noCustomers = (value) =>
  value.at_risk_customers.length === 0
    ? "No customer has an open ticket that is urgent or angry."
    : null;

function tiles(value) {
  return [
    tile("Tickets", count(value.total_tickets), "live ones in this range"),
    tile(
      "▲ High urgency",
      count(value.by_urgency.high),
      `${percent(value.urgency_high_ratio)} of them`,
      "high",
    ),
    tile(
      "Need action",
      count(value.requires_action_count),
      part(value.requires_action_count, value.total_tickets),
    ),
    tile(
      "− Negative",
      count(value.by_sentiment.negative),
      `${percent(value.negative_sentiment_ratio)} of them`,
    ),
  ];
}

function tile(name, figure, note, kind = "") {
  return el(
    "div",
    { class: `tile ${kind}` },
    el("dt", {}, name),
    el("dd", {}, el("b", {}, figure), " ", el("span", {}, note)),
  );
}

const part = (some, all) => `${percent(all ? some / all : 0)} of them`;

function shares(value) {
  const urgencies = Object.entries(value.by_urgency);
  const statuses = Object.entries(value.by_status).sort(
    (a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1),
  );
  const columns = (name) => [name, "Share", "Tickets"];
  return [
    barTable("By urgency", columns("Urgency"), urgencies.map(urgencyRow), value.total_tickets),
    barTable("By status", columns("Status"), statuses.map(statusRow), value.total_tickets),
  ];
}

const urgencyRow = ([label, number]) => ({
  label,
  mark: URGENCY_MARKS[label],
  kind: label,
  count: number,
});
const statusRow = ([label, number]) => ({ label: words(label), count: number });

function keywords(value) {
  const rows = value.top_keywords.map(({ keyword, count: number }) => ({
    label: keyword,
    count: number,
  }));
  return barTable("Tickets that hold the word", ["Word", "Share", "Tickets"], rows, rows[0].count);
}

function customers(value) {
  const names = ["Customer", "▲ high", "− negative", "open"];
  return el(
    "table",
    { class: "plain" },
    el("caption", {}, "Open tickets of each"),
    el(
      "thead",
      {},
      el(
        "tr",
        {},
        names.map((name) => el("th", { scope: "col" }, name)),
      ),
    ),
    el("tbody", {}, value.at_risk_customers.map(customer)),
  );
}

function customer(row) {
  const numbers = [row.open_high, row.open_negative, row.open_total];
  const cells = numbers.map((number) =>
    el(
      "td",
      { class: "number" },
      number === 0 ? [el("span", { "aria-hidden": "true" }, "·"), unseen("0")] : count(number),
    ),
  );
  return el("tr", {}, el("th", { scope: "row", class: "id" }, row.customer_id), cells);
}
