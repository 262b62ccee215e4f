// Keeps the debug view open while someone walks through the shop: by the address alone, since nothing
// may be stored. Off until it is switched on, because it changes the addresses of links.

const NAME = 'pixelgate';
const STAY = 'debug-stay';
let isOn = stays();
if (isOn) listen(true);

export function stays() {
  return new URLSearchParams(location.search).get(NAME) == STAY;
}

/** Whether links and forms of this page lead to pages with the debug view open. */
export function stayOpen(on) {
  if (on != isOn) listen(on);
  isOn = on;
}

function listen(on) {
  const change = on ? addEventListener : removeEventListener;
  change('click', byLink, true);
  change('submit', byForm, true);
}

function byLink(event) {
  const link = event.composedPath().find((one) => one instanceof HTMLAnchorElement && one.href);
  if (link && !link.download) link.href = staying(link.href);
}

// A form that asks by its address has its own way to say so: a field.
function byForm({ target: form }) {
  if (form.method == 'post') {
    form.action = staying(form.action);
  } else if (staying(form.action) != form.action && !form.elements.namedItem(NAME)) {
    const field = document.createElement('input');
    Object.assign(field, { type: 'hidden', name: NAME, value: STAY });
    form.append(field);
  }
}

function staying(address) {
  const url = new URL(address, location);
  const { origin, pathname, search } = location;
  const isPage = url.origin == origin && url.pathname + url.search != pathname + search;
  if (isPage) url.searchParams.set(NAME, STAY);
  return isPage ? url.href : address;
}
