// Stands in for Pinterest's core.js. It replays the queue and replaces window.pintrk, as the real library
// does, is strict about the protocol, and says every violation on console.error. Every tag of the page
// gets every event. A refusal stops it and deletes its cookies.
(function () {
  'use strict';
  const { complain, hit, cookie } = standIn('pinterest', 'https://ct.pinterest.com/v3/');
  const COOKIES = ['_epik', '_derived_epik', '_pin_unauth', '_pinterest_ct', '_pinterest_ct_rt'];
  const YEAR = 365 * 24 * 3600;
  const stub = window.pintrk;
  const tags = []; // ids, in order of load
  let consent = true;
  let sent = false;
  let limited = false;

  if (typeof stub != 'function' || !Array.isArray(stub.queue)) {
    complain('window.pintrk has no queue; expected the stub before the library, which is loaded once');
    return;
  }
  if (stub.version != '3.0') complain('the stub lacks its version');

  const commands = {
    load(id) {
      if (!/^[0-9]{10,16}$/.test(id)) return complain(`load of ${id}, which is no tag id`);
      if (tags.includes(id)) return complain(`load of ${id} came twice`);
      tags.push(id);
    },
    setconsent(given) {
      if (typeof given != 'boolean') return complain('setconsent takes true or false');
      if (!tags.length) complain('setconsent came before load');
      consent = given;
      if (!consent) COOKIES.forEach(forget);
    },
    set(values) {
      if (sent) complain('set came after an event');
      for (const key of ['st', 'country']) {
        if (values[key] && !/^[0-9a-f]{64}$/.test(values[key])) complain(`${key} is no SHA-256`);
      }
      if (values.em || values.external_id) complain('set hands over who the visitor is');
      limited = values.opt_out_type == 'LDP';
    },
    page() {
      fire('page', {});
    },
    track(name, data) {
      check(name, data);
      fire(name, data);
    },
  };

  function check(name, data) {
    if (typeof name != 'string' || !name || /\s/.test(name)) complain(`event name "${name}" is not allowed`);
    if (!data || typeof data.event_id != 'string') return complain(`${name} has no event_id among its data`);
    for (const key of ['value', 'order_quantity']) {
      if (key in data && !Number.isFinite(data[key])) complain(`${name}: ${key} is no number`);
    }
    if ('value' in data && !data.currency) complain(`${name} has a value without a currency`);
    if (!('line_items' in data)) return;
    const hasId = (one) => typeof one.product_id == 'string';
    if (!Array.isArray(data.line_items) || !data.line_items.every(hasId)) {
      complain(`${name}: one of line_items has no product_id`);
    }
  }

  function fire(name, data) {
    if (!tags.length) complain(`${name} came before load`);
    if (!consent) return;
    sent = true;
    const random = () => String(Math.random()).slice(2, 12);
    COOKIES.forEach((key) => cookie(key, random(), YEAR));
    tags.forEach((id) => hit(id, name, data, limited ? { ldp: true } : {}));
  }

  function forget(name) {
    const labels = location.hostname.split('.');
    document.cookie = `${name}=; Path=/; Max-Age=0`;
    labels.forEach((_, from) => {
      document.cookie = `${name}=; Path=/; Max-Age=0; Domain=.${labels.slice(from).join('.')}`;
    });
  }

  function run(one) {
    if (!Array.isArray(one)) return complain('found no array in the queue, so nothing happens');
    const [name, ...rest] = one;
    if (Object.prototype.hasOwnProperty.call(commands, name)) commands[name](...rest);
    else complain(`${name} is no command`);
  }

  const real = (window.pintrk = (...given) => run(given));
  real.version = '3.0';
  real.queue = { push: () => complain('the stub was called after the library had replaced it') };
  while (stub.queue.length) run(stub.queue.shift());
})();
