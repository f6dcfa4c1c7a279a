// One tenant's questions: the paths of the API, and the range that the page is about.

import { ask, Problem } from "./client.js";
import { ZONE } from "./format.js";

const HOUR_MS = 3_600_000;
const ENDED = new Set(["resolved", "closed"]); // as the API counts customers at risk
const LONGEST_LIST = 1000; // characters of a parameter that lists alternatives
// Ids that a path would take for something else.
const TAKEN = new Set(["", ".", "..", "urgent", "export"]);

/** What the range chooser offers; hours back from the end of the current one, null for all. */
export const RANGES = {
  "24h": { name: "the last 24 hours", hours: 24 },
  "7d": { name: "the last 7 days", hours: 168 },
  "30d": { name: "the last 30 days", hours: 720 },
  "12w": { name: "the last 12 weeks", hours: 2016 },
  all: { name: "all time", hours: null },
};

/** The begin of a range: a full hour, which the API has sums for and a browser can keep. */
export function beginOf(range, now = Date.now()) {
  const { hours } = RANGES[range];
  if (hours === null) return null;
  return new Date((Math.floor(now / HOUR_MS) + 1 - hours) * HOUR_MS).toISOString();
}

/** The live tickets in figures. */
export function statistics(tenant, range, signal) {
  const query = { from_date: beginOf(range), tz: ZONE };
  return ask(`tenants/${encodeURIComponent(tenant)}/stats`, { query, signal });
}

/** Tickets created by hour, day or week. */
export function trend(tenant, interval, signal) {
  const query = { interval, tz: ZONE };
  return ask(`tenants/${encodeURIComponent(tenant)}/stats/trend`, { query, signal });
}

/**
 * High tickets that need action, oldest first.  Without `withEnded` only those whose status says
 * that somebody still waits: the helpdesk may invent statuses, so the statistics say which exist.
 */
export async function urgentTickets(tenant, { limit, withEnded }, signal) {
  const query = { tenant_id: tenant, limit };
  if (withEnded) return ask("tickets/urgent", { query, signal });
  const statuses = await statusesOf(tenant, signal);
  if (statuses === null) return ask("tickets/urgent", { query, signal });
  const open = statuses.filter((status) => !ENDED.has(status));
  if (open.length === 0) return { tickets: [], next_cursor: null };
  const status = open.join(",");
  if (status.length > LONGEST_LIST || open.some((name) => name.includes(","))) {
    return ask("tickets/urgent", { query, signal });
  }
  const wanted = { urgency: "high", requires_action: true, status, sort: "created_at" };
  return ask("tickets", { query: { ...query, ...wanted }, signal });
}

/** Every status that tickets have; null if the key may not see statistics. */
async function statusesOf(tenant, signal) {
  try {
    return Object.keys((await statistics(tenant, "all", signal)).by_status);
  } catch (error) {
    if (error instanceof Problem && error.status === 403) return null;
    throw error;
  }
}

/** A ticket, also a deleted one, whatever its id is made of. */
export async function oneTicket(tenant, id, signal) {
  const query = { tenant_id: tenant, include_deleted: true };
  if (fitsPath(id)) return ask(`tickets/${encodeURIComponent(id)}`, { query, signal });
  const found = await ask("tickets", { query: { ...query, external_id: id }, signal });
  if (found.tickets.length === 0)
    throw new Problem(`tenant ${tenant} has no ticket ${id}`, { status: 404 });
  return found.tickets[0];
}

/** Its changes, oldest first; null where no path can name it. */
export async function history(tenant, id, signal) {
  if (!fitsPath(id)) return null;
  const query = { tenant_id: tenant, limit: 1000 };
  return ask(`tickets/${encodeURIComponent(id)}/history`, { query, signal });
}

const fitsPath = (id) => !TAKEN.has(id) && !id.includes("/");

/** The run that is on, with its progress, or null. */
export async function activeRun(tenant, signal) {
  const status = await ask("ingest/status", { query: { tenant_id: tenant }, signal });
  return status.running ? progress(status.job_id, signal) : { job_id: null };
}

/** How far a run has got. */
export function progress(job, signal) {
  return ask(`ingest/progress/${encodeURIComponent(job)}`, { signal });
}

/** How runs ended, newest first. */
export function audits(tenant, signal) {
  return ask("ingest/logs", { query: { tenant_id: tenant, limit: 10 }, signal });
}

/** Start a run; the same `attempt` starts only one, however often it is sent. */
export function startRun(tenant, confirmDeletions, attempt) {
  const query = { tenant_id: tenant, confirm_deletions: confirmDeletions || null };
  return ask("ingest/run", { method: "POST", query, headers: { "Idempotency-Key": attempt } });
}

/** Stop a run. */
export function stopRun(job) {
  return ask(`ingest/${encodeURIComponent(job)}`, { method: "DELETE" });
}

/** Alerts that nobody took, and those that wait, newest first. */
export async function alerts(tenant, signal) {
  const of = (state, limit) =>
    ask("alerts", { query: { tenant_id: tenant, state, limit }, signal });
  const [refused, waiting] = await Promise.all([of("dead_letter", 20), of("pending", 100)]);
  return { refused, waiting };
}

/** Have an alert sent once more. */
export function retryAlert(tenant, alert) {
  const path = `alerts/${encodeURIComponent(alert)}/retry`;
  return ask(path, { method: "POST", query: { tenant_id: tenant } });
}
