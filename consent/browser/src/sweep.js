// Withdrawal deletes what a pixel left in this browser: only what its data file names.

/** @param {{c?: string[], l?: string[], s?: string[], i?: string[]}} traces cookies, local and session
 *  storage, IndexedDB; a name that ends in * is a prefix. */
export function sweep(traces) {
  const named = (list) => (name) =>
    (list || []).some((t) => (t.endsWith('*') ? name.startsWith(t.slice(0, -1)) : name == t));
  document.cookie
    .split('; ')
    .map((part) => part.split('=')[0])
    .filter(named(traces.c))
    .forEach(expire);
  for (const [list, storage] of [[traces.l, 'localStorage'], [traces.s, 'sessionStorage']]) {
    try {
      const store = list && window[storage];
      for (const key of Object.keys(store || {}).filter(named(list))) store.removeItem(key);
    } catch {
      // storage is switched off: then nothing was left in it
    }
  }
  for (const name of traces.i || []) indexedDB.deleteDatabase(name);
}

// A cookie goes only when domain and path are those it was set with, and neither can be read. Both
// path forms, and every suffix of the host: vendors write on the highest level that takes a cookie.
function expire(name) {
  const labels = location.hostname.split('.');
  const domains = ['', ...labels.map((_, i) => '; Domain=' + labels.slice(i).join('.'))];
  for (const domain of domains) {
    for (const path of ['/', location.pathname]) {
      document.cookie = `${name}=; Path=${path}; Max-Age=0${domain}`;
    }
  }
}
