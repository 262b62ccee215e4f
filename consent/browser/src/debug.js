// The debug view: what fires on this page, what does not, and why. It listens and shows; it stores
// nothing, changes nothing that fires, and sends nothing but a test event that someone asks for.
// Fetched only for `?pixelgate=debug`.

import { attempt } from './attempt.js';
import { checks, listed } from './checks.js';
import { debugLog } from './debuglog.js';
import { addProducts, countRequests, covers, hostOf, strangers } from './debugpage.js';
import { debugText } from './debugtext.js';
import { debugView } from './debugview.js';
import { stayOpen, stays } from './debugstay.js';
import { decisionLine, decisionRows, googleConsent, gpcWords, modelWords } from './debugwords.js';
import { placeWords, stateWords, strangerWords, whyNot } from './debugwords.js';

const SOON = 100; // milliseconds between a change and its drawing

/**
 * @param {object} page see loader.js
 * @param {object} stub the snippet's `pixelgate`, whose queue has not been run yet
 * @param {object} facts see consent/debug.py
 */
export function debug(page, stub, facts) {
  const products = new Set();
  const unheld = []; // tags that nobody holds back
  const judgedAt = new WeakMap(); // entry -> how many products were known, and its flags
  let due;
  const log = debugLog(page, stub, facts, (slot) => whyNot(page, slot), soon);
  const { platforms } = facts;
  const keys = [...new Set(log.slots.map((one) => one.platform))];
  const registered = keys.map((key) => ({ key, ...platforms[key] }));
  const ofKeys = Object.fromEntries(registered.map((one) => [one.key, one]));
  const requests = countRequests(ofKeys, soon);
  const twice = (one) => log.slots.filter((other) => other.platform == one.platform).length > 1;
  for (const one of log.slots) one.label = twice(one) ? `${one.name} ${one.id}` : one.name;
  const isThere = (path) => !path.includes('.') && path in window;
  const early = registered.filter(({ queues }) => queues.some(isThere));

  const report = {
    slots: log.slots,
    entries: log.entries,
    standard: facts.events,
    names: Object.fromEntries(registered.map(({ key, name }) => [key, name])),
    stays: stays(),
    stay: stayOpen,
    counts,
    problems,
    visitor,
    decision,
    flagsOf,
  };
  const view = debugView(page, report, () => debugText(page, report, facts));

  function soon() {
    due ||= setTimeout(() => {
      due = 0;
      attempt(look);
      attempt(view.draw);
    }, SOON);
  }

  function look() {
    addProducts(products);
    const isOurs = (script) => log.scripts.has(script) || script.src.startsWith(page.base + '/');
    const isStarted = (key) => log.slots.some((one) => one.platform == key && one.slot.started);
    unheld.push(...strangers(platforms, isOurs, isStarted));
    for (const one of log.slots) {
      one.library_state = libraryOf(one);
      one.requests = requests[one.platform] || 0;
    }
    view.attach();
  }

  function libraryOf(one) {
    const { slot, library } = one;
    const state = slot.started ? log.libraryOf(one) : '';
    // A store's own code has not taken its place.
    const isBroken = !library && slot.pixel.calls && slot.state == slot.started;
    if (state == 'loaded' && isBroken) return 'broken';
    const host = hostOf(library);
    const isIt = ({ url, directive }) => directive.startsWith('script') && hostOf(url) == host;
    return state == 'failed' && log.blocked.some(isIt) ? 'blocked' : state;
  }

  /** @returns {import('./checks.js').Flag[]} those that concern `shown`, errors first */
  function flagsOf(entry, shown = log.slots) {
    if (entry.kind != 'event') return [];
    let judged = judgedAt.get(entry);
    if (!judged || judged.size != products.size) {
      const before = log.entries.slice(0, log.entries.indexOf(entry));
      const earlier = before.filter(({ kind, state }) => kind == 'event' && state != 'refused');
      const around = { standard: facts.events, platforms: registered, earlier, products: [...products] };
      judged = { size: products.size, flags: attempt(() => checks(entry, around)) || [] };
      judgedAt.set(entry, judged);
    }
    const isShown = (key) => shown.some(({ platform }) => platform == key);
    return judged.flags.filter((one) => !one.platforms || one.platforms.some(isShown));
  }

  /** What is wrong on the page as a whole. */
  function problems(shown) {
    const found = unheld.map((one) => ({ level: 'warning', where: 'script', text: strangerWords(one) }));
    for (const { name, queues, key } of early) {
      if (!shown.some((one) => one.platform == key)) continue;
      const text = `was there before Pixelgate ran: another copy of ${name} is on the page; take it out`;
      found.push({ level: 'warning', where: queues[0], text });
    }
    for (const { url, directive } of log.blocked) {
      const host = hostOf(url);
      const who = shown.filter((one) => one.every.some((pattern) => covers(pattern, host)));
      if (!who.length && !url.startsWith(new URL(page.base).origin)) continue;
      const what = listed([...new Set(who.map((one) => one.name))]) || 'Pixelgate';
      const text = `blocks ${host}, which ${what} needs; add it to the page's policy`;
      found.push({ level: 'error', where: `Content-Security-Policy, ${directive}`, text });
    }
    for (const one of shown) {
      if (one.library_state == 'failed') {
        const text = 'its library did not load; switch the ad blocker off here, or look at the network';
        found.push({ level: 'error', where: one.label, text });
      }
      for (const { call, fault } of one.calls) {
        const text = `its code failed with ${fault}; see the console`;
        if (fault) found.push({ level: 'error', where: `${one.label}, ${call}`, text });
      }
    }
    return found;
  }

  function counts() {
    const kinds = log.slots.map((one) => stateWords(page, one).kind);
    const number = (count, word) => `${count} ${word}${count == 1 ? '' : 's'}`;
    const flags = [...log.entries.flatMap((one) => flagsOf(one)), ...problems(log.slots)];
    const said = [];
    for (const kind of ['run', 'limited', 'held', 'blocked']) {
      const count = kinds.filter((one) => one == kind).length;
      if (count) said.push([kind, `${count} ${kind == 'run' ? 'running' : kind}`]);
    }
    for (const level of ['error', 'warning']) {
      const count = flags.filter((one) => one.level == level).length;
      if (count) said.push([level, number(count, level)]);
    }
    return said;
  }

  function visitor() {
    const { regime, place, version } = facts;
    const [where, how] = placeWords(place);
    return {
      summary: `${where}; ${regime.name}, ${regime.model}`,
      facts: [
        ['Place', `${where}, ${how}`],
        ['Regime', `${regime.name} (${regime.id})`],
        ['Model', modelWords(regime.model)],
        ['Why', regime.why],
        ['Law', regime.law, regime.source],
        ['Reviewed', `${regime.reviewed}, ${regime.confidence}`],
        ['Asks again', `${regime.accept_days} days after a grant, ${regime.refuse_days} after a refusal`],
        ['GPC', gpcWords(page)],
        ['Language', page.config.language],
        ['Version', `${version} of ${facts.store}`],
      ],
    };
  }

  function decision() {
    if (!page.outcome()) return { summary: decisionLine(page), facts: [] };
    const rows = decisionRows(page);
    const google = googleConsent();
    const told = google && ['granted', 'denied'].filter((word) => google[word].length);
    if (google) rows.push(['Told to Google', told.map((word) => `${word}: ${listed(google[word])}`)]);
    const made = page.decided();
    const receipt = made && made.id && `${page.base}/receipts/${made.id}`;
    return {
      summary: decisionLine(page),
      facts: rows.map(([term, text]) => [term, text, term == 'Decision' && receipt]),
    };
  }

  function begin() {
    soon();
    new MutationObserver(soon).observe(document, { childList: true, subtree: true });
  }

  if (document.body) begin();
  else addEventListener('DOMContentLoaded', begin);
  addEventListener('load', soon);
}
