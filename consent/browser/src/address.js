// Changes of the address within a document, whoever makes them.

import { attempt } from './attempt.js';

/**
 * Calls `changed` after each change of the address within this document. The Navigation API tells of all
 * of them, whoever makes them, and no function of the page has to be replaced for it: no other wrapper is
 * lost or loses ours. It is `currententrychange`, as `navigatesuccess` comes only for navigations that a
 * router has intercepted, and never for a plain pushState. A shop may have a variable `navigation` of its own.
 */
export function watch(changed) {
  const { navigation } = window;
  if (navigation instanceof EventTarget && navigation.currentEntry) {
    return navigation.addEventListener('currententrychange', changed);
  }
  addEventListener('popstate', changed);
  addEventListener('hashchange', changed);
  for (const name of ['pushState', 'replaceState']) {
    // A proxy: what other scripts see of the function, and give it, stays as it was.
    history[name] = new Proxy(history[name], {
      apply(method, self, given) {
        const result = Reflect.apply(method, self, given);
        attempt(changed);
        return result;
      },
    });
  }
}
