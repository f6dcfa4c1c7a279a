// The API, asked from the page that it serves.

import { readKey } from "./session.js";

const PATIENCE_SECONDS = 30;

/** An answer that is none: what went wrong, in words for the reader. */
export class Problem extends Error {
  constructor(message, { status = 0, body = {} } = {}) {
    super(message);
    this.status = status; // 0: there was no answer
    this.body = body ?? {};
  }

  /** The last word of the problem's `type`, as `tenant-not-found`. */
  get kind() {
    return String(this.body.type ?? "")
      .split(":")
      .at(-1);
  }

  /** True if the API or what it needs is down, and asking again may help. */
  get isOutage() {
    return this.status === 0 || this.status >= 500;
  }
}

/**
 * The JSON of an answer.  `path` is relative to the page, so that a proxy may serve it anywhere.
 * `signal` withdraws the question; then an `AbortError` is thrown, otherwise a `Problem`.
 */
export async function ask(path, { method = "GET", query = {}, headers = {}, signal } = {}) {
  const key = readKey();
  const asked = Object.entries(query).filter(([, value]) => value !== null && value !== undefined);
  const text = new URLSearchParams(asked).toString();
  const limit = AbortSignal.timeout(PATIENCE_SECONDS * 1000);
  let answer;
  let body;
  try {
    answer = await fetch(text ? `${path}?${text}` : path, {
      method,
      headers: key ? { ...headers, Authorization: `Bearer ${key}` } : headers,
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
      credentials: "same-origin",
    });
    body = await readBody(answer);
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    if (limit.aborted) throw new Problem(`no answer within ${PATIENCE_SECONDS} s`);
    if (error instanceof TypeError) throw new Problem("the API cannot be reached");
    throw error;
  }
  if (!answer.ok) throw new Problem(sentence(answer, body), { status: answer.status, body });
  if (body === null) throw new Problem("the answer is not from the API", { status: 502 });
  return body;
}

/** The JSON, or null where there is none: a proxy in between answers in HTML. */
async function readBody(answer) {
  const text = await answer.text();
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

function sentence(answer, body) {
  return body?.detail ?? `the API answered ${answer.status} ${answer.statusText}`.trim();
}

/** A random key that names one attempt; `crypto.randomUUID` is missing where TLS is. */
export function attemptKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
