// Stands in for Meta's fbevents.js in the demo and in tests. It takes a page's queue over as the real
// library does, is strict about the protocol, and says every violation on console.error.
//
// Hits go to Meta's own address. Loaded with `?hits=panel`, it sends nothing at all and only tells
// the page, by the event `vendor:hit` on window: { platform, url, params }, and what the page had
// said: { id, event, data, options }.
(function () {
  'use strict';
  const panelOnly = /[?&]hits=panel\b/.test(document.currentScript ? document.currentScript.src : '');
  const STANDARD = (
    'PageView ViewContent Search AddToCart AddToWishlist InitiateCheckout AddPaymentInfo Purchase Lead ' +
    'CompleteRegistration Contact CustomizeProduct Donate FindLocation Schedule StartTrial ' +
    'SubmitApplication Subscribe'
  ).split(' ');
  const DAYS_90 = 90 * 24 * 3600;

  const fbq = window.fbq;
  const pixels = []; // ids, in order of init
  const manual = []; // ids whose automatic configuration was switched off
  const held = []; // events while consent is revoked
  let revoked = false;
  let count = 0; // in every hit, so that the browser takes no two for one picture
  let limits = null; // [options, country, state] once said

  const complain = (text) => console.error('fbevents.js stand-in: ' + text);

  if (typeof fbq != 'function' || !Array.isArray(fbq.queue)) {
    complain('window.fbq has no queue; expected the stub before the library');
    return;
  }
  if (fbq.callMethod) {
    complain('loaded twice; expected once for all pixels');
    return;
  }
  if (fbq.version != '2.0' || !fbq.loaded || fbq.push !== fbq) {
    complain('the stub lacks version, loaded or push');
  }

  const commands = {
    consent(word) {
      if (word != 'grant' && word != 'revoke') return complain(`consent ${word} is unknown`);
      revoked = word == 'revoke';
      while (!revoked && held.length) held.shift()();
    },
    dataProcessingOptions(options, country, state) {
      if (!Array.isArray(options)) return complain('dataProcessingOptions takes an array');
      const said = [options.join(','), country || 0, state || 0];
      if (pixels.length && String(said) != String(limits)) complain('dataProcessingOptions came after init');
      limits = said;
    },
    set(name, value, id) {
      if (name != 'autoConfig') return;
      if (pixels.includes(id)) complain(`autoConfig of ${id} came after its init`);
      else if (value === false) manual.push(id);
    },
    init(id) {
      if (!/^[1-9][0-9]{5,19}$/.test(id)) return complain(`init of ${id}, which is no pixel id`);
      if (pixels.includes(id)) return complain(`init of ${id} came twice`);
      pixels.push(id);
      if (!manual.includes(id)) fire(id, 'Microdata', {}, '');
    },
    track(name, data, options) {
      standard(name);
      pixels.forEach((id) => fire(id, name, data, options));
    },
    trackCustom(name, data, options) {
      pixels.forEach((id) => fire(id, name, data, options));
    },
    trackSingle(id, name, data, options) {
      standard(name);
      single(id, name, data, options);
    },
    trackSingleCustom(id, name, data, options) {
      if (STANDARD.includes(name)) complain(`${name} is a standard event sent as a custom one`);
      single(id, name, data, options);
    },
  };

  function standard(name) {
    if (!STANDARD.includes(name)) complain(`${name} is no standard event`);
  }

  function single(id, name, data, options) {
    if (pixels.includes(id)) fire(id, name, data, options);
    else complain(`${name} for ${id}, which had no init`);
  }

  function run(command) {
    if (Object.prototype.toString.call(command) != '[object Arguments]') {
      return complain('found no Arguments object in the queue, so nothing happens');
    }
    const [name, ...rest] = command;
    if (Object.prototype.hasOwnProperty.call(commands, name)) commands[name](...rest);
    else complain(`${name} is no command`);
  }

  function fire(id, name, data, options) {
    if (revoked) {
      held.push(() => fire(id, name, data, options));
      return;
    }
    const query = { id, ev: name, dl: location.href, rl: document.referrer, ts: Date.now(), ec: count++, v: '2.9' };
    if (options && options.eventID) query.eid = options.eventID;
    for (const [key, value] of Object.entries(data || {})) {
      query[`cd[${key}]`] = typeof value == 'object' ? JSON.stringify(value) : value;
    }
    if (limits) [query.dpo, query.dpoco, query.dpost] = limits;
    query.fbp = remembered('_fbp', () => `${Date.now()}.${String(Math.random()).slice(2, 12)}`);
    const click = new URLSearchParams(location.search).get('fbclid');
    if (click) query.fbc = remembered('_fbc', () => `${Date.now()}.${click}`);
    send('https://www.facebook.com/tr/', query, { id, event: name, data: data || {}, options: options || {} });
  }

  function send(address, query, read) {
    const url = `${address}?${new URLSearchParams(query)}`;
    if (!panelOnly) new Image().src = url;
    const params = Object.fromEntries(Object.entries(query).map(([key, value]) => [key, String(value)]));
    dispatchEvent(new CustomEvent('vendor:hit', { detail: { platform: 'meta', url, params, ...read } }));
  }

  // The cookie of that name, made on the highest domain that the browser accepts.
  function remembered(name, rest) {
    const read = () => (`; ${document.cookie}`.split(`; ${name}=`)[1] || '').split(';')[0];
    if (read()) return read();
    const labels = location.hostname.split('.');
    for (let from = labels.length - 1; from >= 0; from--) {
      const value = `fb.${labels.length - 1 - from}.${rest()}`;
      const cookie = `${name}=${value}; Path=/; Max-Age=${DAYS_90}; SameSite=Lax`;
      document.cookie = `${cookie}; Domain=.${labels.slice(from).join('.')}`;
      if (!read() && from == 0) document.cookie = cookie;
      if (read()) return value;
    }
    return '';
  }

  const pushState = history.pushState;
  history.pushState = function () {
    pushState.apply(history, arguments);
    if (!window.fbq.disablePushState) pixels.forEach((id) => fire(id, 'PageView', {}, ''));
  };

  fbq.callMethod = function () {
    run(arguments);
  };
  while (fbq.queue.length) run(fbq.queue.shift());
})();
