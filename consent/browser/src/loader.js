// The one script of a page: reads signals and decision, lets the state machine speak, and does what
// it says. The service puts in config, pixels, the parts that the store switched on, and on a first
// visit the choices. All by which a visitor chooses (banner, the post to the ledger) is in choices.js.

import { attempt } from './attempt.js';
import { tellTags } from './consentmode.js';
import { decide } from './decide.js';
import { decisionText, readDecision, writeText } from './decision.js';
import { eventQueue } from './events.js';
import { pixelRack } from './pixels.js';
import { shell } from './shell.js';
import { typed } from './typed.js';

/**
 * @param {object} config see consent/compose.py
 * @param {Array} pixels see pixels.js
 * @param {Array} parts [function (page, ...rest), ...rest], called before anything runs
 * @param {Function} [choices] what choices.js exports, when it came along
 * @param {object} [content] what stands on the first layer
 * @param {string} [hash] the whole content's SHA-256
 */
export function loader(config, pixels, parts, choices, content, hash) {
  const stub = window.pixelgate || {};
  const script = document.currentScript;
  // A second copy of the snippet, or an element of the page that calls itself currentScript.
  if (stub.on || !(script instanceof HTMLScriptElement)) return;
  const gpc = config.gpc || navigator.globalPrivacyControl === true;
  const base = script.src.split('/loader.js')[0];
  const listeners = [];
  const loaded = {};
  let decided;
  let text;
  let outcome;
  let told;
  // When the command that is heard was given: what waits keeps its own time.
  let said;

  function load(url) {
    if (loaded[url]) return loaded[url];
    const element = (loaded[url] = document.createElement('script'));
    element.nonce = script.nonce;
    element.src = stub.t ? stub.t.createScriptURL(url) : url;
    element.onerror = () => delete loaded[url];
    return document.head.appendChild(element);
  }

  function emit(name, detail) {
    for (const [heard, listener] of listeners) if (heard == name) attempt(listener, detail);
  }

  function refuse(reason, event) {
    console.warn('pixelgate:', reason, event);
    emit('refused', { reason, event });
  }

  const queue = eventQueue(refuse);
  const rack = pixelRack(pixels, config.regime.model, load, emit);

  const page = {
    config,
    gpc,
    base,
    rack,
    load,
    emit,
    on: (name, listener) => listeners.push([name, listener]),
    /** A script of our own; which of them there are, says consent/web/scripts.py. */
    fetch: (name) => load(`${base}/${name}.js?${config.language},${config.version}`),
    // `waits`: a grant that is not stored yet holds events back.
    decided: () => decided,
    outcome: () => outcome,
    /** Whether another tab, this page in another life, or time has changed the decision. */
    moved() {
      const moved = text != decisionText() || outcome.why != judge().why;
      if (moved) {
        page.settle(readDecision());
        // Not where the cookie went: whoever clears it may be on the way to another page.
        if (decided) page.renew();
      }
      return moved;
    },
    /** Loads the page anew where a library runs that nothing else stops. */
    renew() {
      const stale = (slot) => slot.reload && slot.started && slot.state != slot.started;
      if (rack.slots.some(stale)) location.reload();
    },
    /** Lets `decision` speak, or with none the one that there is. */
    settle(decision = decided) {
      decided = decision;
      text = decisionText();
      outcome = judge();
      const news = told != (told = JSON.stringify({ ...outcome, why: 0 }));
      if (news) attempt(tellTags, outcome);
      rack.apply(outcome, gpc || decided?.gpc);
      if (news) emit('consent', outcome.grants);
      flush();
    },
    atDesk,
  };

  const seated = new Promise((resolve) => (page.seat = resolve));

  function judge() {
    return decide(config, decided, gpc, Date.now() / 1000);
  }

  // Consent is looked at again at the moment of sending.
  function flush() {
    if (!page.moved() && !page.waits && outcome.show != 'banner') queue.flush(rack.deliver);
  }

  /** Calls `use` with the desk, which is fetched when it did not come along. */
  async function atDesk(use) {
    if (!page.view) return addEventListener('DOMContentLoaded', () => atDesk(use));
    if (!page.desk) choices ? choices(page, content, hash) : page.fetch('choices');
    use(await seated);
  }

  function show() {
    page.fetch('preferences');
    atDesk((desk) => desk.show());
  }

  function present() {
    page.view = shell(config, show);
    if (config.icon) page.fetch('optout');
    addEventListener('focusin', () => page.fetch('focus'));
    if (page.waits || outcome.why == 'gpc' || outcome.show != 'none') atDesk((desk) => desk.begin());
    const look = () => {
      page.view.attach();
      if (document.querySelector('[data-purpose]')) page.fetch('content');
    };
    new MutationObserver(look).observe(document, { childList: true, subtree: true });
    look();
  }

  const commands = {
    track(name, given) {
      const { event_id: id } = given || {};
      const event = { name, params: typed(given || {}), id, at: said };
      if (!queue.hold(event)) return;
      emit('event', event);
      flush();
    },
    show,
    // At once, and also when the service is away: an unreadable decision lets nothing run.
    withdraw() {
      const known = decided;
      writeText(config, '0.' + decided?.visitor, 1e8);
      page.settle('unreadable');
      page.renew();
      atDesk((desk) => desk.choose('withdraw', outcome.grants, [], known));
    },
    consent(listener) {
      page.on('consent', listener);
      attempt(listener, outcome.grants);
    },
    on: page.on,
    part: (part, ...rest) => part(page, ...rest),
  };

  const hear = (call) =>
    attempt(
      ([at, [command, ...rest]]) => {
        said = at;
        (commands[command] || refuse.bind(0, command))(...rest);
      },
      call,
    );

  function api(...call) {
    stub.q.push([Date.now(), call]);
  }

  function run() {
    window.pixelgate = api;
    stub.q ||= [];
    if (stub.debug) parts.push([stub.debug]);
    // Not before: a page that is made ready in advance is shown later, and much may happen until then.
    page.waits = (decided = readDecision())?.waits;
    for (const [part, ...rest] of parts) attempt(() => part(page, ...rest));
    page.settle();
    if (document.body) present();
    else addEventListener('DOMContentLoaded', present);
    // A task of its own: neither the banner nor a pixel's library waits for what the page has said.
    setTimeout(() => {
      // Also for what is said while we hear, which comes last.
      for (const call of stub.q) hear(call);
      stub.q = { push: hear };
      // Consent is looked at again whenever the page may have slept, or another tab has decided.
      addEventListener('visibilitychange', page.moved);
      addEventListener('pageshow', page.moved);
      // By the outbox of the window that has decided, where the browser does not tell of cookies.
      addEventListener('storage', page.moved);
      window.cookieStore?.addEventListener('change', page.moved);
    });
  }

  function begin() {
    // The debug view has to be there before the first event.
    if (location.search.includes('pixelgate=debug')) page.fetch('debug').onload = run;
    else run();
  }

  stub.on = api.on = true;
  if (document.prerendering) document.addEventListener('prerenderingchange', begin);
  else begin();
}
