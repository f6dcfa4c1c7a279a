// Instants on the page that grow older while one looks at them.

import { el } from "./dom.js";
import { ago, clock, exactMoment, moment } from "./format.js";

/** How long ago, with the exact instant for who asks. */
export function age(instant) {
  return el(
    "time",
    { datetime: instant, title: exactMoment(instant), "data-age": true },
    ago(instant),
  );
}

/** The instant itself. */
export function at(instant) {
  return el("time", { datetime: instant, title: exactMoment(instant) }, moment(instant));
}

/** The time of day, of an instant that is near. */
export function hour(instant) {
  return el("time", { datetime: instant, title: exactMoment(instant) }, clock(instant));
}

/** Let every age on the page be that of now. */
export function grow() {
  for (const time of document.querySelectorAll("time[data-age]")) {
    const text = ago(time.dateTime);
    if (time.textContent !== text) time.textContent = text;
  }
}
