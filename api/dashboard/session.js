// What this tab keeps: the key in its session storage, what is shown in the address.

const KEY = "deskstream.key";

/** The access key, or null.  It ends with the tab. */
export const readKey = () => sessionStorage.getItem(KEY);

/** Keep a key for this tab. */
export const keepKey = (key) => sessionStorage.setItem(KEY, key);

/** Forget it. */
export const forgetKey = () => sessionStorage.removeItem(KEY);

/** A value of the address' query, or null. */
export const inAddress = (name) => new URLSearchParams(location.search).get(name);

/** Put values into the address, null for none, so that a bookmark shows the same. */
export function putIntoAddress(values) {
  const query = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(values)) {
    if (value === null) query.delete(name);
    else query.set(name, value);
  }
  const text = query.toString();
  history.replaceState(null, "", text ? `?${text}` : location.pathname);
}
