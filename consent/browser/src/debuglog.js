// What happens on a page while the debug view is open: kept in memory, changed by nothing here.

import { attempt } from './attempt.js';
import { whyUnused } from './debugwords.js';
import { hearCalls } from './hear.js';
import { copied } from './shown.js';

const MOST = 500;

/**
 * @typedef {object} Entry one line of the timeline
 * @property {'event'|'moment'} kind
 * @property {number} at milliseconds since 1970
 * @property {string} [what] a moment: 'decision', 'pixel', 'shown' or 'refused'; and its `detail`
 * @property {'held'|'gone'|'refused'} [state] an event: waits, was handed on, or was not taken (`reason`)
 * @property {number} [gone] when it was handed on
 * @property {Map<object, {calls: object[], fault?: string}>} [sent] by slot: what the pixel called
 * @property {Map<object, string>} [kept] by slot: why the pixel did not get it, or sent nothing
 */

/**
 * Listens on `page` before anything runs. Each of the functions that it stands in front of is called once,
 * with what it was given, and its answer is handed back.
 *
 * @param {object} page see loader.js
 * @param {{q: Array}} stub the snippet's queue
 * @param {object} facts see consent/debug.py
 * @param {(slot: object) => string} whyNot in words, why a pixel gets nothing at this moment
 * @param {() => void} changed
 */
