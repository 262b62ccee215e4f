// All by which a visitor chooses: the first layer, the preferences, and what follows from a choice.
// Everything that is said here came as `content` from the service, so that the ledger can show it later.

import css from './choices.css';
import { el } from './el.js';
import { firstLayer } from './firstlayer.js';
import { grantsWhere, some } from './grants.js';
import { sendDecision, sendSeen, waiting, writeDecision } from './ledger.js';
import { newId } from './newid.js';
import { preferences } from './preferences.js';

/**
 * @param {object} page config, gpc, base, decided, outcome, settle, emit; see loader.js
 * @param {object} view the shell
 * @param {object} content see consent/compose.py
 */
export function choices(page, view, content) {
  const { config, gpc, base } = page;
  const { regime } = config;
  const locked = gpc && regime.wins ? config.gpcRefuses : [];
  const now = () => Math.floor(Date.now() / 1000);
  const status = el('p', { role: 'status', class: 'unseen' });
  view.style(css);
  view.root.append(status);
  const dialog = preferences(view, content, { grants: () => page.outcome().grants, locked, click });
  const first = firstLayer(view, content, { click, open: dialog.open });

  // A click on a button: the layers go, the choice takes effect, the focus stays with us.
  function click(action, keep) {
    const focused = view.root.activeElement;
    choose(action, grantsWhere(keep));
    status.textContent = content.saved;
    if (focused) view.entry.firstChild.focus({ preventScroll: true });
  }

  /** A choice. What it refuses holds at once; what it grants, when the ledger has it (rule 2). */
  function choose(action, wanted, decided = page.decided()) {
    const { grants: before } = page.outcome();
    const grants = grantsWhere((purpose) => wanted[purpose] && !locked.includes(purpose));
    const gained = grantsWhere((purpose) => grants[purpose] && !before[purpose]);
    const known = decided && decided.visitor ? decided : null;
    if (action == 'accept_all' && locked.length) action = 'save';
    if (known && some(known.grants) && !some(grants) && action != 'gpc') action = 'withdraw';
    const post = {
      id: newId(),
      visitor: known ? known.visitor : newId(),
      version: config.version,
      action,
      grants,
      language: config.language,
      banner: config.banner,
      gpc,
    };
    const kept = grantsWhere((purpose) => grants[purpose] && before[purpose]);
    page.waits = config.wait && some(gained);
    if (!page.waits) become(post, grants, now());
    else if (known || regime.model != 'opt-in') become(post, kept, now());
    leave();
    store(post);
  }

  function store(post) {
    sendDecision(base, post, (answer) => {
      page.waits = false;
      if (answer) become(post, post.grants, Math.floor(Date.parse(answer.at) / 1000));
      else page.settle();
    });
  }

  function become(post, grants, at) {
    const decision = { ...post, grants, at, model: regime.model };
    writeDecision(decision, some(grants) ? regime.accept : regime.refuse);
    page.settle(decision);
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
      const { record, grants, show } = page.outcome();
      view.entry.hidden = show != 'none';
      if (record) choose(record, grants);
      else if (show != 'none') {
        first.draw(show);
        sendSeen(base, config);
        page.emit('shown', show);
      }
    },
  };
}
