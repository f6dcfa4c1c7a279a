// Rounds of questions: one after the other, none while nobody looks or the reader wants a pause.

import { byId } from "./dom.js";

const EVERY_MS = 15_000;

/** Calls `round()` every 15 seconds, the next one after the last has ended. */
export class Rounds {
  constructor(round) {
    this.round = round;
    this.timer = null;
    this.isBegun = false;
    this.isOut = false;
    this.isPaused = false;
    this.isWanted = false;
    this.button = byId("pause");
    this.button.addEventListener("click", () => this.pause(!this.isPaused));
    document.addEventListener("visibilitychange", () => this.attend());
  }

  /** The first round. */
  begin() {
    this.isBegun = true;
    this.now();
  }

  /** A round at once; while one is out, after it. */
  async now() {
    if (!this.isBegun) return;
    clearTimeout(this.timer);
    if (this.isOut) {
      this.isWanted = true;
      return;
    }
    this.isOut = true;
    try {
      do {
        this.isWanted = false;
        await this.round();
      } while (this.isWanted);
    } finally {
      this.isOut = false;
      this.plan();
    }
  }

  pause(isPaused) {
    this.isPaused = isPaused;
    this.button.setAttribute("aria-pressed", String(isPaused));
    if (isPaused) clearTimeout(this.timer);
    else this.now();
  }

  attend() {
    if (document.hidden) clearTimeout(this.timer);
    else if (!this.isPaused) this.now();
  }

  plan() {
    clearTimeout(this.timer);
    if (!this.isPaused && !document.hidden) this.timer = setTimeout(() => this.now(), EVERY_MS);
  }
}
