// Make what is on the page what a newer page says, and touch nothing else: focus, scroll, selection and what somebody
// folded or typed stay where they are.

const KEY = "data-key";

const keyOf = (node) => (node.nodeType === Node.ELEMENT_NODE ? node.getAttribute(KEY) || node.id || null : null);

function same(old, fresh) {
  if (old.nodeType !== fresh.nodeType) return false;
  return old.nodeType !== Node.ELEMENT_NODE || (old.tagName === fresh.tagName && keyOf(old) === keyOf(fresh));
}

function attributes(old, fresh) {
  const opened = old.tagName === "DETAILS" || old.tagName === "DIALOG";
  for (const { name, value } of fresh.attributes) {
    if (opened && name === "open") continue;
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  for (const { name } of [...old.attributes]) {
    if (opened && name === "open") continue;
    if (name === "class" && !fresh.hasAttribute(name) && old.classList.contains("at-row")) continue;
    if (!fresh.hasAttribute(name)) old.removeAttribute(name);
  }
}

export function morph(old, fresh) {
  if (old.isEqualNode(fresh)) return;
  if (old.nodeType !== Node.ELEMENT_NODE) {
    old.nodeValue = fresh.nodeValue;
    return;
  }
  const marked = old.classList.contains("at-row");
  attributes(old, fresh);
  if (marked) old.classList.add("at-row");
  const keyed = new Map();
  for (const child of old.childNodes) {
    const key = keyOf(child);
    if (key) keyed.set(key, child);
  }
  let place = old.firstChild;
  for (const wanted of [...fresh.childNodes]) {
    const key = keyOf(wanted);
    let found = null;
    if (key) found = keyed.get(key) ?? null;
    else if (place && !keyOf(place) && same(place, wanted)) found = place;
    if (found && same(found, wanted)) {
      if (found === place) place = place.nextSibling;
      else old.insertBefore(found, place);
      morph(found, wanted);
    } else {
      old.insertBefore(document.importNode(wanted, true), place);
    }
  }
  while (place) {
    const gone = place;
    place = place.nextSibling;
    gone.remove();
  }
}
