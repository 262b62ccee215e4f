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
import { typed } from './typed.js';

/**
 * @param {object} config see consent/compose.py
 * @param {Array} pixels see pixels.js
 * @param {Function} [choices] what choices.js exports, when it came along
 * @param {object} [content] what stands in the banner
 * @param {string} [hash] the content's SHA-256
 */
export function loader(config, pixels, choices, content, hash) {
  const stub = window.pixelgate || {};
  const script = document.currentScript;
  // A second copy of the snippet, or an element of the page that calls itself currentScript.
  if (stub.on || !(script instanceof HTMLScriptElement)) return;
  stub.on = true;
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

  const queue = eventQueue((reason, event) => console.debug('pixelgate:', reason, event));
  const rack = pixelRack(pixels, config.regime.model, load, (pixel, state) => {
    emit('pixel', { pixel, state });
    console.debug('pixelgate:', pixel, state, outcome.why);
  });

  const page = {
    config,
    gpc,
    base: script.src.replace(/\/loader\.js.*/, ''),
    emit,
    /** A grant that is not stored yet holds events back. */
    waits: unsent(),
    decided: () => decided,
    outcome: () => outcome,
    /** Whether another tab, or this page in another life, has decided since. Then that holds. */
    moved() {
      const moved = text != decisionText();
      if (moved) page.settle(readDecision());
      return moved;
    },
    /** Lets `decision` speak, or with none the one that there is. */
    settle(decision = decided) {
      decided = decision;
      text = decisionText();
      outcome = decide(config, decided, gpc, Date.now() / 1000);
      attempt(tellTags, outcome.grants);
      rack.apply(outcome, gpc || (decided && decided.gpc));
      flush();
    },
  };

  function flush() {
    page.moved();
    if (outcome.show != 'banner' && !page.waits) queue.flush(rack.deliver);
  }

  /** Calls `use` with the choices, which are fetched when they did not come along. */
  function atDesk(use) {
    if (!view) return addEventListener('DOMContentLoaded', () => atDesk(use));
    const sit = (...parts) => {
      view.attach();
      use((desk ||= parts[0](page, view, parts[1], parts[2])));
    };
    if (desk || choices) return sit(choices, content, hash);
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
      const { event_id: id = newId() } = given || {};
      queue.hold({ name, params: typed(given || {}), id: String(id), at });
      flush();
    },
    show: () => atDesk((desk) => desk.show('choices')),
    // At once, and also when the service is away: an unreadable decision lets nothing run.
    withdraw() {
      const known = decided;
      document.cookie = 'pixelgate=0; Path=/; Max-Age=31536000';
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
    if (commands[command] instanceof Function) attempt(() => commands[command](...rest));
    else console.warn('pixelgate: no command', command);
  }

  function run() {
    api.on = true;
    window.pixelgate = api;
    page.settle();
    if (document.body) present();
    else addEventListener('DOMContentLoaded', present);
    for (const call of stub.q || []) {
      attempt(([at, [command, name, params]]) => api(command, name, params, at), call);
    }
    // Consent is looked at again whenever the page may have slept.
    addEventListener('pageshow', page.moved);
    document.addEventListener('visibilitychange', page.moved);
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
