// What happens on a page while the debug view is open: kept in memory, changed by nothing here.

import { attempt } from './attempt.js';
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
 * @property {Map<object, string>} [kept] by slot: why the pixel did not get it
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
  const log = { entries: [], slots: page.rack.slots.filter(({ gone }) => !gone).map(slotNotes), blocked: [], ours: new WeakSet() };
  const byEvent = new WeakMap();
  const queued = (stub.q || []).map((call) => attempt(fromQueue, call)).filter(Boolean);
  const callers = []; // calls of `track` that are under way
  const known = new Set(); // pixels whose first state has been told
  let delivering = null;

  function slotNotes(slot, at) {
    const { platform, id } = facts.pixels[at];
    return { slot, platform, id, ...facts.platforms[platform], calls: [], sent: 0, loading: '' };
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
  page.on('consent', changed);

  inFront(page.rack, 'deliver', (own, event) => {
    const before = delivering;
    delivering = byEvent.get(event);
    if (delivering) attempt(handOn, delivering);
    try {
      return own(event);
    } finally {
      delivering = before;
      changed();
    }
  });
  for (const one of log.slots) {
    for (const call of ['start', 'send', 'revoke', 'grant']) {
      inFront(one.slot.pixel, call, (own, ...rest) => heardOf(one, call, () => own(...rest)));
    }
    inFront(one.slot.page, 'load', (own, url) => {
      const script = own(url);
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
    for (const one of log.slots) {
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

  // A pixel is at work: what it calls belongs to the event that is handed on, or to the pixel itself.
  function heardOf(one, call, run) {
    const calls = [];
    const done = { call, at: Date.now(), calls };
    try {
      return hearCalls(one.queues, run, (heard) => calls.push(heard));
    } catch (error) {
      done.fault = String(error);
      throw error;
    } finally {
      if (call != 'send') one.calls.push(done);
      else if (delivering) delivering.sent.set(one, done);
      if (call == 'send' && !done.fault) one.sent++;
      changed();
    }
  }

  function watch(one, script) {
    log.ours.add(script);
    if (one.script == script) return;
    one.script = script;
    one.loading = 'loading';
    for (const [name, word] of [['load', 'loaded'], ['error', 'failed']]) {
      script.addEventListener(name, () => {
        one.loading = word;
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
