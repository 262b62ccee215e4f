// Decisions on their way to the ledger. A post that fails waits in localStorage under `pixelgate`
// (it is the decision itself, which rule 1 lets us keep) and goes out again, now or on the next page.

import { decisionText, writeText } from './decision.js';
import { named } from './named.js';

// text/plain: no preflight. keepalive: a click on a link loses nothing.
const POST = { method: 'POST', keepalive: true, headers: { 'Content-Type': 'text/plain' } };
const BOX = 'pixelgate';

/** The decision that is still waiting to be stored, or null; what is no decision is removed. */
export function waiting() {
  try {
    const post = JSON.parse(localStorage.getItem(BOX));
    if (post && post.id && post.grants) return post;
  } catch {
    // not ours
  }
  keep(null);
  return null;
}

function keep(post) {
  try {
    if (post) localStorage.setItem(BOX, JSON.stringify(post));
    else localStorage.removeItem(BOX);
  } catch {
    // no storage: then the decision lives as long as the page
  }
}

let newest;
let line = Promise.resolve();

/**
 * Stores `post` (its `model`, `refused` and `at` stay here). `done(answer)` is called once, with the service's answer,
 * or with null when the service refused it for good; while the service cannot be reached it keeps
 * trying, as long as `stands()`. Posts go one after the other. A newer one replaces those before it: they are not sent
 * again, and a late answer to one of them is not told, so that it cannot grant again what was
 * withdrawn meanwhile.
 */
export async function sendDecision(page, post, done, stands, tries = 0) {
  newest = post;
  keep(post);
  line = line.then(() => (newest == post ? send(page, post) : null));
  const answer = await line;
  if (newest != post) return;
  if (answer !== undefined) {
    done(answer);
    // Another tab's post may wait in the same box. Last, since other windows look at the cookie when it goes.
    if (waiting()?.id == post.id) keep(null);
  } else if (tries < 6) {
    const again = () => newest == post && stands() && sendDecision(page, post, done, stands, tries + 1);
    setTimeout(again, 1000 << tries);
  }
}

// The answer, null for a refusal, undefined when it is worth another try.
async function send({ base, config }, post) {
  try {
    const { model, refused, at, ...body } = post;
    const response = await fetch(base + '/decisions', {
      ...POST,
      body: JSON.stringify(body),
      // The service may set the cookie where it shares the shop's domain, and nothing else is sent.
      credentials: config.domain ? 'include' : 'same-origin',
    });
    const answer = await response.json();
    if (response.status == 201) return answer;
    console.warn('pixelgate: the decision was not stored:', answer.detail);
    return response.status < 500 && response.status != 429 ? null : undefined;
  } catch (error) {
    console.warn('pixelgate: the decision could not be sent; it waits here:', error.message);
  }
}

/** Counts that the visitor was asked. Nothing is stored, so nothing needs consent. */
export function sendSeen(base, config) {
  const [, , from = ''] = document.referrer.split('/');
  const entry = from.split(':')[0] != location.hostname;
  const seen = { version: config.version, entry, language: config.language };
  // Not a beacon: blockers drop those for everyone, and a rate would stand on decisions alone.
  const init = { ...POST, body: JSON.stringify(seen), credentials: 'omit' };
  fetch(base + '/seen', init).catch(() => 0);
}

/**
 * Keeps `decision` in the cookie that decision.js reads, for `days`; unless it is there, since Safari
 * keeps what the service has set for longer than what a script writes.
 */
export function writeDecision(config, decision, days) {
  const { id, visitor, version, model, at, grants, gpc, refused, waits } = decision;
  const bits = Object.values(grants).map(Number).join('');
  const parts = [waits ? 2 : 1, id, visitor, version, model, at, bits, +gpc];
  const off = named(refused, grants);
  if (off) parts.push(off);
  const text = parts.join('.');
  if (decisionText() == 'pixelgate=' + text) return;
  writeText(config, text, days * 86400);
}
