// Only for the demo, and before the snippet: notes what leaves the browser, and puts a stand-in where
// a vendor's library cannot be reached. Keeps everything in this page's memory.
(() => {
  const PATIENCE_MS = 4000;
  const LIBRARIES = [
    { host: 'connect.facebook.net', path: /\/fbevents\.js$/, standIn: 'fbevents.js' },
    { host: 'www.googletagmanager.com', path: /^\/gtag\/js$/, standIn: 'gtag.js' },
  ];
  // Where real libraries report to, when they can be reached.
  const ENDPOINTS = [
    { platform: 'meta', test: (url) => url.host === 'www.facebook.com' && /^\/tr\/?$/.test(url.pathname) },
    { platform: 'ga4', test: (url) => /(^|\.)(google-analytics|analytics\.google)\.com$/.test(url.host) && /\/g\/collect$/.test(url.pathname) },
    { platform: 'google-ads', test: (url) => /\/pagead\/(1p-)?(conversion|viewthroughconversion)\//.test(url.pathname) },
  ];
  const own = new Set([location.host, new URL(document.currentScript.dataset.service).host]);
  const watched = new WeakSet();
  const replaced = new WeakSet();
  const playing = new Set();
  const heard = new Set();
  const changed = () => dispatchEvent(new Event('summit:changed'));

  /** What panel.js shows. `hosts`: host to 'asked', 'answered' or 'unreachable'. */
  const seen = (window.summitDemo = { hits: [], hosts: new Map(), events: [] });

  function note(host, state) {
    if (own.has(host) || seen.hosts.get(host) === 'unreachable') return;
    if (seen.hosts.get(host) === 'answered' && state === 'asked') return;
    seen.hosts.set(host, state);
    changed();
  }

  function hit(platform, address, params, real) {
    const url = new URL(address, location.href);
    if (heard.has(url.href) && real) return;
    heard.add(url.href);
    seen.hits.push({ platform, url: url.href, params: params || Object.fromEntries(url.searchParams), real, at: new Date() });
    changed();
  }

  function libraryOf(script) {
    if (!script.src || script.type === 'application/json') return null;
    const url = new URL(script.src);
    return LIBRARIES.find((known) => known.host === url.host && known.path.test(url.pathname)) || null;
  }

  function standInFor(script, library) {
    if (replaced.has(script)) return;
    replaced.add(script);
    note(library.host, 'unreachable');
    // In another document it can no longer run, should it arrive after all.
    document.implementation.createHTMLDocument('').adoptNode(script);
    if (playing.has(library)) return; // one library serves all of a vendor's pixels
    playing.add(library);
    const double = document.createElement('script');
    double.src = `/static/vendors/${library.standIn}?hits=panel`;
    document.head.append(double);
  }

  function watch(script) {
    const library = libraryOf(script);
    if (!library || watched.has(script)) return;
    watched.add(script);
    note(library.host, 'asked');
    const timer = setTimeout(() => standInFor(script, library), PATIENCE_MS);
    script.addEventListener('load', () => {
      clearTimeout(timer);
      note(library.host, 'answered');
    });
  }

  new MutationObserver((changes) => {
    for (const { addedNodes } of changes) {
      for (const node of addedNodes) if (node instanceof HTMLScriptElement) watch(node);
    }
  }).observe(document.documentElement, { childList: true, subtree: true });

  // Errors of elements do not bubble, but they can be captured.
  addEventListener(
    'error',
    ({ target }) => {
      if (!(target instanceof HTMLScriptElement)) return;
      watch(target);
      const library = libraryOf(target);
      if (library) standInFor(target, library);
    },
    true,
  );

  addEventListener('vendor:hit', ({ detail }) => hit(detail.platform, detail.url, detail.params, false));

  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      if (!/^https?:/.test(entry.name)) continue;
      const url = new URL(entry.name);
      note(url.host, entry.responseStatus ? 'answered' : 'asked');
      const endpoint = ENDPOINTS.find(({ test }) => test(url));
      if (endpoint) hit(endpoint.platform, url.href, null, true);
    }
  }).observe({ type: 'resource', buffered: true });

  addEventListener('pixelgate:decision', ({ detail }) => {
    seen.decision = detail;
    changed();
  }, true);
  addEventListener('summit:event', ({ detail }) => seen.events.push(detail));
  addEventListener('DOMContentLoaded', () => {
    if (!window.pixelgate) return;
    window.pixelgate('consent', (grants) => {
      seen.grants = grants;
      changed();
    });
  });
})();
