// All by which a visitor chooses: the first layer, the way to the second, and what follows from a choice.
// Everything that is said here came as `content` from the service, so that the ledger can show it later.

import css from './choices.css';
import { decisionText, readDecision, writeText } from './decision.js';
import { el } from './el.js';
import { firstLayer } from './firstlayer.js';
import { PURPOSES, grantsWhere, some } from './grants.js';
import { sendDecision, sendSeen, waiting, writeDecision } from './ledger.js';
import { newId } from './newid.js';
import { expire } from './sweep.js';

const DAY = 86400; // seconds
const PATIENCE = 1500; // milliseconds

/**
 * @param {object} page see loader.js
 * @param {object} content see consent/compose.py
 * @param {string} hash the content's SHA-256
 */
export function choices(page, content, hash) {
  const { config, gpc, view } = page;
  const { regime } = config;
  const locked = gpc && regime.wins ? config.off : [];
  const now = () => Math.floor(Date.now() / 1000);
  const days = ({ grants }) => (some(grants) ? regime.accept : regime.refuse);
  let asked;
  let told = page.decided()?.id && said(page.decided());
  let visitor;
  let wantsSecond;
  let back;
  // The decision on which a post's answer may build. Another one is another tab's, made since.
  let standing = page.decided();
  const status = el('p', { role: 'status', class: 'unseen' });
  view.style(css);
  view.root.append(status);
  const first = firstLayer(view, content, { click, open, near: () => page.fetch('preferences') });
  /** What the second layer works with. */
  const desk = {
    content,
    locked,
    click,
    choose,
    show: open,
    begin,
    refresh,
    seatSecond(second) {
      desk.second = second;
      if (wantsSecond) second.open();
    },
  };

  // What of the shop's had the focus before we took it.
  function remember() {
    const { activeElement } = document;
    if (activeElement != document.body && activeElement.shadowRoot != view.root) back = activeElement;
  }

  function open() {
    wantsSecond = true;
    remember();
    if (desk.second) desk.second.open();
    else page.fetch('preferences');
  }

  // A click on a button: the choice takes effect, the layers go, the focus goes where it was.
  function click(action, keep, refused = []) {
    const focused = view.root.activeElement;
    status.textContent = content.waiting;
    choose(action, grantsWhere(keep), refused);
    const next = back && back.isConnected ? back : view.entry.firstChild;
    if (focused) next.focus({ preventScroll: true });
    back = null;
  }

  /**
   * A choice. What it refuses holds at once; what it grants, when the ledger has it (rule 2).
   * `refused`: platforms that stay off though their purposes are granted.
   */
  function choose(action, wanted, refused, decided = page.decided()) {
    const before = page.outcome();
    const grants = grantsWhere((purpose) => wanted[purpose] && !locked.includes(purpose));
    const gains =
      PURPOSES.some((purpose) => grants[purpose] && !before.grants[purpose]) ||
      before.refused.some((one) => !refused.includes(one));
    const known = decided && decided.visitor ? decided : null;
    if (action == 'accept_all' && locked.length) action = 'save';
    if (known && some(before.grants) && !some(grants) && action != 'gpc') action = 'withdraw';
    visitor = known ? known.visitor : visitor || newId();
    const pixels = {};
    for (const { name, purposes, gone } of page.rack.slots) {
      if (!gone) pixels[name] ||= purposes.every((purpose) => grants[purpose]) && !refused.includes(name);
    }
    const post = {
      id: newId(),
      visitor,
      version: config.version,
      action,
      grants,
      pixels,
      language: config.language,
      banner: hash,
      gpc,
      model: regime.model,
      refused,
      at: now(),
    };
    const kept = grantsWhere((purpose) => grants[purpose] && before.grants[purpose]);
    const off = [...new Set([...refused, ...before.refused])];
    page.waits = !config.hasty && gains;
    standing = page.decided();
    store(post);
    if (!page.waits) become(post, grants, refused, now(), true);
    else if (known || regime.model != 'opt-in') become(post, kept, off, now(), true);
    else if (!decisionText()) {
      // Nothing holds yet, and so it stays. The next page is told that something waits.
      writeText(config, '2.' + visitor, DAY);
      page.settle(readDecision());
      standing = page.decided();
    }
    leave();
  }

  async function store(post) {
    const done = (answer) => {
      const moved = page.moved() || page.decided() != standing;
      const at = answer && Math.floor(Date.parse(answer.at) / 1000);
      page.waits = false;
      // What changed may also be this decision, set by the service itself.
      if (moved && page.decided()?.id != post.id) return page.settle();
      if (answer) become(post, post.grants, post.refused || [], at);
      else nothingWaits();
      if (status.textContent) status.textContent = answer ? content.saved : '';
      proceed();
    };
    // Not again once another tab has decided since.
    const stands = () => (!page.moved() && page.decided() == standing) || page.decided()?.id == post.id;
    // What nothing stops does not wait for a service that does not answer: the next page posts anew.
    const late = setTimeout(() => page.renew(), PATIENCE);
    await sendDecision(page, post, done, stands);
    clearTimeout(late);
    page.renew();
  }

  // `waits`: the ledger does not have it yet, which the next page is told by the cookie.
  function become(post, grants, refused, at, waits) {
    const decision = { ...post, grants, refused, at, waits };
    standing = decision;
    writeDecision(config, decision, days(decision));
    // An older setting has left another one on some domain or path. Never without need: for as long as
    // there is none, other tabs take it that nothing was decided.
    if (decisionText().includes(',')) {
      expire('pixelgate');
      writeDecision(config, decision, days(decision));
    }
    page.settle(decision);
    // The receipt of what already holds brings the server's time and nothing else.
    if (told == (told = said(decision))) return;
    page.emit('decision', decision);
    const event = new CustomEvent('pixelgate:decision', { bubbles: true, detail: decision });
    document.dispatchEvent(event);
  }

  // The next page need not look into the outbox.
  function nothingWaits() {
    const decided = page.decided();
    page.waits = false;
    if (decided && decided.waits) {
      decided.waits = false;
      writeDecision(config, decided, days(decided));
    }
    page.settle();
  }

  function said({ id, grants, refused }) {
    return JSON.stringify([id, PURPOSES.map((purpose) => grants[purpose]), refused]);
  }

  function leave() {
    wantsSecond = false;
    first.close();
    if (desk.second) desk.second.close();
    view.entry.hidden = false;
  }

  /** The layers as the outcome wants them, which another tab may have changed. */
  function refresh() {
    if (asked && page.outcome().show == 'none') leave();
  }

  function ask() {
    const { show } = page.outcome();
    view.entry.hidden = show != 'none' && !asked;
    if (show == 'none' || asked) return;
    asked = true;
    remember();
    first.draw(show);
    page.emit('shown', show);
    // All that can wait does: the first frame draws the layer, the second shows it.
    requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(later)));
  }

  function later() {
    first.guard();
    sendSeen(page.base, config);
    // An accept that a page before could not hand over. Only where the cookie says so: to open the storage
    // costs a newcomer more than all of the banner.
    const post = page.decided() == 'unreadable' && waiting();
    // It is of today: what someone wanted long ago has to be asked for anew.
    if (post && !visitor && post.at > now() - DAY) resend(post);
  }

  function resend(post) {
    asked = false;
    standing = page.decided();
    store(post);
    leave();
  }

  /** What a page begins with: a post that waited, the signal's own decision, or a question. */
  function begin() {
    if (page.waits) {
      const post = waiting();
      // Another tab's post may lie in the same box.
      if (post && post.id == page.decided().id) return resend(post);
      // Where several hosts share the cookie, the post may wait on another one.
      if (config.domain) {
        page.waits = false;
        page.settle();
      } else nothingWaits();
    }
    // A page before withdrew, and was left before it could say so to the ledger.
    const [, withdrew] = /^pixelgate=0\.([\da-f-]{36})$/.exec(decisionText()) || [];
    if (withdrew) return choose('withdraw', grantsWhere(() => 0), [], { visitor: withdrew });
    proceed();
  }

  /** The signal's own decision, or a question. */
  function proceed() {
    const { why, grants, refused } = page.outcome();
    if (why == 'gpc') choose(why, grants, refused);
    else ask();
  }

  page.desk = desk;
  page.on('consent', refresh);
  page.seat(desk);
}
