// The page: what it asks, how often, and who shows the answers.

import { announce } from "./announcer.js";
import { Choice } from "./choice.js";
import { EVERYBODY, access, circuits, may, mayOperate, system } from "./deployment.js";
import { byId } from "./dom.js";
import { ZONE } from "./format.js";
import { Freshness } from "./freshness.js";
import { KeyForm } from "./key_form.js";
import { grow } from "./moments.js";
import { Alerts } from "./panels/alerts.js";
import { Circuits } from "./panels/circuits.js";
import { Figures } from "./panels/figures.js";
import { RunControl } from "./panels/run_control.js";
import { PastRuns } from "./panels/runs.js";
import { System } from "./panels/system.js";
import { TicketDrawer } from "./panels/ticket.js";
import { Trend } from "./panels/trend.js";
import { Urgent } from "./panels/urgent.js";
import { Rounds } from "./rounds.js";
import { Source } from "./source.js";
import { activeRun, alerts, audits, statistics, trend, urgentTickets } from "./tenant.js";

const TICK_MS = 1000;
const AUDIT_PATIENCE = 15; // seconds that the audit of a run that has ended is waited for

class Page {
  constructor() {
    this.interval = "hour";
    this.keyForm = new KeyForm(() => this.changeKey());
    this.choice = new Choice((isOther) => this.change(isOther));
    this.freshness = new Freshness();
    this.buildPanels();
    this.buildSources();
    this.rounds = new Rounds(() => this.refresh());
    byId("refresh").addEventListener("click", () => this.refreshNow());
    byId("zone").textContent = ZONE;
    setInterval(() => this.tick(), TICK_MS);
  }

  buildPanels() {
    const tenant = () => this.choice.tenant;
    const open = (id) => this.drawer.open(id);
    this.drawer = new TicketDrawer(tenant);
    this.figures = new Figures();
    this.trend = new Trend((interval) => this.changeInterval(interval), this.interval);
    this.urgent = new Urgent({ change: () => this.sources.urgent.askAnew(), open });
    this.runControl = new RunControl({
      tenant,
      refresh: () => this.sources.run.askAnew(),
      ended: (job) => this.showEnd(job),
    });
    this.pastRuns = new PastRuns();
    this.alerts = new Alerts({
      tenant,
      open,
      refresh: () => this.sources.alerts.askAnew(),
      mayWrite: () => this.may("alerts:write"),
    });
    this.circuits = new Circuits({
      refresh: () => this.sources.circuits.askAnew(),
      mayReset: () => this.access.value === null || mayOperate(this.access.value),
    });
    this.system = new System();
  }

  buildSources() {
    const { choice } = this;
    const source = (load, panel) =>
      new Source(load, (known) => {
        panel.render(known);
        this.heed();
      });
    this.access = source(access, { render: (known) => this.showAccess(known) });
    this.ofTenant = {
      statistics: source((signal) => statistics(choice.tenant, choice.range, signal), this.figures),
      trend: source((signal) => trend(choice.tenant, this.interval, signal), this.trend),
      urgent: source(
        (signal) => urgentTickets(choice.tenant, this.urgent.wanted, signal),
        this.urgent,
      ),
      run: source((signal) => activeRun(choice.tenant, signal), this.runControl),
      runs: source((signal) => audits(choice.tenant, signal), this.pastRuns),
      alerts: source((signal) => alerts(choice.tenant, signal), this.alerts),
    };
    const ofAll = {
      circuits: source(circuits, this.circuits),
      system: source(system, this.system),
    };
    this.sources = { ...this.ofTenant, ...ofAll };
  }

  /** True if the key may do what wants this scope; also while nobody can tell. */
  may(scope) {
    return this.access.value === null || may(this.access.value, scope);
  }

  /** Without a tenant only what is everybody's is shown. */
  nameDocument() {
    byId("content").classList.toggle("of-nobody", this.choice.tenant === null);
    document.title =
      this.choice.tenant === null ? "Deskstream" : `${this.choice.tenant} · Deskstream`;
  }

  async start() {
    this.nameDocument();
    await this.access.refresh();
    if (this.choice.tenant !== null) this.drawer.openFromAddress();
    this.rounds.begin();
  }

  /** Ask everything; nobody waits for anybody. */
  async refresh() {
    const asked = [this.access, ...this.wanted()].map((source) => source.refresh());
    await Promise.all([...asked, this.drawer.refresh()]);
  }

  /** Ask for everything that a run may have changed, and for its audit until that is written. */
  async showEnd(job) {
    await this.refresh();
    const { runs } = this.sources;
    const isMissing = () => runs.value?.logs.every((log) => log.job_id !== job);
    for (let left = AUDIT_PATIENCE; left > 0 && isMissing(); left -= 1) {
      await new Promise((resolve) => setTimeout(resolve, TICK_MS));
      await runs.refresh();
    }
  }

  refreshNow() {
    this.keyForm.askAgain();
    this.rounds.now();
  }

  wanted() {
    return this.choice.tenant === null
      ? [this.sources.circuits, this.sources.system]
      : Object.values(this.sources);
  }

  change(isOther) {
    if (isOther) this.forget();
    this.sources.statistics.forget();
    this.figures.render(this.sources.statistics);
    if (isOther) announce(`Tenant ${this.choice.tenant}`);
    this.nameDocument();
    this.rounds.now();
  }

  changeInterval(interval) {
    this.interval = interval;
    this.sources.trend.askAnew();
  }

  changeKey() {
    // The answers to everybody's questions too: their refusals were of the key before.
    for (const source of [this.access, this.sources.circuits, this.sources.system]) source.forget();
    this.forget();
    this.rounds.now();
  }

  /** Nothing of the tenant before may stay. */
  forget() {
    this.urgent.reset();
    this.runControl.reset();
    for (const source of Object.values(this.ofTenant)) {
      source.forget();
      source.render(source);
    }
  }

  showAccess({ value, problem }) {
    if (value) {
      const { tenant_id: own } = value.who;
      this.choice.offer(value.tenants, own === EVERYBODY ? null : own);
      this.runControl.allow(this.may("ingest:write"));
    } else if (problem) this.choice.offer(null, null);
  }

  /** Look at the answers as a whole: a key may be wanted, and the reader wants to know. */
  heed() {
    const problems = [this.access, ...this.wanted()]
      .map((source) => source.problem)
      .filter(Boolean);
    const locked = problems.find(({ status }) => status === 401);
    if (locked) this.keyForm.ask(`The API says: ${locked.message}.`);
    this.freshness.show(this.choice.tenant, this.wanted(), problems);
  }

  tick() {
    grow();
    for (const source of this.wanted()) {
      if (source.problem || source.askedAt !== null) source.render(source);
    }
    this.heed();
  }
}

await new Page().start();
