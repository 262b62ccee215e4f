// What a pixel left in this browser is deleted: only what its data file names.

import { attempt } from './attempt.js';

/**
 * @param {string} traces a regular expression for names, each after the letter of its kind: c cookies,
 *  l local storage, s session storage; i IndexedDB is for databases.js
 * @param {boolean} all look into storage too: to open it costs a new visitor more than all the rest
 */
export function sweep(traces, all) {
  const named = (kind) => (name) => RegExp(`^(${traces})$`).test(kind + name);
  document.cookie.split('; ').map((part) => part.split('=')[0]).filter(named('c')).forEach(expire);
  if (!all) return;
  for (const kind of ['local', 'session']) {
    // Storage may be switched off: then nothing was left in it.
    attempt(() => {
      const store = window[kind + 'Storage'];
      Object.keys(store).filter(named(kind[0])).forEach((key) => store.removeItem(key));
    });
  }
}

/**
 * Deletes the cookie `name`. It goes only when domain and path are those it was set with, and neither
 * can be read: so every suffix of the host (vendors write on the highest level that takes a cookie),
 * and every folder of the path in both forms, with and without a slash at its end.
 */
export function expire(name) {
  const above = (text, mark) => text.split(mark).map((_, i, all) => [all.slice(i), all.slice(0, i + 1)]);
  for (const [domain] of [[[]], ...above(location.hostname, '.')]) {
    for (const [, folder] of above(location.pathname.slice(0, 300), '/')) {
      for (const slash of ['', '/']) {
        document.cookie = `${name}=; Max-Age=0; Path=${folder.join('/')}${slash}; Domain=${domain.join('.')}`;
      }
    }
  }
}
