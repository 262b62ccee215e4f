// Where a visit came from: the campaign parameters and click ids of addresses, kept apart as the first and
// the last touch. They are read into memory at once, and stored only under the grant that covers each. Links
// stay as they are, and nothing of this goes to the service.

import { watch } from './address.js';
import { attempt } from './attempt.js';

const KEY = 'pixelgate_campaign';
const LONGEST = 500; // characters of a value
const DAY = 864e5; // milliseconds

// The snippet's. It is looked up before the loader puts itself in its place.
const stub = window.pixelgate;

/**
 * A touch is `{at, utm_source, gclid, ...}`: milliseconds since 1970, and what the address said.
 *
 * @param {object} page see loader.js
 * @param {Object<string, Object<string, number>>} known purpose to parameter to the days that it is kept for;
 *  see snippets/campaign.toml
 */
export function campaign(page, known) {
  const { deliver } = page.rack;
  // The first and the last touch of this page's own life, whole.
  let seen = [];
  let told;

  function look(address) {
    const given = new URL(address, location.href).searchParams;
    const touch = { at: Date.now() };
    for (const purpose in known) {
      for (const name in known[purpose]) {
        const value = given.get(name);
        if (value) touch[name] = value.slice(0, LONGEST);
      }
    }
    // An address that says nothing, or says it again, is no touch.
    if (said(touch) != said(seen[1])) seen = [seen[0] || touch, touch];
  }

  // What of a touch is granted and still valid, or nothing. What was stored may have been changed by anyone.
  function granted(touch) {
    const { grants } = page.outcome();
    const left = { at: +touch?.at };
    const age = Math.abs(Date.now() - left.at);
    for (const purpose in known) {
      for (const name in known[purpose]) {
        const value = grants[purpose] && touch[name];
        if (value && typeof value == 'string' && age < known[purpose][name] * DAY) left[name] = value.slice(0, LONGEST);
      }
    }
    return said(left) ? left : undefined;
  }

  function stored() {
    const { grants } = page.outcome();
    if (!Object.keys(known).some((purpose) => grants[purpose])) return [];
    try {
      const { first, last } = JSON.parse(localStorage.getItem(KEY));
      return [granted(first), granted(last)];
    } catch {
      return []; // none, no storage, or not ours
    }
  }

  /** `{first, last}`, each as far as it is granted at this moment; undefined when nothing is. */
  function current() {
    const before = stored();
    // The same click once more, by a reload or a bookmark: its time goes on from where it began.
    for (const touch of seen) {
      if (touch.at > before[1]?.at && said(granted(touch)) == said(before[1])) touch.at = before[1].at;
    }
    // Of two with one time the page's own knows more: it holds what is granted only now.
    const touches = [seen[0], ...before, seen[1]].map((touch) => touch && granted(touch)).filter(Boolean);
    touches.sort((a, b) => a.at - b.at);
    return touches.length ? { first: touches[0], last: touches.at(-1) } : undefined;
  }

  // After every change of grants and of the address. What is not granted any more goes at once.
  function keep() {
    page.moved();
    const now = current();
    const text = JSON.stringify(now) || '';
    try {
      if (text) localStorage.setItem(KEY, text);
      else localStorage.removeItem(KEY);
    } catch {
      // no storage: then it is known as long as the page lives
    }
    if (told != (told = text)) page.emit('campaign', now || {});
  }

  // Consent is looked at again at the moment of sending.
  function carry(event) {
    page.moved();
    event.params.campaign = current();
  }

  function listen(listener) {
    page.on('campaign', listener);
    if (page.outcome()) page.moved();
    if (page.outcome()) attempt(listener, current() || {});
  }

  page.campaign = current;
  page.on('consent', keep);
  page.on('event', carry);
  page.rack.deliver = (event) => {
    carry(event);
    deliver(event);
  };
  // `pixelgate('campaign', fn)`, a command of this part alone.
  window.pixelgate = new Proxy(window.pixelgate, {
    apply: (api, self, given) => (given[0] == 'campaign' ? listen(given[1]) : api(...given)),
  });
  if (stub?.q) stub.q = stub.q.filter((call) => call?.[1]?.[0] != 'campaign' || listen(call[1][1]));
  // The address that the page came by, and what a router has made of it since.
  for (const { name } of performance.getEntriesByType('navigation')) look(name);
  look(location.href);
  watch(() => {
    look(location.href);
    keep();
  });
}

// What a touch says, its time aside; '' where it says nothing.
function said(touch) {
  const { at, ...values } = touch || {};
  const text = JSON.stringify(values);
  return text == '{}' ? '' : text;
}
