// Which tenant and which range the page is about.

import { byId, el } from "./dom.js";
import { inAddress, putIntoAddress } from "./session.js";
import { RANGES } from "./tenant.js";

const TENANT = /^[A-Za-z0-9_-]{1,64}$/;
const DEFAULT_RANGE = "30d";

/** The choosers; `changed()` is called when another tenant or range is wanted. */
export class Choice {
  constructor(changed) {
    this.changed = changed;
    this.place = byId("tenant-place");
    this.offered = undefined; // tenants in the list, null for a field to type in
    const tenant = inAddress("tenant");
    this.tenant = tenant !== null && TENANT.test(tenant) ? tenant : null;
    const range = inAddress("range");
    this.range = range !== null && Object.hasOwn(RANGES, range) ? range : DEFAULT_RANGE;
    const options = Object.entries(RANGES).map(([id, { name }]) =>
      el("option", { value: id, selected: id === this.range }, name),
    );
    const chooser = byId("range");
    chooser.append(...options);
    chooser.addEventListener("change", () => this.choose({ range: chooser.value }));
    byId("choice").addEventListener("submit", (event) => {
      event.preventDefault();
      this.take();
    });
  }

  /**
   * Offer the tenants of a list, or a field to type in where nobody gave one; `own` is the only one
   * that the key is for.
   */
  offer(tenants, own) {
    const offered = own ? [own] : tenants;
    const text = JSON.stringify(offered);
    if (text === this.offered) return;
    this.offered = text;
    const hadFocus = this.place.contains(document.activeElement);
    const isTyped = offered === null || offered.length === 0;
    this.place.replaceChildren(...(isTyped ? this.typed() : this.listed(offered)));
    if (hadFocus) byId("tenant").focus();
    if (this.tenant === null && !isTyped) this.choose({ tenant: offered[0] });
  }

  /** A list; a tenant that the address names and nobody knows stays in it, to be told so. */
  listed(known) {
    const isKnown = this.tenant === null || known.includes(this.tenant);
    const tenants = isKnown ? known : [this.tenant, ...known];
    const options = tenants.map((tenant) =>
      el("option", { value: tenant, selected: tenant === this.tenant }, tenant),
    );
    return [
      el(
        "select",
        { id: "tenant", onchange: (event) => this.choose({ tenant: event.target.value }) },
        options,
      ),
    ];
  }

  typed() {
    const field = el("input", {
      id: "tenant",
      type: "text",
      value: this.tenant ?? "",
      pattern: "[A-Za-z0-9_\\-]{1,64}",
      maxlength: 64,
      required: true,
      spellcheck: "false",
      autocapitalize: "none",
      size: 14,
    });
    return [field, el("button", { type: "submit" }, "Show")];
  }

  take() {
    const tenant = byId("tenant").value.trim();
    if (TENANT.test(tenant)) this.choose({ tenant });
  }

  choose({ tenant = this.tenant, range = this.range }) {
    const isOther = tenant !== this.tenant;
    this.tenant = tenant;
    this.range = range;
    putIntoAddress({ tenant, range });
    this.changed(isOther);
  }
}
