// The run that is on, as it goes, and what starts and stops one.

import { announce } from "../announcer.js";
import { attemptKey, Problem } from "../client.js";
import { byId, el, show } from "../dom.js";
import { count, plural, span } from "../format.js";
import { reason } from "../panel.js";
import { progress, startRun, stopRun } from "../tenant.js";
import { tallies } from "./runs.js";

const PHASES = {
  queued: "waits for a worker",
  fetching: "reads the helpdesk",
  applying: "applies what it read",
};
const POLL_MS = 1000;

/**
 * Draws the active run and asks for it every second.  `tenant()` says whose, `refresh()` asks for
 * the active run anew, `ended(job)` is called when a run that was watched has ended.
 */
export class RunControl {
  constructor({ tenant, refresh, ended }) {
    this.tenant = tenant;
    this.refresh = refresh;
    this.ended = ended;
    this.attempt = null;
    this.watched = null;
    this.timer = null;
    this.build();
  }

  build() {
    this.start = el(
      "button",
      { type: "button", class: "primary", onclick: () => this.act(() => this.begin()) },
      "Start a run",
    );
    this.stop = el(
      "button",
      { type: "button", onclick: () => this.act(() => this.end()) },
      "Stop it",
    );
    this.confirm = el("input", { type: "checkbox" });
    this.problem = el("p", { class: "state trouble", role: "alert", hidden: true });
    this.bar = el("progress", { max: 100, value: 0, "aria-label": "Progress of the run" });
    this.says = el("p", { class: "says" });
    this.counts = el("p", { class: "counts" });
    this.idle = el(
      "div",
      { class: "idle" },
      this.start,
      el("label", { class: "check" }, this.confirm, " believe it if many tickets are gone at once"),
    );
    this.live = el(
      "div",
      { class: "live", hidden: true },
      this.says,
      this.bar,
      this.counts,
      this.stop,
    );
    byId("run-control").append(this.problem, this.idle, this.live);
  }

  /** Forget what is watched: the tenant is another one. */
  reset() {
    clearTimeout(this.timer);
    this.timer = null;
    this.watched = null;
    this.attempt = null;
    this.confirm.checked = false;
    this.live.hidden = true;
    this.idle.hidden = false;
    this.say(null);
  }

  /** Let those start and stop runs who may. */
  allow(isAllowed) {
    byId("run-control").classList.toggle("forbidden", !isAllowed);
    this.start.disabled = this.stop.disabled = this.confirm.disabled = !isAllowed;
  }

  /** Show the run that is on, or that none is. */
  render(source) {
    const run = source.value;
    if (run === null) return;
    const isOn = run.job_id !== null;
    const hadFocus = byId("run-control").contains(document.activeElement);
    if (isOn) this.draw(run);
    this.live.hidden = !isOn;
    this.idle.hidden = isOn;
    if (hadFocus && document.activeElement.closest("[hidden]"))
      (isOn ? this.stop : this.start).focus();
    this.watch(run, source);
  }

  /** Follow a run to its end, which the API keeps for ever. */
  watch(run, source) {
    if (this.watched !== null && this.watched !== run.job_id) this.finish(this.watched);
    this.watched = run.job_id;
    if (run.job_id === null || document.hidden || this.timer !== null) return;
    this.timer = setTimeout(() => {
      this.timer = null;
      source.refresh();
    }, POLL_MS);
  }

  async finish(job) {
    const tenant = this.tenant();
    try {
      const run = await progress(job);
      if (tenant !== this.tenant()) return;
      announce(
        `The run has ended: ${run.phase}, ${plural(run.counters.fetched, "ticket", "tickets")} fetched.`,
      );
      this.say(null);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
    }
    this.ended(job);
  }

  draw(run) {
    const eta = run.eta_seconds === null ? null : `${span(1000 * run.eta_seconds)} to go`;
    const pages =
      run.pages_total === null
        ? `${count(run.pages_done)} pages`
        : `page ${count(run.pages_done)} of ${count(run.pages_total)}`;
    const applied = `${count(run.tickets_applied)} of ${count(run.tickets_fetched)} applied`;
    const parts = [`${run.percent}%`, PHASES[run.phase] ?? run.phase, pages, applied, eta].filter(
      Boolean,
    );
    this.bar.value = run.percent;
    show(this.says, parts, (texts) => texts.map((text) => el("span", {}, text)));
    show(this.counts, run.counters, tallies);
    this.parent = run.parent_id;
    this.stop.textContent = run.parent_id ? "Stop the run of all tenants" : "Stop it";
  }

  async begin() {
    // The same key until there is an answer: whoever clicks again after a failure starts one run.
    this.attempt ??= attemptKey();
    const tenant = this.tenant();
    try {
      await startRun(tenant, this.confirm.checked, this.attempt);
    } catch (error) {
      if (error instanceof Problem && !error.isOutage) this.attempt = null;
      throw error;
    }
    this.attempt = null;
    this.confirm.checked = false;
    announce(`A run of ${tenant} was started.`);
  }

  async end() {
    await stopRun(this.parent ?? this.watched);
    announce("The run is being stopped.");
  }

  /** Do what a button asks for, once at a time, and show what comes of it. */
  async act(act) {
    if (this.isActing) return;
    this.isActing = true;
    this.start.setAttribute("aria-disabled", "true");
    this.say(null);
    try {
      await act();
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      this.say(`${reason(error)}.`);
    } finally {
      this.isActing = false;
      this.start.removeAttribute("aria-disabled");
    }
    await this.refresh();
  }

  say(text) {
    this.problem.textContent = text ?? "";
    this.problem.hidden = text === null;
  }
}
