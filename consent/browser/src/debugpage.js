// What the page itself shows: its products, and tags of known platforms that nobody holds back.

const KEYS = ['sku', 'productID', 'mpn'];
const KINDS_OF_SCRIPT = /^(|module|(text|application)\/(x-)?(java|ecma)script)$/i;
// A host of Google Ads that also serves what is no tag: captchas, maps, sign-in.
const NO_TAG = /^https:\/\/www\.google\.com\/(?!pagead|ccm|rmkt)/;
const readBefore = new WeakMap(); // a script of structured data -> [its text, the ids in it]
const judged = new WeakSet(); // scripts that have been looked at

/** Adds to `ids` every product id in the page's structured data: JSON-LD, microdata, Meta's own tag. */
export function addProducts(ids) {
  const add = (id) => {
    const plain = `${id ?? ''}`.trim().replace(/^(sku|mpn):/i, '');
    if (plain) ids.add(plain);
  };
  for (const script of document.querySelectorAll('script[type="application/ld+json"]')) {
    const text = script.textContent;
    const before = readBefore.get(script);
    const found = before && before[0] === text ? before[1] : idsIn(text);
    readBefore.set(script, [text, found]);
    found.forEach(add);
  }
  const marks = KEYS.map((key) => `[itemprop="${key}"]`);
  for (const one of document.querySelectorAll(['meta[property="product:retailer_item_id"]', ...marks])) {
    add(one.getAttribute('content') || one.textContent);
  }
}

function idsIn(json) {
  const found = [];
  const look = (value) => {
    if (!value || typeof value != 'object') return;
    for (const key of KEYS) if (/string|number/.test(typeof value[key])) found.push(value[key]);
    Object.values(value).forEach(look);
  };
  try {
    look(JSON.parse(json));
  } catch {
    // no JSON, or too deep: the page's own fault, and not ours to tell
  }
  return found;
}

/**
 * Scripts of known platforms that came since the last look and that no pixel of ours has brought.
 *
 * What a vendor's library loads after we have started it is the vendor's; a second copy of the
 * library itself is not.
 *
 * @param {object} platforms by key: name, library (its address as the pixel asks for it), hosts
 * @param {(script: Element) => boolean} isOurs
 * @param {(key: string) => boolean} isStarted
 * @returns {{url: string, names: string[], registered: boolean}[]}
 */
export function strangers(platforms, isOurs, isStarted) {
  const found = [];
  for (const script of document.querySelectorAll('script[src]')) {
    if (judged.has(script)) continue;
    judged.add(script);
    const { src, type } = script;
    // Those with a purpose wait for it, and those of another kind never run.
    const waits = 'purpose' in script.dataset || !KINDS_OF_SCRIPT.test(type);
    if (waits || isOurs(script) || NO_TAG.test(src)) continue;
    // No library of a pixel's brings a container.
    const isContainer = /\/gtm\.js$/.test(src.split('?')[0]);
    const keys = Object.keys(platforms).filter((key) => {
      const { hosts, library } = platforms[key];
      if (!hosts.some((host) => covers(host, hostOf(src)))) return false;
      return isContainer || sameForm(src, library) || !areStarted(platforms, hosts, isStarted);
    });
    if (!keys.length) continue;
    const names = keys.map((key) => platforms[key].name);
    const registered = !isContainer && keys.some((key) => platforms[key].registered);
    found.push({ url: src, names: isContainer ? ['Google Tag Manager'] : names, registered, isContainer });
  }
  return found;
}

// Whether a platform that shares a host with these is at work.
function areStarted(platforms, hosts, isStarted) {
  return Object.keys(platforms).some(
    (key) => isStarted(key) && platforms[key].hosts.some((host) => hosts.includes(host)),
  );
}

/** Counts the requests to the hosts of `platforms` ({every: hosts}), libraries apart, by key. */
export function countRequests(platforms, changed) {
  const counts = {};
  const note = ({ name, initiatorType }) => {
    if (initiatorType == 'script' || NO_TAG.test(name)) return;
    const host = hostOf(name);
    // Google's systems share hosts: the one that names it exactly is meant, if there is one.
    const exact = Object.keys(platforms).filter((key) => platforms[key].every.includes(host));
    const isOf = (key) => platforms[key].every.some((one) => covers(one, host));
    const wide = Object.keys(platforms).filter(isOf);
    for (const key of exact.length ? exact : wide) counts[key] = (counts[key] || 0) + 1;
    if (wide.length) changed();
  };
  const observer = new PerformanceObserver((list) => list.getEntries().forEach(note));
  observer.observe({ type: 'resource', buffered: true });
  return counts;
}

/** `*.example.com` covers every host below, and `example.com` itself only where it is named. */
export function covers(pattern, host) {
  return pattern.startsWith('*.') ? host.endsWith(pattern.slice(1)) : host == pattern;
}

export function hostOf(url) {
  try {
    return new URL(url, location).hostname;
  } catch {
    return '';
  }
}

// The same address but for the values in its query: how a pasted snippet asks for the library.
function sameForm(url, library) {
  const form = (text) => {
    const { origin, pathname, searchParams } = new URL(text, location);
    return [origin, pathname, ...[...searchParams.keys()].sort()].join(' ');
  };
  return form(url) == form(library);
}
