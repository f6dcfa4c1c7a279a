// A question that is asked again and again, and the last answer to it.

import { Problem } from "./client.js";

/** Keeps the last value whatever goes wrong after it, and says how old it is. */
export class Source {
  /** `load(signal)` asks; `render(source)` shows whatever is known now. */
  constructor(load, render) {
    this.load = load;
    this.render = render;
    this.forget();
  }

  /** Know nothing: the tenant is another one.  What is still under way is not waited for. */
  forget() {
    this.withdrawal?.abort();
    this.withdrawal = null;
    this.value = null;
    this.at = null; // when the value arrived
    this.problem = null;
    this.askedAt = null; // while a question is out
  }

  /** Ask; a question that is out already is the one that counts. */
  async refresh() {
    if (this.askedAt !== null) return;
    await this.ask();
  }

  /** Ask at once, whatever is out: what is wanted has changed. */
  async askAnew() {
    this.withdrawal?.abort();
    this.askedAt = null;
    await this.ask();
  }

  async ask() {
    const withdrawal = new AbortController();
    this.withdrawal = withdrawal;
    this.askedAt = Date.now();
    try {
      const value = await this.load(withdrawal.signal);
      if (withdrawal.signal.aborted) return;
      this.value = value;
      this.at = Date.now();
      this.problem = null;
    } catch (error) {
      if (withdrawal.signal.aborted) return;
      if (!(error instanceof Problem)) throw error;
      this.problem = error;
    } finally {
      if (this.withdrawal === withdrawal) this.askedAt = null;
    }
    this.render(this);
  }
}
