// Stands in for Microsoft's bat.js: the constructor `UET`, which reads the flat array that it is given,
// and a tag that sends nothing before `pageLoad`. Of the event `page_view` it makes a page load.
(function () {
  'use strict';
  const { complain, hit, cookie, local, isArguments } = standIn('uet', 'https://bat.bing.com/action/0');
  const PAGES = ['home', 'category', 'searchresults', 'product', 'cart', 'purchase', 'other'];
  const KINDS = {
    revenue_value: 'number',
    currency: 'string',
    transaction_id: 'string',
    event_id: 'string',
    event_category: 'string',
    event_label: 'string',
    event_value: 'number',
    ecomm_query: 'string',
    ecomm_pagetype: 'string',
    ecomm_totalvalue: 'number',
    ecomm_category: 'string',
    page_path: 'string',
    page_title: 'string',
  };
  const LISTS = ['ecomm_prodid', 'items'];
  const LENGTHS = { event: 3, consent: 3, config: 3, set: 2, pageLoad: 1 };
  const tags = [];

  if (window.UET) return complain('loaded twice; expected once for all tags');

  window.UET = function (options) {
    const { ti, q, disableAutoPageView, enableAutoSpaTracking } = options || {};
    const waiting = []; // until the page load
    let seen = false;
    let consent = 'granted';
    if (!(this instanceof window.UET)) return complain('UET was called without new');
    if (!/^[0-9]{5,12}$/.test(ti)) complain(`${ti} is no tag id`);
    if (tags.includes(ti)) complain(`the tag ${ti} was made twice`);
    tags.push(ti);

    const send = (event, data) => {
      if (consent == 'granted') store();
      hit(ti, event, data, consent == 'granted' ? {} : { asc: 'D' });
    };

    const commands = {
      consent(kind, said) {
        if (kind != 'default' && kind != 'update') return complain(`consent ${kind} is unknown`);
        const { ad_storage: word, ...others } = said || {};
        if (Object.keys(others).length) complain(`consent knows ad_storage alone, not ${Object.keys(others)}`);
        if (word != 'granted' && word != 'denied') return complain(`ad_storage ${word} is unknown`);
        if (kind == 'default' && seen) complain('consent default came after the page load');
        consent = word;
      },
      event(action, data = {}) {
        if (typeof action != 'string') return complain(`the action ${action} is no text`);
        if (!seen) return waiting.push(() => commands.event(action, data));
        check(action, data);
        if (action != 'page_view') return send(action, data);
        if (!/^\//.test(data.page_path)) return complain('page_view without a page_path that begins with /');
        send('pageLoad', data);
      },
      pageLoad() {
        if (seen) return complain('pageLoad came twice');
        seen = true;
        if (!disableAutoPageView) send('pageLoad', {});
        for (const event of waiting.splice(0)) event();
      },
      set() {},
      config() {},
    };

    this.push = function (...given) {
      const [name, ...rest] = given;
      if (isArguments(name) || Array.isArray(name)) return complain('took one list; expected the values themselves');
      if (!Object.hasOwn(commands, name)) return complain(`${name} is no command`);
      if (given.length > LENGTHS[name]) complain(`${name} with ${given.length} values`);
      commands[name](...rest);
    };

    if (!Array.isArray(q)) return complain('q is no array, so what was pushed before is lost');
    for (let at = 0; at < q.length; at += LENGTHS[q[at]] || 1) {
      const name = q[at];
      if (isArguments(name) || Array.isArray(name)) complain('the queue holds lists; expected flat values');
      else if (!Object.hasOwn(LENGTHS, name)) complain(`${name} in the queue is no command`);
      else if (name == 'pageLoad') complain('pageLoad came before the tag was made');
      else this.push(...q.slice(at, at + LENGTHS[name]));
    }
    if (enableAutoSpaTracking) follow(() => send('pageLoad', { page_path: location.pathname + location.search }));
  };

  function check(action, data) {
    for (const [key, value] of Object.entries(data)) {
      if (LISTS.includes(key)) {
        if (!Array.isArray(value) || !value.length) complain(`${action}: ${key} is no list`);
      } else if (!Object.hasOwn(KINDS, key)) complain(`${action}: ${key} is unknown`);
      else if (typeof value != KINDS[key]) complain(`${action}: ${key} is a ${typeof value}`);
    }
    const { ecomm_pagetype: page, ecomm_prodid: ids, items, revenue_value: value, currency } = data;
    if (page !== undefined && !PAGES.includes(page)) complain(`${action}: ${page} is no page type`);
    if ((ids || []).some((one) => typeof one != 'string')) complain(`${action}: ecomm_prodid holds other than texts`);
    if ((items || []).some((one) => typeof one.id != 'string')) complain(`${action}: an item has no id`);
    if (value !== undefined && !currency) complain(`${action}: revenue_value without a currency`);
  }

  function follow(seen) {
    const pushState = history.pushState;
    history.pushState = function () {
      pushState.apply(history, arguments);
      seen();
    };
  }

  function store() {
    const id = Math.random().toString(16).slice(2);
    cookie('_uetsid', id, 24 * 3600);
    cookie('_uetvid', id, 390 * 24 * 3600);
    cookie('_uetmsclkid', `_uet${id}`, 90 * 24 * 3600);
    for (const key of ['_uetsid', '_uetvid', '_uetmsclkid']) {
      local(key, id);
      local(`${key}_exp`, new Date(Date.now() + 24 * 3600 * 1000).toUTCString());
    }
  }
})();
