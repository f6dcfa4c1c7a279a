// News for those who do not see the page change: few, short, and one after the other.

import { byId } from "./dom.js";

const PAUSE_MS = 1500;
const waiting = [];
let timer = null;

/** Have a screen reader say a sentence, after those that wait. */
export function announce(sentence) {
  waiting.push(sentence);
  if (timer === null) next();
}

function next() {
  const sentence = waiting.shift();
  if (sentence === undefined) {
    timer = null;
    return;
  }
  byId("announcer").textContent = sentence;
  timer = setTimeout(next, PAUSE_MS);
}
