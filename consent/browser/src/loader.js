// The one script of a page: reads signals and decision, lets the state machine speak, and does what
// it says. The service puts in config, pixels and, on a first visit, the choices. All by which a
// visitor chooses (banner, preferences, the post to the ledger) is in choices.js.

import { tellTags } from './consentmode.js';
import { decide } from './decide.js';
import { decisionText, readDecision } from './decision.js';
import { eventQueue } from './events.js';
import { grantsWhere } from './grants.js';
import { newId } from './newid.js';
import { pixelRack } from './pixels.js';
import { shell } from './shell.js';

/**
 * @param {object} config see consent/compose.py
 * @param {Array} pixels see pixels.js
 * @param {Function} [choices] what choices.js exports, when it came along
 * @param {object} [content] what stands in the banner
 */
export function loader(config, pixels, choices, content) {
  const stub = window.pixelgate || {};
  if (stub.on) return; // a second copy of the snippet
  const script = document.currentScript;
  const gpc = config.gpc || navigator.globalPrivacyControl === true;
  const listeners = [];
  let decided = readDecision();
  let text = decisionText();
  let outcome;
  let desk;
  let view;

  function load(url) {
    if (load[url]) return load[url];
    const element = (load[url] = document.createElement('script'));
    element.nonce = script.nonce;
    element.src = url;
    return document.head.appendChild(element);
  }

  function emit(name, detail) {
    for (const [wanted, listener] of listeners) if (wanted == name) attempt(listener, detail);
  }

  const queue = eventQueue((reason, event) => console.debug('pixelgate: not sent:', reason, event));
  const rack = pixelRack(pixels, config.regime.model, load, (pixel, state) => {
    emit('pixel', { pixel, state });
    console.debug('pixelgate:', pixel, state, outcome.why);
  });

  const page = {
    config,
    gpc,
    base: script.src.replace(/\/loader\.js.*/, ''),
    /** A grant that is not stored yet holds events back. */
    waits: unsent(),
    emit,
    decided: () => decided,
    outcome: () => outcome,
    /** Lets `decision` speak, or with none the one that there is. */
    settle(decision = decided) {
      decided = decision;
      text = decisionText();
      outcome = decide(config, decided, gpc, Date.now() / 1000);
      tellTags(outcome.grants);
      rack.apply(outcome, gpc);
      flush();
    },
  };

  function flush() {
    // Another tab may have decided, or the page slept: consent is looked at when it is used.
    if (text != decisionText()) page.settle(readDecision());
    if (outcome.show != 'banner' && !page.waits) queue.flush(rack.deliver);
  }

  /** Calls `use` with the choices, which are fetched when they did not come along. */
  function atDesk(use) {
    if (!view) return addEventListener('DOMContentLoaded', () => atDesk(use));
    const sit = (choices, content) => use((desk ||= choices(page, view, content)));
    if (desk || choices) return sit(choices, content);
    commands.ui = sit;
    const url = `${page.base}/choices.js?l=${config.language}`;
    load(url).onerror = () => delete load[url];
  }

  function present() {
    const open = () => atDesk((desk) => desk.show('choices'));
    view = shell(config, gpc && config.regime.model != 'opt-in', open);
    view.entry.hidden = !page.waits && outcome.show != 'none';
    if (page.waits || outcome.record || outcome.show != 'none') atDesk((desk) => desk.begin());
  }

  const commands = {
    track(name, given, at = Date.now()) {
      const params = given || {};
      queue.hold({ name, params, id: String(params.event_id || newId()), at });
      flush();
    },
    show: () => atDesk((desk) => desk.show('choices')),
    // At once, and also when the service is away: an unreadable decision lets nothing run.
    withdraw() {
      const known = decided;
      document.cookie = 'pixelgate=0; Path=/; Max-Age=31536000; SameSite=Lax';
      page.settle('unreadable');
      atDesk((desk) => desk.choose('withdraw', outcome.grants, known));
    },
    consent(listener) {
      listeners.push(['consent', listener]);
      attempt(listener, outcome.grants);
    },
    on: (name, listener) => listeners.push([name, listener]),
  };

  function api(command, ...rest) {
    if (commands[command] instanceof Function) commands[command](...rest);
    else console.warn('pixelgate: no command', command, Object.keys(commands));
  }

  function run() {
    api.on = true;
    window.pixelgate = api;
    page.settle();
    for (const [at, [command, name, params]] of stub.q || []) api(command, name, params, at);
    if (document.body) present();
    else addEventListener('DOMContentLoaded', present);
  }

  if (document.prerendering) document.addEventListener('prerenderingchange', run);
  else run();
}

// The shop's own listeners must not stop us, nor we the shop.
function attempt(listener, detail) {
  try {
    listener(detail);
  } catch (error) {
    console.error(error);
  }
}

function unsent() {
  try {
    return !!localStorage.pixelgate;
  } catch {
    return false;
  }
}
