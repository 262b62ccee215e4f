// All by which a visitor chooses: the first layer, the preferences, and what follows from a choice.
// Everything that is said here came as `content` from the service, so that the ledger can show it later.

import css from './choices.css';
import { el } from './el.js';
import { firstLayer } from './firstlayer.js';
import { PURPOSES, grantsWhere, some } from './grants.js';
import { sendDecision, sendSeen, waiting, writeDecision } from './ledger.js';
import { newId } from './newid.js';
import { preferences } from './preferences.js';
import { sweep } from './sweep.js';

/**
 * @param {object} page config, gpc, base, decided, outcome, settle, emit; see loader.js
 * @param {object} view the shell
 * @param {object} content see consent/compose.py
 * @param {string} hash the content's SHA-256
 */
export function choices(page, view, content, hash) {
  const { config, gpc, base } = page;
  const { regime } = config;
  const locked = gpc && regime.wins ? config.gpcRefuses : [];
  const now = () => Math.floor(Date.now() / 1000);
  let asked;
  let visitor;
  const status = el('p', { role: 'status', class: 'unseen' });
  view.style(css + (content.accent ? `:host{--pg-accent:${content.accent}}` : ''));
  view.root.append(status);
  const dialog = preferences(view, content, { grants: () => page.outcome().grants, locked, click });
  const first = firstLayer(view, content, { click, open: dialog.open });

  // A click on a button: the layers go, the choice takes effect, the focus stays with us.
  function click(action, keep) {
    const focused = view.root.activeElement;
    status.textContent = content.waiting;
    choose(action, grantsWhere(keep));
    if (focused) view.entry.firstChild.focus({ preventScroll: true });
  }

  /** A choice. What it refuses holds at once; what it grants, when the ledger has it (rule 2). */
  function choose(action, wanted, decided = page.decided()) {
    const { grants: before } = page.outcome();
    const grants = grantsWhere((purpose) => wanted[purpose] && !locked.includes(purpose));
    const gained = grantsWhere((purpose) => grants[purpose] && !before[purpose]);
    const known = decided && decided.visitor ? decided : null;
    if (action == 'accept_all' && locked.length) action = 'save';
    if (known && some(before) && !some(grants) && action != 'gpc') action = 'withdraw';
    visitor = known ? known.visitor : visitor || newId();
    const post = {
      id: newId(),
      visitor,
      version: config.version,
      action,
      grants,
      language: config.language,
      banner: hash,
      gpc,
      model: regime.model,
    };
    const kept = grantsWhere((purpose) => grants[purpose] && before[purpose]);
    page.waits = config.wait && some(gained);
    store(post);
    if (!page.waits) become(post, grants, now());
    else if (known || regime.model != 'opt-in') become(post, kept, now());
    leave();
  }

  function store(post) {
    const done = (answer) => {
      page.waits = false;
      const at = answer && Math.floor(Date.parse(answer.at) / 1000);
      if (page.moved()) return; // another tab has decided since
      if (answer) become(post, post.grants, at);
      else page.settle();
      if (status.textContent) status.textContent = answer ? content.saved : '';
      ask();
    };
    sendDecision(base, post, done);
  }

  function become(post, grants, at) {
    const decision = { ...post, grants, at };
    const old = page.decided();
    if (old == 'unreadable') sweep({ c: ['pixelgate'] });
    writeDecision(decision, some(grants) ? regime.accept : regime.refuse);
    page.settle(decision);
    // The receipt of what already holds brings the server's time and nothing else.
    if (old && old.id == post.id && !PURPOSES.some((p) => old.grants[p] != grants[p])) return;
    page.emit('decision', decision);
    page.emit('consent', page.outcome().grants);
    const event = new CustomEvent('pixelgate:decision', { bubbles: true, detail: decision });
    document.dispatchEvent(event);
  }

  function leave() {
    first.close();
    dialog.close();
    view.entry.hidden = false;
  }

  function ask() {
    const { show } = page.outcome();
    view.entry.hidden = show != 'none';
    if (show == 'none' || asked) return;
    asked = true;
    first.draw(show);
    sendSeen(base, config);
    page.emit('shown', show);
  }

  return {
    choose,
    show: dialog.open,
    /** What a page begins with: a post that waited, the signal's own decision, or a question. */
    begin() {
      const post = waiting();
      if (post) return store(post);
      if (page.waits) {
        page.waits = false;
        page.settle();
      }
      const { record, grants } = page.outcome();
      if (record) choose(record, grants);
      else ask();
    },
  };
}
