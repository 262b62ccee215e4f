// What the debug view says of states, in words. English only: developers and marketers read it.

import { listed } from './checks.js';
import { some } from './grants.js';
import { quoted, visible } from './shown.js';

const MODELS = {
  'opt-in': 'opt-in: nothing runs before a grant',
  'opt-out': 'opt-out: pixels run until the visitor objects',
  notice: 'notice: pixels run, and the visitor is told',
};
const SOURCES = {
  header: "by the CDN's header",
  database: 'by the address, in the database',
  none: 'not found, so the strictest rules apply',
};
const ACTIONS = {
  accept_all: 'accepted all',
  reject_all: 'refused all',
  save: 'saved a choice',
  close: 'closed the banner, which refuses',
  gpc: 'refused by Global Privacy Control',
  withdraw: 'withdrew',
};
const REFUSALS = {
  name: 'its name is no text of 1 to 60 letters, digits, spaces or . : -',
  'queue-full': '200 events wait already',
  duplicate: 'an event of this name and id came before',
};
const LIBRARIES = {
  loading: 'Its library is loading.',
  loaded: 'Its library is loaded.',
  blocked: "Its library is blocked by the page's Content-Security-Policy.",
  broken: 'Its code did not start; see the console.',
  failed: 'Its library did not load: an ad blocker, no network, or the vendor is away.',
};

const WAITING = {
  2: 'an accept waits to be stored; nothing runs until it is',
  0: 'a withdrawal waits to be stored; nothing runs',
};

export function date(seconds) {
  return new Date(seconds * 1000).toISOString().slice(0, 16).replace('T', ' ') + ' UTC';
}

export function clock(at) {
  const moment = new Date(at);
  if (!Number.isFinite(+moment)) return '--:--:--';
  return moment.toTimeString().slice(0, 8) + '.' + `${moment.getMilliseconds()}`.padStart(3, '0');
}

/** `Germany (DE)`, and how it was found. */
export function placeWords({ country, subdivision, source }) {
  if (!country) return ['Unknown', SOURCES.none];
  let name = country;
  try {
    name = new Intl.DisplayNames(['en'], { type: 'region' }).of(country);
  } catch {
    // a code that is no region's
  }
  return [`${name} (${subdivision || country})`, SOURCES[source]];
}

export function modelWords(model) {
  return MODELS[model] || model;
}

export function gpcWords(page) {
  const header = page.config.gpc ? 'header Sec-GPC' : '';
  const property = navigator.globalPrivacyControl === true ? 'property navigator.globalPrivacyControl' : '';
  const said = [header, property].filter(Boolean);
  if (!said.length) return 'off (neither header nor property)';
  return `on (${listed(said)}); refuses ${listed(page.config.off)}`;
}

// What waits to be stored beside no decision, as the cookie says it: see decision.js.
function waiting() {
  const texts = document.cookie.split('; ').filter((one) => one.startsWith('pixelgate='));
  return /^pixelgate=([02])\.[\da-f-]{36}$/.exec(texts)?.[1];
}

/** Why the outcome is what it is. */
export function whyWords(page) {
  const { regime } = page.config;
  const { why } = page.outcome();
  const open = regime.model != 'opt-in';
  const signal = page.decided()?.gpc;
  const words = {
    regime: `no decision yet; this regime ${open ? 'lets pixels run until a refusal' : 'asks first'}`,
    decided: `the visitor's decision holds${signal ? ', made with Global Privacy Control on' : ''}`,
    unreadable: WAITING[waiting()] || 'the cookie cannot be read, so nothing runs until the next choice',
    expired: 'the decision is too old, so it is asked anew',
    'unknown-version': 'the decision names a version that this page does not know',
    'stricter-regime': 'the decision was made under a laxer regime',
    'version-changed': 'pixels or purposes have changed since the decision',
    gpc: `Global Privacy Control refuses ${listed(page.config.off)}`,
  };
  return words[why] || why;
}

