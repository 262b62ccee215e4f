// Stands in for matomo.js in tests. As the library does, it makes a first tracker if something waits in
// _paq, runs some methods before all others, runs every entry for every tracker that was configured there,
// and gives trackers that stand alone by Matomo.getTracker. Every violation goes to console.error.
//
// A hit goes to the tracker's own address, and its id is written as the store writes it: site@host.
(function () {
  'use strict';
  if (window.Matomo) return; // a second copy does nothing
  const say = standIn('matomo', '').complain;
  const DAY = 24 * 3600;
  const FIRST =
    'addTracker forgetCookieConsentGiven requireCookieConsent disableCookies setTrackerUrl setSiteId ' +
    'enableLinkTracking setCookieConsentGiven requireConsent setConsentGiven';
  const trackers = []; // those of _paq

  const given = (value) => value !== undefined && value !== null && value !== false;
  const text = (value) => typeof value == 'string' && value !== '';

  function cookies() {
    return document.cookie.split('; ').map((part) => part.split('=')[0]);
  }

  class Tracker {
    #url;
    #site;
    #cart = {};
    #view; // the product that waits for its page view
    #consent = !cookies().includes('mtm_consent_removed');
    #cookieless = false;
    #held = [];

    constructor(url = '', site = '') {
      this.#url = url;
      this.#site = site;
    }

    #request(event, data) {
      if (!this.#url || !this.#site) return say(`${event} by a tracker without address or site`);
      if (!this.#consent) return this.#held.push([event, data]);
      if (!this.#cookieless) this.#remember();
      const vendor = (this.vendor ||= standIn('matomo', this.#url));
      const place = this.#url.replace(/^https:\/\//, '').replace(/\/matomo\.php$/, '');
      vendor.hit(`${this.#site}@${place}`, event, data, this.#cookieless ? { cookieless: true } : {});
    }

    #remember() {
      const { cookie } = standIn('matomo', this.#url);
      cookie(`_pk_id.${this.#site}.1fff`, 'abc', 393 * DAY);
      cookie(`_pk_ses.${this.#site}.1fff`, '1', 1800);
      cookie(`_pk_ref.${this.#site}.1fff`, 'abc', 182 * DAY);
    }

    #sale(event, data) {
      if (typeof data.grandTotal != 'number') return say(`${event} without a total, so nothing happens`);
      const items = Object.values(this.#cart);
      this.#request(event, items.length ? { ...data, items } : data);
    }

    setTrackerUrl(url) {
      this.#url = url;
    }
    setSiteId(site) {
      this.#site = site;
    }
    getTrackerUrl() {
      return this.#url;
    }
    getSiteId() {
      return this.#site;
    }
    addTracker(url, site) {
      trackers.push(new Tracker(url, site));
    }
    setCustomUrl(url) {
      if (!/^https?:/.test(url)) say(`setCustomUrl of ${url}`);
    }
    setDocumentTitle(title) {
      if (typeof title != 'string') say('setDocumentTitle takes a text');
    }
    enableLinkTracking() {
      say('enableLinkTracking, which nobody asked for');
    }
    enableHeartBeatTimer() {
      say('enableHeartBeatTimer, which nobody asked for');
    }

    requireConsent() {
      this.#consent = cookies().includes('mtm_consent');
      if (!this.#consent) this.#cookieless = true;
    }
    setConsentGiven() {
      this.#consent = true;
      this.#cookieless = false;
      document.cookie = 'mtm_consent_removed=; Path=/; Max-Age=0';
      for (const [event, data] of this.#held.splice(0)) this.#request(event, data);
    }
    forgetConsentGiven() {
      standIn('matomo', this.#url).cookie('mtm_consent_removed', '1', 30 * 365 * DAY);
      this.requireConsent();
    }
    disableCookies() {
      this.#cookieless = true;
    }
    deleteCookies() {
      const labels = location.hostname.split('.');
      for (const name of cookies().filter((one) => /^_pk_/.test(one) && one.split('.')[1] == this.#site)) {
        for (const from of [...labels.keys()]) {
          document.cookie = `${name}=; Path=/; Max-Age=0; Domain=.${labels.slice(from).join('.')}`;
        }
        document.cookie = `${name}=; Path=/; Max-Age=0`;
      }
    }

    trackPageView() {
      const view = this.#view;
      this.#view = null;
      this.#request(view ? 'setEcommerceView' : 'trackPageView', view || {});
    }
    setEcommerceView(sku, name, category, price) {
      if (this.#view) say('setEcommerceView was not followed by trackPageView');
      if (!text(sku)) say(`setEcommerceView of ${sku}, which is no sku`);
      if (given(name) && !text(name)) say('a product has a name that is no text');
      if (given(category)) say('a category, which nobody asked for');
      if (given(price) && typeof price != 'number') say('a product has a price that is no number');
      this.#view = { productSKU: sku, productName: name, price };
    }
    clearEcommerceCart() {
      this.#cart = {};
    }
    addEcommerceItem(sku, name, category, price, quantity) {
      if (!text(sku)) return say(`addEcommerceItem of ${sku}, which is no sku`);
      if (given(name) && !text(name)) say(`${sku} has a name that is no text`);
      if (given(category)) say('a category, which nobody asked for');
      if (given(price) && typeof price != 'number') say(`${sku} has a price that is no number`);
      if (typeof quantity != 'number') say(`${sku} has a quantity that is no number`);
      this.#cart[sku] = { productSKU: sku, productName: name, price, quantity };
    }
    trackEcommerceCartUpdate(grandTotal) {
      this.#sale('trackEcommerceCartUpdate', { grandTotal });
    }
    trackEcommerceOrder(orderId, grandTotal) {
      if (!text(orderId)) return say('trackEcommerceOrder without a number');
      this.#sale('trackEcommerceOrder', { orderId, grandTotal });
      this.#cart = {};
    }
    trackSiteSearch(keyword) {
      if (!text(keyword)) return say('trackSiteSearch without a word');
      this.#request('trackSiteSearch', { keyword });
    }
    trackEvent(category, action) {
      if (!text(category) || !text(action)) return say('trackEvent without category or action');
      this.#request(action, {});
    }
  }

  function apply(entry) {
    if (!Array.isArray(entry)) return say('found no array in _paq');
    const [method, ...rest] = entry;
    for (const tracker of [...trackers]) {
      if (typeof method == 'function') {
        method.apply(tracker, rest);
        continue;
      }
      if (typeof tracker[method] != 'function') return say(`${method} is no method`);
      tracker[method](...rest);
      if (/^(addTracker|setTrackerUrl|setSiteId)$/.test(method)) break;
    }
  }

  window.Matomo = {
    getTracker: (url, site) => {
      if (!/^https:\/\/.+\/matomo\.php$/.test(url)) say(`getTracker of ${url}, which is no matomo.php`);
      return new Tracker(url, site);
    },
    getAsyncTrackers: () => trackers,
  };
  const waiting = window._paq;
  if (!Array.isArray(waiting) || !waiting.length) {
    window._paq = { push: () => say('_paq.push() before a tracker was made') };
    return;
  }
  trackers.push(new Tracker());
  for (const method of FIRST.split(' ')) {
    for (const at of waiting.keys()) {
      if (waiting[at] && waiting[at][0] == method) {
        apply(waiting[at]);
        delete waiting[at];
      }
    }
  }
  waiting.forEach((entry) => apply(entry));
  window._paq = { push: (...entries) => entries.forEach(apply) };
})();
