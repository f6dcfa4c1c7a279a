// Shares as a table whose rows have bars: it reads without the bars, and the bars without colour.

import { el, svg } from "./dom.js";
import { count } from "./format.js";

/**
 * A table of `rows`, each `{label, mark, kind, count}`; a bar is as long as its share of `whole`.
 * `mark` is a sign in front of the label, `kind` names the colour.
 */
export function barTable(caption, columns, rows, whole) {
  return el(
    "table",
    { class: "bars" },
    el("caption", {}, caption),
    el(
      "thead",
      { class: "unseen" },
      el(
        "tr",
        {},
        columns.map((name) => el("th", { scope: "col" }, name)),
      ),
    ),
    el(
      "tbody",
      {},
      rows.map((row) => line(row, whole)),
    ),
  );
}

function line(row, whole) {
  const share = whole > 0 ? (100 * row.count) / whole : 0;
  const mark = row.mark
    ? el("span", { class: `mark ${row.kind}`, "aria-hidden": "true" }, row.mark)
    : null;
  return el(
    "tr",
    {},
    el("th", { scope: "row" }, mark, el("span", { class: "label" }, row.label)),
    el("td", { class: "bar" }, bar(share, row.kind)),
    el("td", { class: "number" }, count(row.count)),
  );
}

function bar(share, kind = "plain") {
  const length = visible(share);
  return svg(
    "svg",
    { class: `bar ${kind}`, "aria-hidden": "true", focusable: "false", height: 10, width: "100%" },
    svg("rect", { class: "track", width: "100%", height: 10, rx: 3 }),
    svg("rect", { class: "filled", width: `${length}%`, height: 10, rx: 3 }),
  );
}

/** What is there at all can be seen. */
const visible = (share) => (share === 0 ? 0 : Math.max(share, 0.8));
