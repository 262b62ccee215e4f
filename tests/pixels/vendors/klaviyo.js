// Stands in for Klaviyo's klaviyo.js in tests: one account on a page, Active on Site when it is loaded,
// arrays in the queue, and every violation on console.error.
(function () {
  'use strict';
  const vendor = standIn('klaviyo', 'https://a.klaviyo.com/client/events/');
  const { complain } = vendor;
  const id = new URL(document.currentScript.src).searchParams.get('company_id');
  const METHODS = 'identify track trackViewedItem account cookieDomain isIdentified openForm'.split(' ');
  const PLAIN = { 'Viewed Product': '', 'Added to Cart': 'AddedItem' };

  if (window.klaviyoModulesObject) {
    return complain(`loaded twice; ${window.klaviyoModulesObject.companyId} has the page and ${id} is skipped`);
  }
  Object.defineProperty(window, 'klaviyoModulesObject', { value: { companyId: id, loadTime: new Date() } });
  window.__klKey = window.__klKey || id;
  if (window.__klKey != id) complain(`the page is kept for ${window.__klKey}, and ${id} was loaded`);
  if (document.cookie.includes('__kla_off=true')) return;

  // What its templates read beside the list: the same as the first product in it, and nothing else.
  function checkProduct(name, data) {
    const { Items, ...rest } = data;
    const [one] = Items || [];
    const beside = {};
    for (const key of Object.keys(rest)) {
      if (!/^\$/.test(key)) beside[key] = rest[key];
    }
    const expected = {};
    if (one && Object.hasOwn(PLAIN, name)) {
      for (const key of Object.keys(one)) expected[PLAIN[name] + key.replace('ItemPrice', 'Price')] = one[key];
    }
    const sorted = (object) => JSON.stringify(Object.entries(object).sort());
    if (sorted(beside) != sorted(expected)) {
      complain(`${name} has ${JSON.stringify(beside)} beside the list; expected ${JSON.stringify(expected)}`);
    }
  }

  function check(data) {
    for (const key of Object.keys(data)) if (data[key] === undefined) complain(`${key} is undefined`);
    if ('$value' in data && typeof data.$value != 'number') complain('$value is no number');
    if ('$event_id' in data && typeof data.$event_id != 'string') complain('$event_id is no text');
    if ('Items' in data && !Array.isArray(data.Items)) return complain('Items is no list');
    for (const one of data.Items || []) {
      if (typeof one.ProductID != 'string') complain('an item has no ProductID');
      for (const key of ['Quantity', 'ItemPrice']) {
        if (key in one && typeof one[key] != 'number') complain(`${key} of ${one.ProductID} is no number`);
      }
    }
  }

  function read(all) {
    for (const one of all) {
      if (!Array.isArray(one)) {
        complain('found no array in the queue');
        continue;
      }
      const [method, name, data = {}] = one;
      if (!METHODS.includes(method)) complain(`${method} is no method`);
      else if (method == 'identify') complain('identify, which nobody asked for');
      else if (method == 'track' && (typeof name != 'string' || !name)) complain('track without a name');
      else if (method == 'track' && name == 'Placed Order') complain('Placed Order is for the server');
      else if (method == 'track' && name == 'Active on Site') complain('Active on Site is said by the library');
      else if (method == 'track') {
        check(data);
        checkProduct(name, data);
        vendor.hit(id, name, data);
      }
    }
  }

  vendor.cookie('__kla_id', 'eyJjaWQiOiJ4In0', 730 * 24 * 3600);
  vendor.local('klaviyoOnsite', '{}');
  vendor.local('__kla_viewed', '[]');
  vendor.session('klaviyoPagesVisitCount', '1');
  vendor.hit(id, 'Active on Site', {});

  // A plain array, or the Proxy of Klaviyo's snippet, which hands everything on to _klOnsite.
  const waiting = Array.isArray(window.klaviyo) ? window.klaviyo : window._klOnsite || [];
  if (!window.klaviyo) complain('window.klaviyo is not there');
  read(waiting.splice(0));
  window.klaviyo = { push: (...all) => read(all) };
})();
