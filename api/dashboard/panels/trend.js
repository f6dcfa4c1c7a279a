// Tickets created by hour, day or week: a chart, its gist in a sentence, and the same as a table.

import { byId, clear, el, show } from "../dom.js";
import { count, percent, plural } from "../format.js";
import { Panel } from "../panel.js";
import { TrendChart } from "../trend_chart.js";

/** The intervals, each with the time that the API shows of it. */
export const INTERVALS = {
  hour: { name: "24 hours", span: "the last 24 hours", before: "the 24 hours before" },
  day: { name: "30 days", span: "the last 30 days", before: "the 30 days before" },
  week: { name: "12 weeks", span: "the last 12 weeks", before: "the 12 weeks before" },
};

/** Draws the trend; `choose(interval)` is called when another one is wanted. */
export class Trend {
  constructor(choose, chosen) {
    this.panel = new Panel("trend");
    this.panel.empty = () => this.empty();
    this.gist = el("p", { class: "gist" });
    this.canvas = el("canvas", { role: "img" });
    this.table = el("div", {
      class: "scrolled",
      tabindex: "0",
      role: "region",
      "aria-label": "Tickets created, as a table",
    });
    const inner = el("div", { class: "chart" }, this.canvas);
    const details = el("details", {}, el("summary", {}, "As a table"), this.table);
    this.panel.body.append(this.gist, inner, legend(), details);
    this.chart = new TrendChart(this.canvas);
    byId("interval").append(
      ...Object.entries(INTERVALS).map(([id, one]) => option(id, one.name, id === chosen, choose)),
    );
  }

  /** The chart and its table stay, with nothing in them. */
  empty() {
    clear(this.gist);
    clear(this.table);
    this.canvas.removeAttribute("aria-label");
    this.chart.show([]);
    this.drawn = null;
  }

  /** Show what is known. */
  render(source) {
    const value = this.panel.show(source, (trend) =>
      trend.count === 0 ? `No tickets were created in ${INTERVALS[trend.interval].span}.` : null,
    );
    if (!value) return;
    show(this.gist, value, gist);
    this.canvas.setAttribute("aria-label", spoken(value));
    show(this.table, value, table);
    const columns = value.points.map((point) => ({
      ...point,
      label: label(point, value.interval),
    }));
    const text = JSON.stringify(columns);
    if (text !== this.drawn) this.chart.show(columns);
    this.drawn = text;
  }
}

function option(id, name, isChosen, choose) {
  const input = el("input", {
    type: "radio",
    name: "interval",
    value: id,
    checked: isChosen,
    onchange: () => choose(id),
  });
  return el("label", {}, input, el("span", {}, name));
}

function legend() {
  return el(
    "p",
    { class: "legend", "aria-hidden": "true" },
    el("span", { class: "swatch hatched" }),
    "high urgency",
    el("span", { class: "swatch" }),
    "others",
  );
}

function gist(value) {
  const { before } = INTERVALS[value.interval];
  const parts = [
    el("b", {}, plural(value.count, "ticket", "tickets")),
    `, ${count(value.high)} of high urgency. `,
  ];
  if (value.change === null) return [...parts, `None in ${before}.`];
  const more =
    value.change === 0
      ? "As many as"
      : `${percent(Math.abs(value.change))} ${value.change > 0 ? "more" : "fewer"} than`;
  return [...parts, `${more} in ${before} (${count(value.previous.count)}).`];
}

function spoken(value) {
  const top = value.points.reduce((most, point) => (point.count > most.count ? point : most));
  return `Columns of tickets created by ${value.interval}; most at ${label(top, value.interval)}: ${count(top.count)}. The table below has every figure.`;
}

/** The begin of an interval by the zone's clock, which the answer's offset is that of. */
function label({ begin }, interval) {
  if (interval === "hour") return begin.slice(11, 16);
  const [, month, day] = begin.slice(0, 10).split("-");
  return `${Number(day)}.${Number(month)}.`;
}

function table(value) {
  const head = ["From", "Tickets", "High urgency"];
  return el(
    "table",
    { class: "plain" },
    el(
      "thead",
      {},
      el(
        "tr",
        {},
        head.map((name) => el("th", { scope: "col" }, name)),
      ),
    ),
    el(
      "tbody",
      {},
      value.points.map((point) => row(point, value.interval)),
    ),
  );
}

function row(point, interval) {
  const begin =
    interval === "hour" ? point.begin.slice(0, 16).replace("T", " ") : point.begin.slice(0, 10);
  return el(
    "tr",
    {},
    el("th", { scope: "row" }, begin),
    el("td", { class: "number" }, count(point.count)),
    el("td", { class: "number" }, count(point.high)),
  );
}