/** The decision, as rows of [term, text]. */
export function decisionRows(page) {
  const decided = page.decided();
  const outcome = page.outcome();
  const { grants, refused } = outcome;
  const on = Object.keys(grants).filter((purpose) => grants[purpose]);
  const off = Object.keys(grants).filter((purpose) => !grants[purpose]);
  const rows = [
    ['Granted', listed(on) || 'nothing'],
    ['Denied', listed(off) || 'nothing'],
    ['Because', whyWords(page)],
    ['Shown', outcome.show == 'none' || page.waits ? 'nothing; the way back in stays' : `the ${outcome.show}`],
  ];
  if (refused.length) rows.splice(2, 0, ['Refused one by one', listed(refused)]);
  if (page.waits) rows.push(['Waits', 'on its way to the ledger; what it grants holds once it is stored']);
  // An unreadable one is a text.
  if (decided?.id) {
    const { regime } = page.config;
    const days = some(decided.grants) ? regime.accept : regime.refuse;
    rows.push(
      ['Made', `${date(decided.at)}, version ${decided.version}, under ${decided.model}`],
      ['Holds until', `${date(decided.at + days * 86400)} (${days} days)`],
      ['Visitor', decided.visitor],
      ['Decision', decided.id],
    );
  }
  return rows;
}

/** The decision on one line. */
export function decisionLine(page) {
  const outcome = page.outcome();
  if (!outcome) return 'not looked at yet';
  const on = Object.keys(outcome.grants).filter((purpose) => outcome.grants[purpose]);
  const isAll = on.length == Object.keys(outcome.grants).length;
  return `${isAll ? 'all' : listed(on) || 'nothing'} granted; ${whyWords(page)}`;
}

/** Why a pixel gets nothing at this moment; empty when it does. */
export function whyNot(page, slot) {
  const outcome = page.outcome();
  if (!outcome) return 'nothing has been decided yet';
  if (slot.started && slot.state == slot.started) return '';
  if (slot.started && slot.state != 'blocked') return 'the other mode begins with the next page';
  if (slot.state != 'blocked') return 'its start failed';
  if (outcome.refused.includes(slot.name)) return 'the visitor refused this service by itself';
  const { off: gpcRefuses } = page.config;
  const denied = slot.purposes.filter((one) => one != 'necessary' && !outcome.grants[one]);
  const what = listed(denied);
  if (outcome.show == 'banner') return `${what} is not granted: ${whyWords(page)}`;
  if (page.waits) return 'the decision is not stored yet';
  const decided = page.decided();
  const signal = page.gpc || (decided && decided.gpc);
  const bySignal = signal && denied.every((one) => gpcRefuses.includes(one));
  return `${bySignal ? 'Global Privacy Control refuses' : 'the visitor refused'} ${what}`;
}

/** Why a pixel that runs sends nothing for an event; empty when it does. The rule is sending.py's. */
export function whyUnused({ name, events, unsent, labels, takes }, event) {
  if (unsent.includes(event)) return `${name} has no use for ${event}`;
  if (!takes || Object.hasOwn(events, event) || labels.includes(event)) return '';
  if (takes == 'labels') return `no label for ${event} in the store's pixel`;
  if (takes == 'named') return `${name} takes no custom events`;
  return 'its script asks for events itself, which is not listened to';
}

/** A pixel's state: a word, a kind for the colour, and a sentence. */
export function stateWords(page, one) {
  const { slot, sent } = one;
  const outcome = page.outcome();
  const why = whyNot(page, slot);
  const count = `${sent.size} event${sent.size == 1 ? '' : 's'}`;
  const fired = `${count} ${isLate(one) ? 'in its queue' : 'sent'}.`;
  if (!why && isLost(one)) {
    return { word: 'Not loaded', kind: 'error', text: `${count} in its queue, where they stay.` };
  }
  if (!why) {
    const limited = slot.state == 'limited';
    const place = limited ? ' The vendor is told to use the data in its limited mode.' : '';
    return { word: limited ? 'Limited' : 'Runs', kind: limited ? 'limited' : 'run', text: fired + place };
  }
  const holds = outcome && slot.state == 'blocked' && (outcome.show == 'banner' || page.waits);
  const word = holds ? 'Held' : 'Blocked';
  const before = slot.started ? ` It ran on this page and was withdrawn; ${fired}` : '';
  return { word, kind: holds ? 'held' : 'blocked', text: `${word}: ${why}.${before}` };
}

