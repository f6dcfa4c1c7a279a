// Numbers, instants and spans of time, as people read them.

const LANGUAGE = "en-GB";
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const COUNT = new Intl.NumberFormat(LANGUAGE);
const PERCENT = new Intl.NumberFormat(LANGUAGE, { style: "percent", maximumFractionDigits: 1 });
const MOMENT = { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" };
const EXACT = { ...MOMENT, year: "numeric", second: "2-digit", timeZoneName: "short" };
const CLOCK = { hour: "2-digit", minute: "2-digit", second: "2-digit" };

/** The browser's zone; UTC where it knows none that the API could know. */
export const ZONE = browserZone();

function browserZone() {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  return zone && /^[A-Za-z0-9_+\-/]+$/.test(zone) && zone !== "Etc/Unknown" ? zone : "UTC";
}

/** 1234567 -> 1,234,567 */
export const count = (number) => COUNT.format(number);

/** 0.2075 -> 20.8% */
export const percent = (ratio) => PERCENT.format(ratio);

/** One of two words: `plural(1, "ticket", "tickets")` -> 1 ticket */
export const plural = (number, one, many) => `${count(number)} ${number === 1 ? one : many}`;

/** 30 Nov, 12:03 */
export const moment = (instant) => formatted(instant, MOMENT);

/** 30 Nov 2026, 12:03:10 CET */
export const exactMoment = (instant) => formatted(instant, EXACT);

/** 12:03:10 */
export const clock = (instant) => formatted(instant, CLOCK);

function formatted(instant, options) {
  return new Intl.DateTimeFormat(LANGUAGE, { ...options, timeZone: ZONE }).format(
    new Date(instant),
  );
}

/** A span of milliseconds in its largest unit: 3 min, 2 h, 5 days. */
export function span(milliseconds) {
  const long = Math.max(0, milliseconds);
  if (long < MINUTE) return `${Math.round(long / SECOND)} s`;
  if (long < 90 * MINUTE) return `${Math.round(long / MINUTE)} min`;
  if (long < 36 * HOUR) return `${Math.round(long / HOUR)} h`;
  return plural(Math.round(long / DAY), "day", "days");
}

/** How long ago an instant was. */
export function ago(instant, now = Date.now()) {
  const passed = now - new Date(instant).getTime();
  return passed < 5 * SECOND ? "just now" : `${span(passed)} ago`;
}

/** A label as words: waiting_on_customer -> waiting on customer */
export const words = (label) => label.replaceAll("_", " ");
