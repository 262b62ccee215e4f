// The decision as the page carries it: the cookie `pixelgate`, and nothing else (rule 1). Its form:
// <1: stored, 2: waits to be>.<id>.<visitor>.<version>.<opt-in|opt-out|notice>.<seconds>.<preferences><analytics><marketing>.<gpc>
// and, where pixels were refused one by one, .<platform>+<platform>. consent/web/cookie.py has its twin.
// Two more are unreadable, so they grant nothing: 0.<visitor> withdrew, which the ledger does not have
// yet; 2.<visitor> accepted, and nothing was decided before.

import { grantsWhere } from './grants.js';

const FORM = /^pixelgate=[12](\.[\da-f-]{36}){2}\.\d+\.[a-z-]+\.\d+\.[01]{3}\.[01](\.[\w+-]+)?$/;

/** The cookie's text, which changes when any tab decides; several, where two domains hold one. */
export function decisionText() {
  return document.cookie.split('; ').filter((part) => /^pixelgate=/.test(part)).join();
}

/** The decision in this page's cookie: an object, null when there is none, or 'unreadable'. */
export function readDecision() {
  const texts = decisionText().split(',');
  if (!texts[0]) return null;
  if (!texts.every((text) => FORM.test(text))) return 'unreadable';
  return texts
    .map((text) => {
      const [state, id, visitor, version, model, at, bits, gpc, off] = text.split('.');
      const grants = grantsWhere((_, i) => +bits[i]);
      const refused = off ? off.split('+') : [];
      return { id, visitor, version: +version, model, at: +at, grants, gpc: gpc == 1, refused, waits: state[10] == 2 };
    })
    .sort((a, b) => b.at - a.at)[0];
}

/** Puts `text` into the cookie, for `seconds`. What is no decision is read as a refusal of all. */
export function writeText({ domain }, text, seconds) {
  document.cookie =
    `pixelgate=${text}; Max-Age=${seconds}; Path=/; SameSite=Lax; Domain=${domain || ''}` +
    (location.protocol == 'https:' ? '; Secure' : '');
}
