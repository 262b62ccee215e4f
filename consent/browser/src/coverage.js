// How much of what the shop tracks reached each platform, and what held the rest: added up on the page,
// and told once, when it is left. It says nothing of who was there, stores nothing and reads nothing.

const AT_ONCE = 40; // events in one post, as consent/coverage.py takes them

/** @param {object} page see loader.js */
export function coverage(page) {
  const { base, config, rack } = page;
  const libraries = new Map(); // url -> {lost, came}
  const open = new Set(); // events that nobody has had yet
  const ended = []; // [event, {platform: how it ended}]

  for (const slot of rack.slots) {
    const own = slot.page;
    if (!own) continue;
    const { load } = own;
    own.load = (url) => {
      const element = load(url);
      slot.brought = libraries.get(url) || {};
      if (!libraries.has(url)) {
        libraries.set(url, slot.brought);
        element.addEventListener('load', () => (slot.brought.came = true));
        element.addEventListener('error', () => (slot.brought.lost = true));
      }
      return element;
    };
  }

  /** What kept an event from a platform whose pixel does not run. */
  function kept({ purposes }) {
    const { why, grants, show } = page.outcome();
    const off = (purpose) => config.off.includes(purpose) && !grants[purpose];
    if (why == 'gpc' || (page.gpc && config.regime.model != 'opt-in' && purposes.some(off))) return 'gpc';
    return show != 'none' || why == 'regime' ? 'no_choice' : 'declined';
  }

  /** How an event ends now for each platform: its slot where that depends on the library. */
  function ends({ params }, held) {
    const found = {};
    for (const slot of rack.slots) {
      if (slot.gone || found[slot.name] == 'sent') continue;
      const runs = slot.state == slot.started;
      // Own statistics may have had it before anything was chosen (ownstatistics.js).
      found[slot.name] = slot.had?.has(params) ? slot : held || (runs ? slot : kept(slot));
    }
    return found;
  }

  const { deliver } = rack;
  rack.deliver = (event) => {
    deliver(event);
    open.delete(event);
    ended.push([event, ends(event)]);
  };
  page.on('event', (event) => open.add(event));

  function said(end) {
    if (typeof end == 'string') return end;
    const { brought, state } = end;
    if (brought?.lost) return 'blocked';
    if (brought && !brought.came) return 'left';
    return state == 'limited' ? state : 'sent';
  }

  function tell() {
    while (ended.length) {
      const events = ended.splice(0, AT_ONCE).map(([{ name, params }, ends]) => {
        const reached = {};
        for (const platform in ends) reached[platform] = said(ends[platform]);
        return { name, value: params.value, currency: params.currency, reached };
      });
      fetch(base + '/coverage', {
        method: 'POST',
        keepalive: true,
        credentials: 'omit',
        headers: { 'Content-Type': 'text/plain' },
        body: JSON.stringify({ version: config.version, events }),
      }).catch(() => 0);
    }
  }

  // Whoever is only looking elsewhere may still choose: what waits for that is told at the very end.
  addEventListener('pagehide', () => {
    for (const event of open) ended.push([event, ends(event, page.waits ? 'left' : 'no_choice')]);
    open.clear();
    tell();
  });
  document.addEventListener('visibilitychange', () => document.hidden && tell());
}