// Whether what a pixel was given lies in a queue that nobody reads, or nobody reads yet.
const isLost = ({ library_state: state }) => /failed|blocked|broken/.test(state);
const isLate = (one) => one.library_state == 'loading' || isLost(one);

export function libraryWords(library) {
  return LIBRARIES[library] || '';
}

/** An event's way, as far as `slots` are concerned: a word, a kind for the colour, and a sentence. */
export function eventWords(page, entry, slots) {
  if (entry.state == 'refused') {
    const why = REFUSALS[entry.reason] || entry.reason;
    return { word: 'Refused', kind: 'blocked', text: `Not taken: ${why}.` };
  }
  if (entry.state == 'held') {
    const until = page.waits || waiting() == 2 ? 'the decision is stored' : 'the visitor chooses';
    return { word: 'Held', kind: 'held', text: `Waits until ${until}. After a refusal it is gone.` };
  }
  const given = slots.filter((one) => entry.sent.has(one) && !entry.sent.get(one).fault);
  const count = given.length;
  if (!count) {
    const why = slots.length ? 'no pixel got it' : 'no pixel is registered';
    return { word: 'Dropped', kind: 'blocked', text: `Gone: ${why}.` };
  }
  const all = count > 1 ? `all ${count}` : slots[0].name;
  const to = count < slots.length ? `${count} of ${slots.length}` : all;
  const late = given.filter(isLate);
  if (!late.length) return { word: `Sent to ${to}`, kind: 'run', text: '' };
  const [kind, yet] = late.some(isLost) ? ['error', ''] : ['held', ' yet'];
  return { word: `Handed to ${to}, ${late.length} not loaded${yet}`, kind, text: '' };
}

/** What is to be said of an event that was handed on and one pixel, besides its calls. */
export function pixelWords({ sent, kept }, one) {
  const done = sent.get(one);
  if (!done) return `Not sent: ${kept.get(one) || 'its code failed'}.`;
  if (done.fault) return `Its code failed: ${visible(done.fault)}`;
  const said = isLate(one) ? [libraryWords(one.library_state)] : [];
  if (!one.queues.length) said.push('Its calls are its own and are not listened to.');
  else if (!done.calls.length) said.push('No call of its own: that of another pixel is for both.');
  return said.join(' ');
}

/** What happened besides events; `names`: of platforms, by key. */
export function momentWords({ what, state, detail }, names) {
  if (what == 'shown') return `Shown: the ${visible(String(detail))}`;
  if (what == 'refused') {
    return `Not a command: ${quoted(detail)}; known are track, show, consent, on and withdraw`;
  }
  if (what == 'pixel') {
    const word = { run: 'may run', limited: 'may run in the limited mode', blocked: 'blocked' }[state];
    return `${listed(detail.map((key) => names[key] || visible(String(key))))}: ${word || state}`;
  }
  const on = Object.keys(detail.grants || {}).filter((purpose) => detail.grants[purpose]);
  const action = ACTIONS[detail.action] || quoted(detail.action);
  return `Decision: the visitor ${action}; ${listed(on) || 'nothing'} granted`;
}

/** What Google's tags were told last, from the commands in dataLayer; null when nothing. */
export function googleConsent() {
  const told = {};
  for (const command of Array.isArray(window.dataLayer) ? window.dataLayer : []) {
    if (command && command[0] === 'consent' && command[2]) Object.assign(told, command[2]);
  }
  const types = Object.keys(told).filter((type) => /^(granted|denied)$/.test(told[type]));
  const having = (word) => types.filter((type) => told[type] == word);
  return types.length ? { granted: having('granted'), denied: having('denied') } : null;
}

/** A page-wide warning: a tag that nobody holds back. */
export function strangerWords({ url, names, registered, isContainer }) {
  const what = names.join(' or ');
  const todo = isContainer
    ? 'it loads tags by itself; move those that are registered here out of it'
    : registered
      ? 'it fires without a decision and beside the registered pixel; take it out of the page'
      : 'it fires without a decision; register it in this store and take it out of the page';
  return `${visible(url).slice(0, 200)} is ${what}, not loaded by Pixelgate; ${todo}`;
}
