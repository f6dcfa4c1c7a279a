// Questions about the deployment: who asks, which tenants there are, how it fares.

import { ask, Problem } from "./client.js";

const CIRCUITS = ["helpdesk", "notify"];
const UNSERVED = new Set(); // paths that this API does not know
export const EVERYBODY = "*";
const OPEN = { access: "open", tenant_id: EVERYBODY, scopes: [] };

/** Who the key is, and which tenants there are; null where this API does not say. */
export async function access(signal) {
  const [who, tenants] = await Promise.all([
    ifServed("whoami", signal),
    ifServed("tenants", signal),
  ]);
  return { who: who ?? OPEN, tenants: tenants?.tenants ?? null };
}

/** True if a key with these rights may do what wants `scope`. */
export function may({ who }, scope) {
  return who.access === "open" || who.scopes.includes(scope);
}

/** True if a key may change what is everybody's: that takes one of all tenants. */
export function mayOperate({ who }) {
  return who.access === "open" || (who.scopes.includes("admin") && who.tenant_id === EVERYBODY);
}

/** The circuit breakers. */
export function circuits(signal) {
  return Promise.all(CIRCUITS.map((name) => ask(`circuit/${name}/status`, { signal })));
}

/** Let calls out again. */
export function resetCircuit(name) {
  return ask(`circuit/${encodeURIComponent(name)}/reset`, { method: "POST" });
}

/** What the service depends on, up or down, and what waits; `status` null where not served. */
export async function system(signal) {
  const [dependencies, status] = await Promise.all([health(signal), lagIfKnown(signal)]);
  return { dependencies, status };
}

/** The status; while an engine is away only why there is none, as what is down is told all the same. */
async function lagIfKnown(signal) {
  try {
    return await ifServed("status", signal);
  } catch (error) {
    if (error instanceof Problem && error.status === 503) return { unknown: error.message };
    throw error;
  }
}

async function health(signal) {
  try {
    return (await ask("health", { signal })).dependencies;
  } catch (error) {
    // A 503 that says what is down is an answer.
    if (error instanceof Problem && error.kind === "unhealthy") return error.body.dependencies;
    throw error;
  }
}

/** The answer, or null where an older API has no such route, or the key has no right to it. */
async function ifServed(path, signal) {
  if (UNSERVED.has(path)) return null;
  try {
    return await ask(path, { signal });
  } catch (error) {
    if (!(error instanceof Problem) || ![403, 404].includes(error.status)) throw error;
    if (error.status === 404) UNSERVED.add(path);
    return null;
  }
}