export function debugLog(page, stub, facts, whyNot, changed) {
  const slots = page.rack.slots.filter(({ gone }) => !gone).map(slotNotes);
  const scripts = new WeakMap(); // what a pixel has loaded -> 'loading', 'loaded' or 'failed'
  const log = { entries: [], slots, blocked: [], scripts, libraryOf };
  const byEvent = new WeakMap();
  const queued = (stub.q || []).map((call) => attempt(fromQueue, call)).filter(Boolean);
  const callers = []; // calls of `track` that are under way
  const known = new Set(); // pixels whose first state has been told
  let working; // calls of the pixel that is at work

  function slotNotes(slot, at) {
    const told = facts.pixels[at];
    return { slot, ...facts.platforms[told.platform], ...told, calls: [], sent: new Set() };
  }

  function add(entry) {
    log.entries.push({ at: Date.now(), ...entry });
    // An endless page may not fill the memory.
    if (log.entries.length > MOST) log.entries.shift();
    changed();
    return log.entries.at(-1);
  }

  // The parameters as the page gave them: those that events carry are in our types already.
  function given({ name, at, params }) {
    const open = callers.at(-1);
    if (open && open.name === name) return open.given;
    const index = queued.findIndex((one) => one.at === at && one.name === name);
    return index < 0 ? copied(params) : queued.splice(index, 1)[0].given;
  }

  function note(event, state, reason) {
    const { name, id, at } = event;
    const isText = typeof name == 'string';
    const entry = { kind: 'event', name: isText ? name : copied(name), id, at, given: given(event), state };
    byEvent.set(event, add({ ...entry, reason, sent: new Map(), kept: new Map() }));
  }

  page.on('event', (event) => note(event, 'held'));
  page.on('refused', ({ reason, event }) => {
    if (event && event.params) note(event, 'refused', reason);
    else add({ kind: 'moment', what: 'refused', detail: copied(event) });
  });
  page.on('pixel', ({ pixel, state }) => {
    const isFirst = !known.has(pixel);
    const last = log.entries.at(-1);
    known.add(pixel);
    // What a page begins with is in the list of pixels. What changes at once is one change.
    if (isFirst) changed();
    else if (last?.what == 'pixel' && last.state == state && Date.now() - last.at < 200) {
      last.detail.push(pixel);
    } else add({ kind: 'moment', what: 'pixel', state, detail: [pixel] });
  });
  page.on('decision', (detail) => add({ kind: 'moment', what: 'decision', detail: copied(detail) }));
  page.on('shown', (detail) => add({ kind: 'moment', what: 'shown', detail }));
  // Also where nothing is granted or taken: that something waits to be stored.
  inFront(page, 'settle', (own, ...rest) => {
    own(...rest);
    changed();
  });
  inFront(page.rack, 'deliver', (own, event) => {
    const entry = byEvent.get(event);
    if (entry) attempt(handOn, entry);
    try {
      return own(event);
    } finally {
      changed();
    }
  });
  for (const one of slots) {
    const { slot } = one;
    let { pixel } = slot;
    hearPixel(one, pixel);
    // A store's own code takes the place of the pixel that brought it, and is told what came meanwhile.
    Object.defineProperty(slot, 'pixel', {
      get: () => pixel,
      set(next) {
        pixel = next;
        takeBack(one, 'its code did not get it');
        attempt(() => hearPixel(one, next));
      },
    });
    inFront(slot.page, 'load', (own, url) => {
      const script = own(url);
      if (working) working.push({ path: 'load', given: [url] });
      attempt(() => watch(one, script));
      return script;
    });
  }
  window.pixelgate = new Proxy(window.pixelgate, {
    apply(own, self, [command, ...rest]) {
      const run = () => Reflect.apply(own, self, [command, ...rest]);
      return command === 'track' ? called(rest, run) : run();
    },
  });
  document.addEventListener('securitypolicyviolation', (event) => {
    const { blockedURI, effectiveDirective } = event;
    const isKnown = log.blocked.some((one) => one.url == blockedURI && one.directive == effectiveDirective);
    if (isKnown || event.disposition == 'report') return;
    log.blocked.push({ url: blockedURI, directive: effectiveDirective });
    changed();
  });
  return log;

  function handOn(entry) {
    entry.state = 'gone';
    entry.gone = Date.now();
    for (const one of slots) {
      if (one.slot.state != one.slot.started) entry.kept.set(one, whyNot(one.slot));
    }
  }

  function called([name, params], run) {
    callers.push(attempt(() => ({ name, given: copied(params) })));
    try {
      return run();
    } finally {
      callers.pop();
    }
  }

  function hearPixel(one, pixel) {
    for (const call of ['start', 'send', 'revoke', 'grant']) {
      // What is no pixel fails by itself.
      if (!pixel?.[call]) continue;
      inFront(pixel, call, (own, ...rest) => heardOf(one, call, rest, () => own(...rest)));
    }
  }

  // A pixel is at work: what it calls belongs to the event that it is given, or to the pixel itself.
  function heardOf(one, call, [name, , id], run) {
    const isSend = call == 'send';
    const calls = [];
    const done = { call, at: Date.now(), calls };
    const before = working;
    working = isSend && calls;
    try {
      return hearCalls(one.queues, run, (heard) => calls.push(heard));
    } catch (error) {
      done.fault = String(error);
      throw error;
    } finally {
      working = before;
      if (isSend) attempt(() => noteSent(one, done, name, id));
      else one.calls.push(done);
      if (call == 'revoke') attempt(revoked, one);
      changed();
    }
  }

  function noteSent(one, done, name, id) {
    // Own statistics have it before the others may, and then no more (ownstatistics.js).
    const isOpen = (entry) => one.slot.had || entry.state == 'gone';
    const isIt = (entry) => isOpen(entry) && entry.id === id && entry.name === name;
    const { sent, kept } = log.entries.find(isIt) || { sent: new Map(), kept: new Map() };
    const { calls, fault } = done;
    if (one.slot.had && !calls.length && sent.has(one)) return;
    // One call may be for every pixel of a platform.
    const isIts = (other) => other.platform == one.platform && sent.get(other)?.calls.length;
    const unheard = () => one.queues.length && !slots.some(isIts) && 'no call of it was heard';
    const why = !fault && !calls.length && (whyUnused(one, name) || unheard());
    if (why) return kept.set(one, why);
    kept.delete(one);
    sent.set(one, done);
    if (!fault) one.sent.add(name + id);
  }

  // What waits for a library that is not there is gone then. A store's own code is told it after a grant.
  function revoked(one) {
    const isQueued = one.queues.length || one.slot.pixel.calls;
    if (isQueued && /ing|fail/.test(libraryOf(one))) takeBack(one, 'withdrawn before its library came');
  }

  function takeBack(one, why) {
    for (const { sent, kept } of log.entries) if (sent?.delete(one)) kept.set(one, why);
    one.sent.clear();
  }

  // A library that several pixels share is loaded by the first of them.
  function libraryOf({ script, library }) {
    const address = (url) => url.split('?')[0];
    const first = slots.find((other) => other.script && address(other.library) == address(library));
    return scripts.get(script || first?.script) || '';
  }

  function watch(one, script) {
    one.script = script;
    if (scripts.has(script)) return;
    scripts.set(script, 'loading');
    for (const [name, word] of [['load', 'loaded'], ['error', 'failed']]) {
      script.addEventListener(name, () => {
        scripts.set(script, word);
        changed();
      });
    }
  }
}

function fromQueue([at, [command, name, params]]) {
  return command === 'track' && { at, name, given: copied(params) };
}

/** Puts `instead(own, ...given)` in front of a method; `own` keeps its `this`. */
function inFront(owner, name, instead) {
  const own = owner[name];
  owner[name] = (...given) => instead((...rest) => own.apply(owner, rest), ...given);
}
