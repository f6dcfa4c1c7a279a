// Elements, made of text and never of markup.

const SVG = "http://www.w3.org/2000/svg";
const DRAWN = new WeakMap();

/** An element with attributes, listeners (`onclick`) and children; strings become text. */
export function el(name, attributes = {}, ...children) {
  return furnish(document.createElement(name), attributes, children);
}

/** The same, of SVG. */
export function svg(name, attributes = {}, ...children) {
  return furnish(document.createElementNS(SVG, name), attributes, children);
}

function furnish(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(
    ...children.flat().filter((child) => child !== null && child !== undefined && child !== false),
  );
  return node;
}

/** The element with this id. */
export function byId(id) {
  return document.getElementById(id);
}

/** Words for screen readers alone. */
export function unseen(text) {
  return el("span", { class: "unseen" }, text);
}

/**
 * Make `parent` show `rows`: what is the same stays the element it is, with its focus and what is
 * open in it.  `keyOf` names a row, `draw` makes its element.
 */
export function fill(parent, rows, keyOf, draw) {
  const known = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  const wanted = rows.map((row) => {
    const key = keyOf(row);
    const text = JSON.stringify(row);
    const there = known.get(key);
    if (there && DRAWN.get(there) === text) return there;
    const made = draw(row);
    made.dataset.key = key;
    DRAWN.set(made, text);
    return made;
  });
  const isSame =
    wanted.length === parent.children.length &&
    wanted.every((node, i) => node === parent.children[i]);
  if (!isSame) keepingFocus(parent, () => parent.replaceChildren(...wanted));
}

/** Make `parent` show what `draw` makes of `value`, unless it does already. */
export function show(parent, value, draw) {
  const text = JSON.stringify(value);
  if (DRAWN.get(parent) === text) return;
  keepingFocus(parent, () => parent.replaceChildren(...[draw(value)].flat()));
  DRAWN.set(parent, text);
}

/** Empty an element, and forget what it showed. */
export function clear(parent) {
  parent.replaceChildren();
  DRAWN.delete(parent);
}

/** Change what is below `parent`, and give the focus back to what is named as before. */
function keepingFocus(parent, change) {
  const held = parent.contains(document.activeElement) ? document.activeElement : null;
  const name = held?.dataset.focus;
  change();
  if (!held || parent.contains(document.activeElement)) return;
  const again = name && parent.querySelector(`[data-focus="${CSS.escape(name)}"]`);
  const heading = parent.closest("section, dialog")?.querySelector("h2");
  if (again) again.focus({ preventScroll: true });
  else if (heading) {
    heading.tabIndex = -1;
    heading.focus({ preventScroll: true });
  }
}
