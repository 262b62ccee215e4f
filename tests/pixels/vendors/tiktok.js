// Stands in for TikTok's events.js, which is loaded once for each pixel. It takes the queues ttq and
// ttq._i[id] over by replacing their methods, as the real library does, is strict about the protocol, and
// says every violation on console.error. It collects by itself unless auto_config is false.
(function () {
  'use strict';
  const { complain, hit, cookie, session } = standIn('tiktok', 'https://analytics.tiktok.com/api/v2/pixel');
  const METHODS = (
    'page track identify instances debug on off once ready alias group enableCookie disableCookie ' +
    'holdConsent revokeConsent grantConsent'
  ).split(' ');
  const MONTHS_13 = 395 * 24 * 3600;
  const asked = new URL(document.currentScript.src).searchParams;
  const code = asked.get('sdkid');
  const ttq = window.ttq;

  if (!Array.isArray(ttq) || window.TiktokAnalyticsObject != 'ttq') {
    complain('window.ttq is no array, or TiktokAnalyticsObject does not name it');
    return;
  }
  if (asked.get('lib') != 'ttq') complain('loaded without lib=ttq');
  if (!/^[A-Z0-9]{18,24}$/.test(code)) complain(`loaded for ${code}, which is no pixel id`);

  // What all pixels of the page have in common, made by the first library.
  const shared = (ttq.standIn = ttq.standIn || takeOver());

  function takeOver() {
    const all = { pixels: {}, consent: 'granted', held: [] };
    const commands = {
      holdConsent: () => void (all.consent = 'held'),
      revokeConsent() {
        all.consent = 'revoked';
        all.held.length = 0;
      },
      grantConsent() {
        all.consent = 'granted';
        while (all.held.length) all.held.shift()();
      },
      enableCookie() {},
      disableCookie() {},
      page: () => Object.values(all.pixels).forEach((pixel) => pixel.page()),
      track: (...given) => Object.values(all.pixels).forEach((pixel) => pixel.track(...given)),
    };
    for (const name of METHODS) {
      if (typeof ttq[name] != 'function') complain(`the stub lacks ${name}`);
      ttq[name] = (...given) => command(name, given);
    }
    if (typeof ttq.instance != 'function' || typeof ttq.load != 'function') {
      complain('the stub lacks instance or load');
    }
    const queued = ttq.instance;
    ttq.instance = (one) => all.pixels[one] || queued(one);

    function command(name, given) {
      if (commands[name]) commands[name](...given);
      else complain(`${name} is not expected here`);
    }

    all.early = () => ttq.splice(0).forEach((one) => replay(one, command));
    ttq.push = () => complain('ttq.push was called after the library was there; expected its methods');
    return all;
  }

  function replay(one, command) {
    if (!Array.isArray(one) || !METHODS.includes(one[0])) {
      return complain('found no array [method, ...] in the queue, so nothing happens');
    }
    command(one[0], one.slice(1));
  }

  if (shared.pixels[code]) {
    complain(`loaded twice for ${code}`);
    return;
  }
  const queue = ttq._i && ttq._i[code];
  const options = ttq._o && ttq._o[code];
  if (!Array.isArray(queue) || !/^https:/.test(queue._u)) complain(`_i of ${code} is no queue with _u`);
  if (!ttq._t || !(ttq._t[code] > 1e12)) complain(`_t of ${code} is no moment in milliseconds`);
  if (!options || typeof options != 'object') complain(`_o of ${code} has no options`);

  const pixel = {
    page(...given) {
      if (given.length) complain('page takes nothing');
      fire('Pageview', {}, {});
    },
    track(name, data, { event_id } = {}) {
      check(name, data || {}, event_id);
      fire(name, data, { event_id });
    },
  };
  for (const name of METHODS) {
    pixel[name] = pixel[name] || (() => complain(`${name} of one pixel is not expected here`));
  }
  shared.pixels[code] = pixel;
  shared.early();

  function check(name, data, eventId) {
    if (typeof name != 'string' || !name) complain('track takes the name of an event first');
    if (name == 'Pageview') complain('Pageview is sent by page');
    if (typeof eventId != 'string') complain(`${name} has no event_id beside its properties`);
    if ('value' in data && !Number.isFinite(data.value)) complain(`${name}: value is no number`);
    if ('value' in data && !data.currency) complain(`${name} has a value without a currency`);
    if (!('contents' in data)) return;
    if (!Array.isArray(data.contents)) return complain(`${name}: contents is no array`);
    if (!data.content_type) complain(`${name}: contents without content_type`);
    for (const one of data.contents) {
      if (typeof one.content_id != 'string') complain(`${name}: a product has no content_id`);
      if (!Number.isFinite(one.quantity)) complain(`${name}: quantity is no number`);
    }
  }

  function fire(name, data, beside) {
    if (shared.consent == 'revoked') return;
    if (shared.consent == 'held') return void shared.held.push(() => fire(name, data, beside));
    remember();
    hit(code, name, data, { ...beside, ...(options?.limited_data_use === true && { ldu: true }) });
  }

  function remember() {
    const letter = () => 'aB3dE9'[Math.floor(Math.random() * 6)];
    const random = () => Array.from({ length: 27 }, letter).join('');
    cookie('_ttp', random(), MONTHS_13);
    cookie('_tt_enable_cookie', '1', MONTHS_13);
    cookie('ttcsid', `${Date.now()}::${random()}`, MONTHS_13);
    cookie(`ttcsid_${code}`, `${Date.now()}::${random()}`, MONTHS_13);
    const click = new URLSearchParams(location.search).get('ttclid');
    if (click) cookie('ttclid', click, MONTHS_13);
    session('tt_sessionId', random());
    session('tt_pixel_session_index', '{}');
    session('tt_appInfo', '{}');
  }

  if (options?.auto_config !== false) fire('Metadata', {}, {});
  if (queue) for (const one of queue.splice(0)) replay(one, (name, given) => pixel[name](...given));
})();
