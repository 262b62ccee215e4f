// Stands in for Google's gtm.js with a container that hands every event on. It reads window.dataLayer from
// its beginning and then every push, as the real library does, is strict about the protocol, and says
// every violation on console.error. A hit's data is the object `ecommerce` of the event.
(function () {
  'use strict';
  const { complain, hit } = standIn('gtm', 'https://www.googletagmanager.com/a');
  const id = new URL(document.currentScript.src).searchParams.get('id');
  const layer = window.dataLayer;
  const model = {}; // what earlier pushes left, under their keys
  let started = false;

  if (!/^GTM-[A-Z0-9]{4,10}$/.test(id)) complain(`loaded for ${id}, which is no container id`);
  if (!Array.isArray(layer)) {
    complain('window.dataLayer is no array; expected it before the library');
    return;
  }
  const containers = (layer.gtmStandIn = layer.gtmStandIn || []);
  if (containers.includes(id)) {
    complain(`loaded twice for ${id}`);
    return;
  }
  containers.push(id);

  function run(one) {
    if (Object.prototype.toString.call(one) == '[object Arguments]') {
      const late = one[0] == 'consent' && one[1] == 'default' && started;
      if (late) complain('consent default came after gtm.js');
      return; // commands are the Google tag's
    }
    if (!one || typeof one != 'object' || Array.isArray(one)) {
      return complain('found what is no plain object in dataLayer, so nothing happens');
    }
    const { event, ...rest } = one;
    if (event !== undefined && typeof event != 'string') return complain('event is no text');
    if (event == 'gtm.js') {
      if (started) complain('gtm.start came twice, so page views are counted twice');
      if (!(one['gtm.start'] > 1e12)) complain('gtm.start is no moment in milliseconds');
      started = true;
      return;
    }
    if (rest.ecommerce && model.ecommerce) {
      complain(`${event}: ecommerce of an earlier event is still there; expected { ecommerce: null } first`);
    }
    for (const [key, value] of Object.entries(rest)) {
      model[key] = key == 'ecommerce' && value && model[key] ? { ...model[key], ...value } : value;
    }
    if (event === undefined) return;
    if (!started) complain(`${event} came before gtm.start`);
    if (event.startsWith('gtm.')) return complain(`${event} is the container's own name`);
    check(event, model.ecommerce || {});
    const { event_id, search_term } = model;
    hit(id, event, model.ecommerce || {}, { event_id, search_term });
  }

  function check(event, { value, currency, items, transaction_id: order }) {
    if (value !== undefined && !Number.isFinite(value)) complain(`${event}: value is no number`);
    if (value !== undefined && !currency) complain(`${event} has a value without a currency`);
    if (order === '') complain(`${event}: transaction_id is empty`);
    if (items === undefined) return;
    if (!Array.isArray(items) || !items.every((item) => typeof item.item_id == 'string')) {
      complain(`${event}: an item has no item_id`);
    }
  }

  for (let at = 0; at < layer.length; at++) run(layer[at]);
  if (!started) complain('found no gtm.start in dataLayer');
  const push = layer.push;
  layer.push = function () {
    const length = push.apply(layer, arguments);
    for (const one of arguments) run(one);
    return length;
  };
})();
