// Stands in for Google's gtag.js in the demo and in tests. It takes window.dataLayer over as the real
// library does, is strict about the protocol, and says every violation on console.error.
//
// Hits go to Google's own addresses, also without consent: then without cookies, and `gcs` says so.
// Loaded with `hits=panel` in its address, it sends nothing at all and only tells the page, by the
// event `vendor:hit` on window: { platform, url, params }, and what the page had said: { id, event, data,
// options }. With `region=US-CA` it is there; without, it is in no region. It does not wait for an update.
// `dataLayer.standIn` is the state of consent.
(function () {
  'use strict';
  const address = document.currentScript ? document.currentScript.src : '';
  const panelOnly = /[?&]hits=panel\b/.test(address);
  const here = (/[?&]region=([A-Z]{2}(?:-[A-Z0-9]{1,3})?)\b/.exec(address) || ['', ''])[1];
  const KNOWN = ['js', 'config', 'event', 'consent', 'set', 'get'];
  const TYPES = (
    'ad_storage ad_user_data ad_personalization analytics_storage functionality_storage ' +
    'personalization_storage security_storage'
  ).split(' ');
  const YEARS_2 = 2 * 365 * 24 * 3600;
  const DAYS_90 = 90 * 24 * 3600;

  const layer = (window.dataLayer = window.dataLayer || []);
  const targets = []; // ids, in order of config
  const consent = {};
  const exactness = {}; // of the default that holds for a type: 0 everywhere, 1 country, 2 subdivision
  const SETTINGS = ['ads_data_redaction', 'url_passthrough'];
  const settings = {};
  const CLICK_IDS = ['gclid', 'dclid', 'gclsrc', 'wbraid', 'gbraid', '_gl'];
  let defaulted = false;
  let updated = false;
  let started = false;
  let count = 0; // in every hit, so that the browser takes no two for one picture

  const complain = (text) => console.error('gtag.js stand-in: ' + text);
  const granted = (type) => consent[type] != 'denied';

  if (layer.standIn) {
    complain('loaded twice; expected once for all ids');
    return;
  }
  layer.standIn = consent;

  const commands = {
    js(moment) {
      if (started) complain('js came twice');
      if (!(moment instanceof Date)) complain('js takes a Date');
      started = true;
    },
    consent(word, states) {
      const { region, wait_for_update: wait, ...types } = states;
      if (word == 'default') {
        if (targets.length) complain('consent default came after config');
        if (updated) complain('consent default came after update');
        if (wait !== undefined && !(wait > 0)) complain('wait_for_update is no number of milliseconds');
        if (!region) defaulted = true;
      } else if (word == 'update') {
        updated = true;
        if (region || wait) complain('region and wait_for_update belong to a default');
      } else {
        return complain(`consent ${word} is unknown`);
      }
      const exact = word == 'default' ? exactnessOf(region) : 3;
      for (const [type, state] of Object.entries(types)) {
        if (!TYPES.includes(type)) complain(`consent type ${type} is unknown`);
        else if (state != 'granted' && state != 'denied') complain(`consent state ${state} is unknown`);
        else if (exact >= (exactness[type] || 0)) {
          consent[type] = state;
          exactness[type] = exact;
        }
      }
      targets.forEach(remember);
    },
    config(id, options) {
      if (!/^(G-[A-Z0-9]{4,12}|AW-[0-9]{6,12})$/.test(id)) return complain(`config of ${id}, which is no id`);
      if (!started) complain('config came before js');
      if (!defaulted) complain('config came before consent default, so everything counts as granted');
      if (targets.includes(id)) return complain(`config of ${id} came twice`);
      targets.push(id);
      remember(id);
      if (!options || options.send_page_view !== false) hit(id, '', 'page_view', {});
    },
    event(name, params) {
      check(name, params || {});
      const { send_to: to, ...rest } = params || {};
      for (const target of to ? [].concat(to) : targets) {
        const [id, label] = target.split('/');
        if (targets.includes(id)) hit(id, label || '', name, rest);
        else complain(`${name} for ${id}, which had no config`);
      }
    },
    set(name, value) {
      for (const [key, one] of Object.entries(typeof name == 'object' ? name : { [name]: value })) {
        if (key == 'restricted_data_processing') restricted = one;
        if (!SETTINGS.includes(key)) continue;
        if (typeof one != 'boolean') complain(`${key} takes true or false`);
        if (targets.length) complain(`${key} came after config`);
        settings[key] = one;
      }
    },
    get() {},
  };

  // The most specific region wins, whatever the order; -1 is another place.
  function exactnessOf(region) {
    if (!region) return 0;
    if (!Array.isArray(region) || !region.every((code) => /^[A-Z]{2}(-[A-Z0-9]{1,3})?$/.test(code))) {
      complain('region is no array of ISO 3166-2 codes');
      return -1;
    }
    if (here.includes('-') && region.includes(here)) return 2;
    return here && region.includes(here.slice(0, 2)) ? 1 : -1;
  }

  function check(name, params) {
    if (!/^[A-Za-z]\w{0,39}$/.test(name) || /^(firebase_|ga_|google_)/.test(name)) {
      complain(`event name ${name} is not allowed`);
    }
    if (params.transaction_id === '') complain('transaction_id is empty');
    if ('value' in params && !params.currency) complain(`${name} has a value without a currency`);
    for (const [key, value] of Object.entries(params)) {
      if (key != 'items' && key != 'send_to' && typeof value == 'object') complain(`${key} is no plain value`);
    }
  }

  function run(command) {
    if (Object.prototype.toString.call(command) != '[object Arguments]') {
      // A plain object is data, for a container. An array that reads like a command is a mistake.
      if (Array.isArray(command) && KNOWN.includes(command[0])) {
        complain(`${command[0]} is an array and no Arguments object, so nothing happens`);
      }
      return;
    }
    const [name, ...rest] = command;
    if (KNOWN.includes(name)) commands[name](...rest);
    else complain(`${name} is no command`);
  }

  let restricted = false;
  let read; // the event at hand, as the page said it

  function hit(id, label, name, { send_to: to, ...params }) {
    if (window['ga-disable-' + id] === true) return;
    read = { id, event: label || name, data: params, options: restricted ? { rdp: 1 } : {} };
    const gcs = 'G1' + Number(granted('ad_storage')) + Number(granted('analytics_storage'));
    if (id.startsWith('G-')) measure(id, name, params, gcs);
    else if (label) convert(id, label, params, gcs);
    else if (name == 'conversion') complain(`conversion for ${id} without a label`);
    else remarket(id, name, params, gcs);
  }

  function measure(id, name, params, gcs) {
    const query = { v: '2', tid: id, en: name, gcs, _s: ++count, dl: location.href, dr: document.referrer };
    query.cid = granted('analytics_storage') ? cookie('_ga').split('.').slice(-2).join('.') : '';
    for (const [key, value] of Object.entries(params)) {
      if (key == 'currency') query.cu = value;
      else if (key != 'items') query[(typeof value == 'number' ? 'epn.' : 'ep.') + key] = value;
    }
    (params.items || []).forEach((item, at) => {
      if (!item.item_id && !item.item_name) complain('an item has neither item_id nor item_name');
      const fields = { id: item.item_id, nm: item.item_name, qt: item.quantity, pr: item.price };
      query[`pr${at + 1}`] = Object.entries(fields)
        .filter(([, value]) => value !== undefined)
        .map(([key, value]) => key + String(value).replace(/~/g, '~~'))
        .join('~');
    });
    send('ga4', 'https://www.google-analytics.com/g/collect', query);
  }

  function convert(id, label, params, gcs) {
    const where = advertising('www.googleadservices.com');
    const query = { label, ...money(params), ...read.options, gcs, random: ++count, url: landing() };
    send('google-ads', `https://${where}/pagead/conversion/${id.slice(3)}/`, query);
  }

  function remarket(id, name, params, gcs) {
    const data = (params.items || []).map((item) => {
      if (!item.id || !item.google_business_vertical) complain('an item lacks id or google_business_vertical');
      return item.id;
    });
    const where = advertising('googleads.g.doubleclick.net');
    const query = { en: name, ...money(params), ...read.options, gcs, random: ++count, url: landing() };
    if (data.length) query.data = `event=${name};id=${data.join(',')}`;
    send('google-ads', `https://${where}/pagead/viewthroughconversion/${id.slice(3)}/`, query);
  }

  // ads_data_redaction: while ad_storage is denied, a domain without cookies and no click ids.
  function redacts() {
    return settings.ads_data_redaction && !granted('ad_storage');
  }

  function advertising(host) {
    return redacts() ? 'pagead2.googlesyndication.com' : host;
  }

  function landing() {
    const url = new URL(location.href);
    if (redacts()) CLICK_IDS.forEach((name) => url.searchParams.delete(name));
    return url.href;
  }

  // url_passthrough: while ad_storage is denied, click ids go on in the links to the shop's own pages.
  document.addEventListener(
    'click',
    (event) => {
      const link = event.target instanceof Element && event.target.closest('a[href]');
      if (!link || !settings.url_passthrough || granted('ad_storage') || link.host != location.host) return;
      const url = new URL(link.href);
      for (const [name, value] of new URLSearchParams(location.search)) {
        if (CLICK_IDS.includes(name)) url.searchParams.set(name, value);
      }
      link.href = url.href;
    },
    true,
  );

  function money(params) {
    const query = {};
    if (params.value !== undefined) query.value = params.value;
    if (params.currency) query.currency_code = params.currency;
    if (params.transaction_id) query.oid = params.transaction_id;
    return query;
  }

  function send(platform, address, query) {
    const url = `${address}?${new URLSearchParams(query)}`;
    if (!panelOnly) new Image().src = url;
    const params = Object.fromEntries(Object.entries(query).map(([key, value]) => [key, String(value)]));
    dispatchEvent(new CustomEvent('vendor:hit', { detail: { platform, url, params, ...read } }));
  }

  // What a configured id stores as soon as its storage is granted.
  function remember(id) {
    const random = () => String(Math.random()).slice(2, 11);
    const seconds = Math.floor(Date.now() / 1000);
    if (id.startsWith('G-') && granted('analytics_storage')) {
      keep('_ga', `GA1.1.${random()}.${seconds}`, YEARS_2);
      keep('_ga_' + id.slice(2), `GS2.1.s${seconds}$o1`, YEARS_2);
    }
    if (id.startsWith('AW-') && granted('ad_storage')) {
      keep('_gcl_au', `1.1.${random()}.${seconds}`, DAYS_90);
      const click = new URLSearchParams(location.search).get('gclid');
      if (click) keep('_gcl_aw', `GCL.${seconds}.${click}`, DAYS_90);
    }
  }

  function cookie(name) {
    return (`; ${document.cookie}`.split(`; ${name}=`)[1] || '').split(';')[0];
  }

  // On the highest domain that the browser accepts.
  function keep(name, value, seconds) {
    const labels = location.hostname.split('.');
    for (let from = labels.length - 1; from >= -1 && !cookie(name); from--) {
      const domain = from < 0 ? '' : `; Domain=.${labels.slice(from).join('.')}`;
      document.cookie = `${name}=${value}; Path=/; Max-Age=${seconds}; SameSite=Lax${domain}`;
    }
  }

  for (let at = 0; at < layer.length; at++) run(layer[at]);
  const push = layer.push;
  layer.push = function () {
    const length = push.apply(layer, arguments);
    for (const command of arguments) run(command);
    return length;
  };
})();
