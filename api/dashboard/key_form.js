// The form that asks for an access key.

import { byId } from "./dom.js";
import { forgetKey, keepKey, readKey } from "./session.js";

/** Asks for a key when the API wants one; `changed()` is called when there is another. */
export class KeyForm {
  constructor(changed) {
    this.dialog = byId("key-dialog");
    this.field = byId("key");
    this.forget = byId("forget-key");
    this.isDeclined = false;
    byId("key-form").addEventListener("submit", (event) => {
      event.preventDefault();
      keepKey(this.field.value.trim());
      this.close();
      changed();
    });
    byId("key-cancel").addEventListener("click", () => this.decline());
    this.dialog.addEventListener("cancel", () => this.decline()); // Escape
    this.dialog.addEventListener("close", () => {
      this.field.value = "";
    });
    this.forget.addEventListener("click", () => {
      forgetKey();
      this.isDeclined = false;
      this.showForget();
      changed();
    });
    this.showForget();
  }

  /** Ask, unless it is being asked or the reader said not now; the refresh button asks again. */
  ask(reason) {
    byId("key-reason").textContent = reason;
    if (this.dialog.open || this.isDeclined) return;
    this.dialog.showModal();
    this.field.focus();
  }

  /** Ask again though the reader said not now. */
  askAgain() {
    this.isDeclined = false;
  }

  decline() {
    this.isDeclined = true;
    this.dialog.close();
  }

  close() {
    this.dialog.close();
    this.isDeclined = false;
    this.showForget();
  }

  showForget() {
    this.forget.hidden = readKey() === null;
  }
}
