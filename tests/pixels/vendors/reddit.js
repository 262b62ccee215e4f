// Stands in for Reddit's pixel.js: takes what is in `rdt.callQueue`, then every call by `rdt.sendEvent`.
// An event goes to every pixel that had its init. A custom event is told by its own name.
(function () {
  'use strict';
  const { complain, hit, cookie, isArguments } = standIn('reddit', 'https://alb.reddit.com/rp.gif');
  const STANDARD = 'PageVisit ViewContent Search AddToCart AddToWishlist Purchase Lead SignUp Custom'.split(' ');
  const OPTIONS = (
    'optOut disableFirstPartyCookies useDecimalCurrencyValues email phoneNumber externalId aaid idfa aam ' +
    'dpm dpcc dprc partner partner_version integration debug'
  ).split(' ');
  const KINDS = {
    value: 'number',
    currency: 'string',
    itemCount: 'number',
    transactionId: 'string',
    conversionId: 'string',
    customEventName: 'string',
  };
  const ITEM = { id: 'string', name: 'string', category: 'string', quantity: 'number', itemPrice: 'number' };
  const DAYS = 24 * 3600;
  const MONEY = ['value', 'currency', 'itemCount', 'transactionId'];
  // What the vendor does not take with an event.
  const REFUSED = {
    PageVisit: MONEY,
    ViewContent: MONEY,
    Search: MONEY,
    AddToCart: ['transactionId'],
    Lead: ['itemCount'],
    SignUp: ['itemCount'],
  };
  const pixels = []; // { id, options }, in order of init
  let cookies = true;
  const rdt = window.rdt;

  if (typeof rdt != 'function' || !Array.isArray(rdt.callQueue)) {
    return complain('window.rdt has no callQueue; expected the stub before the library');
  }
  if (rdt.sendEvent) return complain('loaded twice; expected once for all pixels');

  const commands = {
    init(id, options = {}) {
      if (!/^(a2|t2)_[a-z0-9]{6,16}$/.test(id)) return complain(`init of ${id}, which is no pixel id`);
      if (pixels.some((one) => one.id == id)) return complain(`init of ${id} came twice`);
      for (const key of Object.keys(options)) if (!OPTIONS.includes(key)) complain(`init takes no ${key}`);
      if (options.dpm !== undefined && options.dpm != 'LDU') complain(`dpm ${options.dpm} is unknown`);
      if (options.dpm && options.dpcc != 'US') complain(`dpcc ${options.dpcc} has no limited mode`);
      if (options.dprc && !/^(US-)?[A-Z]{2}$/.test(options.dprc)) complain(`dprc ${options.dprc} is no state`);
      if (options.disableFirstPartyCookies) cookies = false;
      pixels.push({ id, options });
    },
    track(name, data = {}) {
      if (!STANDARD.includes(name)) return complain(`${name} is no standard event`);
      if (!pixels.length) return complain(`${name} came before any init`);
      check(name, data);
      for (const { id, options } of pixels) fire(id, name, data, options);
    },
    enableFirstPartyCookies() {
      cookies = true;
    },
    disableFirstPartyCookies() {
      cookies = false;
    },
  };

  function check(name, { products = [], ...rest }) {
    kinds(name, rest, KINDS);
    if (!Array.isArray(products)) complain(`${name}: products is no list`);
    else for (const one of products) kinds(`${name}: products`, one, ITEM);
    for (const key of REFUSED[name] || []) if (key in rest) complain(`${name} takes no ${key}`);
    if (rest.value !== undefined && !rest.currency) complain(`${name}: a value without a currency`);
    const custom = rest.customEventName;
    if ((name == 'Custom') != !!custom) complain(`${name} with the customEventName ${custom}`);
    if (custom && custom.length > 64) complain('customEventName is longer than 64 characters');
  }

  function kinds(where, data, known) {
    for (const [key, value] of Object.entries(data)) {
      if (!Object.hasOwn(known, key)) complain(`${where}: ${key} is unknown`);
      else if (typeof value != known[key]) complain(`${where}: ${key} is a ${typeof value}`);
    }
  }

  function fire(id, name, { customEventName, ...data }, { aam = {}, dpm, dpcc, dprc, optOut }) {
    if (cookies) {
      cookie('_rdt_uuid', `${Date.now()}.6b7ad2a8-1f0c-4d5e-9a33-0c2f1d6f0b11`, 90 * DAYS);
      cookie('_rdt_cid', 'none', 30 * DAYS);
      // As if there were an address and a number in the page: found, unless that is switched off.
      if (aam.email !== false) cookie('_rdt_em', '0'.repeat(64), 90 * DAYS);
      if (aam.phone_number !== false) cookie('_rdt_pn', '0'.repeat(64), 90 * DAYS);
    }
    hit(id, customEventName || name, data, { dpm, dpcc, dprc, opt_out: optOut ? 1 : undefined });
  }

  function run(call) {
    if (!isArguments(call) && !Array.isArray(call)) return complain('found no call in the queue');
    const [name, ...rest] = call;
    if (Object.hasOwn(commands, name)) commands[name](...rest);
    else complain(`${name} is no command`);
  }

  rdt.sendEvent = function () {
    run(arguments);
  };
  while (rdt.callQueue.length) run(rdt.callQueue.shift());
})();
