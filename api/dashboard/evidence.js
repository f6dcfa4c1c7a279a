// What made the rules speak, found again in the ticket's own words.

import { el } from "./dom.js";
import { words } from "./format.js";

const QUOTES = "['’‘`´]";

/** `text` as nodes, with what the evidence names marked. */
export function highlighted(text, matched) {
  const nodes = [];
  let end = 0;
  for (const [from, to, rules] of spans(text, matched)) {
    nodes.push(
      text.slice(end, from),
      el("mark", { title: rules.join(", ") }, text.slice(from, to)),
    );
    end = to;
  }
  nodes.push(text.slice(end));
  return nodes;
}

/** The reasons: each rule once, with the words that it heard. */
export function reasons(matched) {
  const heard = new Map();
  for (const { rule, text } of matched) heard.set(rule, [...(heard.get(rule) ?? []), text]);
  return [...heard].map(([rule, texts]) =>
    el(
      "li",
      {},
      el("span", { class: "rule" }, words(rule)),
      el(
        "div",
        {},
        [...new Set(texts)].map((text) => el("q", {}, text)),
      ),
    ),
  );
}

/** Where the evidence stands: spans that do not overlap, in order, with the rules of each. */
function spans(text, matched) {
  const found = matched
    .flatMap((evidence) => places(text, evidence))
    .sort((a, b) => a[0] - b[0] || b[1] - a[1]);
  const apart = [];
  for (const [from, to, rule] of found) {
    const last = apart.at(-1);
    if (last && from < last[1]) {
      last[1] = Math.max(last[1], to);
      if (!last[2].includes(rule)) last[2].push(rule);
    } else apart.push([from, to, [rule]]);
  }
  return apart;
}

function places(text, { rule, text: said }) {
  const parts = said.trim().split(/\s+/u).filter(Boolean).map(pattern);
  if (parts.length === 0) return [];
  const expression = new RegExp(parts.join("\\s+"), "giu");
  return [...text.matchAll(expression)].map((hit) => [
    hit.index,
    hit.index + hit[0].length,
    words(rule),
  ]);
}

/** A word as a pattern: nothing in it is special, and one apostrophe is as good as another. */
function pattern(word) {
  return word.replace(/[\\^$.*+?()[\]{}|/]/gu, "\\$&").replace(/['’‘`´]/gu, QUOTES);
}
