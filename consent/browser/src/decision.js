// The decision as the page carries it: the cookie `pixelgate`, and nothing else (rule 1). Its form:
// 1.<id>.<visitor>.<version>.<opt-in|opt-out|notice>.<seconds>.<preferences><analytics><marketing>.<gpc>

import { PURPOSES, grantsWhere } from './grants.js';

const ID = '([\\da-f]{8}(?:-[\\da-f]{4}){3}-[\\da-f]{12})';
const FORM = RegExp(
  `^1\\.${ID}\\.${ID}\\.(\\d{1,9})\\.(opt-in|opt-out|notice)\\.(\\d{9,11})\\.([01]{3})\\.([01])$`,
);

/** The cookie's text, which changes when any tab decides. */
export function decisionText() {
  return document.cookie.split('; ').filter((part) => part.startsWith('pixelgate=')).join();
}

/** The decision in this page's cookie: an object, null when there is none, or 'unreadable'. */
export function readDecision() {
  const text = decisionText();
  if (!text) return null;
  const m = FORM.exec(text.slice(10));
  if (!m) return 'unreadable';
  const grants = grantsWhere((purpose) => +m[6][PURPOSES.indexOf(purpose)]);
  return { id: m[1], visitor: m[2], version: +m[3], model: m[4], at: +m[5], grants, gpc: m[7] == 1 };
}
