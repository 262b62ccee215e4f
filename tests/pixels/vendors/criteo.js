// Stands in for Criteo's ld.js in tests: reads the objects of criteo_q one after the other, as the library
// does, takes over its push, and says every violation on console.error.
(function () {
  'use strict';
  const vendor = standIn('criteo', 'https://sslwidget.criteo.com/event');
  const { complain } = vendor;
  const DAYS = 24 * 3600;
  // What each event may carry, and what its item is.
  const EVENTS = {
    viewHome: [],
    viewPage: [],
    viewItem: ['item'],
    viewList: ['item'],
    viewBasket: ['item'],
    addToCart: ['item'],
    beginCheckout: ['item'],
    addPaymentInfo: ['item'],
    trackTransaction: ['id', 'item'],
  };
  let account;
  let type;

  const setup = {
    setAccount(one) {
      if (!/^[1-9][0-9]{2,7}$/.test(one.account)) return complain(`${one.account} is no account`);
      account = String(one.account);
      type = null;
    },
    setSiteType(one) {
      if (!/^[dmt]$/.test(one.type)) complain(`setSiteType ${one.type}; expected d, m or t`);
      type = one.type;
    },
  };

  function check(event, data) {
    for (const key of Object.keys(data)) {
      if (data[key] === undefined) complain(`${event} has ${key} undefined`);
      if (Object.hasOwn(EVENTS, event) && !EVENTS[event].includes(key)) complain(`${event} takes no ${key}`);
    }
    if ('id' in data && typeof data.id != 'string') complain('a transaction id is no text');
    // A custom event has what was agreed upon.
    if (!('item' in data) || !Object.hasOwn(EVENTS, event)) return;
    const list = [].concat(data.item);
    if (!list.length) complain(`${event} has no item in its list`);
    if (event == 'viewList' && !Array.isArray(data.item)) complain('viewList takes a list of ids');
    for (const one of list) {
      if (/^view(Item|List)$/.test(event)) {
        if (typeof one != 'string') complain(`${event} takes ids, and was given ${JSON.stringify(one)}`);
        continue;
      }
      const { id, price, quantity, ...rest } = Object(one);
      if (typeof id != 'string' || typeof quantity != 'number') {
        complain(`${event} has an item without id or quantity`);
      }
      if ('price' in one && typeof price != 'number') complain(`${event} has a price that is no number`);
      if (Object.keys(rest).length) complain(`${event} has an item with ${Object.keys(rest)}`);
    }
  }

  function read(all) {
    for (const one of all) {
      if (!one || typeof one != 'object' || Array.isArray(one) || vendor.isArguments(one)) {
        complain('found no plain object in the queue');
        continue;
      }
      const { event, ...data } = one;
      if (Object.hasOwn(setup, event)) {
        setup[event](data);
      } else if (/^set/.test(event)) {
        complain(`${event} is about a person, and nobody asked for it`);
      } else if (!account || !type) {
        complain(`${event} before ${account ? 'setSiteType' : 'setAccount'}`);
      } else {
        check(event, data);
        vendor.cookie('cto_bundle', 'abc', 396 * DAYS);
        vendor.local('cto_bundle', 'abc');
        if (data.item) data.item = [].concat(data.item);
        vendor.hit(account, event, data);
      }
    }
  }

  const queue = window.criteo_q;
  if (!Array.isArray(queue)) return complain('criteo_q is no array');
  // Loaded for a second account it does no harm.
  if (queue.push !== Array.prototype.push) return;
  read(queue.splice(0));
  queue.push = function () {
    if (arguments.length < 3) complain('a push without account, device and event together');
    read(arguments);
  };
})();
