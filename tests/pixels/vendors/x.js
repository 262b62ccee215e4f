// Stands in for X's uwt.js: takes the Arguments objects of `twq.queue`, then every call by `twq.exe`.
// `config` sends the page view; an event belongs to the pixel that its id names.
(function () {
  'use strict';
  const { complain, hit, cookie, isArguments } = standIn('x', 'https://analytics.twitter.com/i/adsct');
  const KINDS = {
    value: 'number',
    currency: 'string',
    conversion_id: 'string',
    num_items: 'number',
    search_string: 'string',
    description: 'string',
    status: 'string',
    restricted_data_use: 'string',
  };
  const ITEM = {
    content_type: 'string',
    content_id: 'string',
    content_name: 'string',
    content_price: 'number',
    num_items: 'number',
    content_group_id: 'string',
  };
  const RESTRICTED = ['restrict_optimization', 'off'];
  const pixels = {}; // id -> what was said at its config
  const twq = window.twq;

  if (typeof twq != 'function' || !Array.isArray(twq.queue)) {
    return complain('window.twq has no queue; expected the stub before the library');
  }
  if (twq.exe) return complain('loaded twice; expected once for all pixels');
  if (twq.version != '1.1') complain('the stub lacks its version');

  const commands = {
    config(id, options = {}) {
      if (!/^[a-z0-9]{5,6}$/.test(id)) return complain(`config of ${id}, which is no pixel id`);
      if (pixels[id]) return complain(`config of ${id} came twice`);
      const { restricted_data_use: restricted, ...others } = options;
      if (Object.keys(others).length) complain(`config takes no ${Object.keys(others)}`);
      pixels[id] = restriction(restricted);
      fire(id, 'config', {}, pixels[id]);
    },
    event(label, data = {}) {
      const [, id] = /^tw-([a-z0-9]{5,6})-[a-z0-9]{5,6}$/.exec(label) || [];
      if (!id) return complain(`${label} is no event id`);
      if (!pixels[id]) return complain(`${label} came before the config of ${id}`);
      const { contents = [], restricted_data_use: restricted, ...rest } = data;
      check(label, { ...rest }, KINDS);
      if (!Array.isArray(contents)) complain(`${label}: contents is no list`);
      else for (const one of contents) check(`${label}: contents`, one, ITEM);
      if (rest.value !== undefined && !rest.currency) complain(`${label}: a value without a currency`);
      const sent = data.contents ? { ...rest, contents } : rest;
      fire(id, label, sent, { ...pixels[id], ...restriction(restricted) });
    },
  };

  function restriction(word) {
    if (word === undefined) return {};
    if (!RESTRICTED.includes(word)) complain(`restricted_data_use ${word} is unknown`);
    return { restricted_data_use: word };
  }

  function check(where, data, kinds) {
    for (const [key, value] of Object.entries(data)) {
      if (!Object.hasOwn(kinds, key)) complain(`${where}: ${key} is unknown`);
      else if (typeof value != kinds[key]) complain(`${where}: ${key} is a ${typeof value}`);
    }
  }

  function fire(id, event, data, options) {
    const days = 24 * 3600;
    cookie('_twpid', `tw.${Date.now()}.${String(Math.random()).slice(2)}`, 390 * days);
    cookie('_twclid', 'none', 90 * days);
    hit(id, event, data, options);
  }

  function run(call) {
    if (!isArguments(call)) return complain('found no Arguments object in the queue, so nothing happens');
    const [name, ...rest] = call;
    if (Object.hasOwn(commands, name)) commands[name](...rest);
    else complain(`${name} is no command`);
  }

  twq.exe = function () {
    run(arguments);
  };
  while (twq.queue.length) run(twq.queue.shift());
})();
