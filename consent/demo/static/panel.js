// The demo's panel: shows what watch.js noted, and what the browser holds now. Stores nothing.
(() => {
  const NAMES = { meta: 'Meta Pixel', ga4: 'Google Analytics 4', 'google-ads': 'Google Ads' };
  const ACTIONS = {
    accept_all: 'Accepted all', reject_all: 'Refused all', save: 'Chose one by one', close: 'Closed the banner',
    gpc: 'Refused by Global Privacy Control', withdraw: 'Withdrawn',
  };
  const STATES = {
    asked: 'asked, no answer yet', answered: 'answered', unreachable: 'not reached; a stand-in plays its part',
  };
  const seen = window.summitDemo;
  const panel = document.querySelector('[data-demo-panel]');
  const toggle = document.querySelector('[data-demo-toggle]');
  const part = (name) => panel.querySelector(`[data-demo-${name}]`);
  const wide = matchMedia('(min-width: 1180px)');
  let drawn = 0;

  function make(tag, className, ...children) {
    const element = document.createElement(tag);
    element.className = className;
    element.append(...children);
    return element;
  }

  const place = () => {
    panel.style.top = `${toggle.parentElement.offsetHeight}px`;
  };

  function open(yes) {
    place();
    panel.hidden = !yes;
    toggle.setAttribute('aria-expanded', String(yes));
    document.documentElement.classList.toggle('demo-open', yes);
  }

  const first = (params, ...names) => {
    for (const name of names) if (params[name] !== undefined && params[name] !== '') return String(params[name]);
    return '';
  };

  /** The few words that say what a hit is about, whatever its vendor calls them. */
  function summary({ platform, params, url }) {
    const value = first(params, 'value', 'cd[value]', 'epn.value');
    const currency = first(params, 'currency_code', 'cd[currency]', 'cu', 'currency');
    const order = first(params, 'cd[order_id]', 'ep.transaction_id', 'oid', 'transaction_id', 'order_id');
    const label = platform === 'google-ads' ? first(params, 'label') : '';
    return {
      event: first(params, 'ev', 'en', 'event', 'event_name') || (label ? 'conversion' : 'hit'),
      id: platform === 'google-ads' ? `AW-${(url.match(/conversion\/(\d+)/) || ['', '?'])[1]}` : first(params, 'tid', 'id'),
      words: [
        value && `${value} ${currency}`.trim(),
        order && `order ${order}`,
        label && `label ${label}`,
        first(params, 'eid', 'event_id', 'ep.event_id') && `event id ${first(params, 'eid', 'event_id', 'ep.event_id')}`,
      ].filter(Boolean),
    };
  }

  function hitItem(hit) {
    const { event, id, words } = summary(hit);
    const table = make('dl', 'demo-params');
    for (const [name, value] of Object.entries(hit.params)) {
      const text = typeof value === 'object' ? JSON.stringify(value) : String(value);
      table.append(make('div', '', make('dt', '', name), make('dd', '', text)));
    }
    const more = make('details', '', make('summary', '', `${Object.keys(hit.params).length} parameters`), table);
    const time = hit.at.toLocaleTimeString('en-GB');
    const item = make(
      'li', 'demo-hit',
      make('p', 'demo-hit-head', make('b', 'demo-event', event), make('time', '', time)),
      make('p', 'demo-hit-from', make('span', 'demo-platform', NAMES[hit.platform] || hit.platform), ` ${id}`),
      make('p', 'demo-hit-words', words.join(' · ')),
      make('p', 'demo-hit-how', hit.real ? 'Sent by the vendor’s own library' : 'By the stand-in'),
      more,
    );
    item.dataset.platform = hit.platform;
    item.dataset.event = event;
    return item;
  }

  function drawHits() {
    const list = part('hits');
    for (; drawn < seen.hits.length; drawn += 1) list.prepend(hitItem(seen.hits[drawn]));
    part('no-hits').hidden = drawn > 0;
    const count = document.querySelector('[data-demo-count]');
    count.textContent = String(drawn);
    count.classList.toggle('some', drawn > 0);
  }

  function drawHosts() {
    const items = [...seen.hosts].map(([host, state]) => {
      const item = make('li', '', make('code', '', host), make('span', '', STATES[state]));
      item.dataset.state = state;
      return item;
    });
    part('hosts').replaceChildren(...items);
    part('no-hosts').hidden = items.length > 0;
  }

  function drawDecision() {
    if (!seen.grants) return;
    const chips = Object.entries(seen.grants).map(([purpose, granted]) => {
      const chip = make('li', granted ? 'yes' : 'no', make('b', '', purpose), granted ? ' granted' : ' denied');
      chip.dataset.grant = purpose;
      return chip;
    });
    const made = seen.decision;
    const kept = document.cookie.split('; ').some((cookie) => cookie.startsWith('pixelgate='));
    const words = made
      ? `${ACTIONS[made.action] || made.action}, ${new Date(made.at * 1000).toLocaleTimeString('en-GB')}.`
      : kept ? 'Decided on an earlier page.' : 'No decision yet: this is what the rules of the place say.';
    part('decision').replaceChildren(make('p', 'demo-said', words), make('ul', 'demo-grants', ...chips));
  }

  function stored() {
    const cookies = document.cookie ? document.cookie.split('; ').map((cookie) => ['cookie', cookie.split('=')[0]]) : [];
    if (panel.dataset.cartCookie === 'yes') cookies.push(['cookie', 'summit_cart']);
    for (const [kind, place] of [['local storage', 'localStorage'], ['session storage', 'sessionStorage']]) {
      try {
        for (const key of Object.keys(window[place])) cookies.push([kind, key]);
      } catch {
        // storage is switched off: then nothing is in it
      }
    }
    return cookies;
  }

  let lastStored = '';
  function drawStored() {
    const found = stored();
    if (JSON.stringify(found) === lastStored) return;
    lastStored = JSON.stringify(found);
    part('cookies').replaceChildren(
      ...found.map(([kind, name]) => {
        const item = make('li', '', make('code', '', name), make('span', '', owner(name) || kind));
        item.dataset.name = name;
        return item;
      }),
    );
    part('no-cookies').hidden = found.length > 0;
  }

  function owner(name) {
    if (name === 'pixelgate') return 'your decision';
    if (name === 'summit_cart') return 'the basket';
    if (/^_fb/.test(name)) return 'Meta Pixel';
    if (/^_ga|^_gid/.test(name)) return 'Google Analytics';
    return /^_gcl|^_gac/.test(name) ? 'Google Ads' : '';
  }

  function draw() {
    drawHits();
    drawHosts();
    drawDecision();
    drawStored();
  }

  toggle.addEventListener('click', () => open(panel.hidden));
  part('close').addEventListener('click', () => {
    open(false);
    toggle.focus();
  });
  panel.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape' || wide.matches) return;
    open(false);
    toggle.focus();
  });
  addEventListener('summit:changed', draw);
  addEventListener('summit:basket', () => {
    panel.dataset.cartCookie = 'yes';
    draw();
  });
  const announced = [];
  const tell = (name) => {
    announced.push(name);
    part('events').textContent = announced.join(', ');
  };
  addEventListener('summit:event', ({ detail }) => tell(detail));
  for (const name of seen.events) tell(name);
  addEventListener('resize', place);
  setInterval(drawStored, 1000);
  open(wide.matches);
  draw();
  const chosen = document.querySelector('[data-visitor][aria-current]');
  const row = chosen.parentElement;
  row.scrollLeft = chosen.offsetLeft - row.offsetLeft - (row.clientWidth - chosen.clientWidth) / 2;
})();
