// Stands in for LinkedIn's insight.min.js: takes the arrays of `lintrk.q`, puts its own function in
// the place of `lintrk`, and sends a page view of its own unless `_wait_for_lintrk` holds it back.
(function () {
  'use strict';
  const { complain, hit, cookie } = standIn('linkedin', 'https://px.ads.linkedin.com/collect');
  const KINDS = {
    conversion_id: 'number',
    conversion_value: 'number',
    currency: 'string',
    event_id: 'string',
  };
  const stub = window.lintrk;

  if (typeof stub != 'function') return complain('window.lintrk is no function; expected the stub before the library');
  if (!stub.q) return complain('loaded twice; expected once for all partners');
  if (!Array.isArray(stub.q)) return complain('lintrk.q is no array, so what was said before is lost');

  // At each call: an id that comes later is there from then on.
  function partners() {
    const all = [].concat(window._linkedin_data_partner_ids || []);
    for (const id of all) if (!/^[0-9]+$/.test(id)) complain(`${id} is no partner id`);
    return [...new Set(all.filter((id) => /^[0-9]+$/.test(id)))];
  }

  window.lintrk = function (command = 'track', data = {}) {
    if (command != 'track') return complain(`${command} is no command`);
    const ids = partners();
    if (!ids.length) return complain('track without a partner id');
    for (const [key, value] of Object.entries(data)) {
      if (!Object.hasOwn(KINDS, key)) complain(`${key} is unknown`);
      else if (typeof value != KINDS[key]) complain(`${key} is a ${typeof value}`);
    }
    const { conversion_id: conversion, ...rest } = data;
    if (Number.isNaN(conversion)) return complain('conversion_id is no number');
    if (conversion === undefined && Object.keys(rest).length) complain('a page view takes no parameters');
    if (rest.conversion_value !== undefined && !rest.currency) complain('conversion_value without a currency');
    const month = 30 * 24 * 3600;
    cookie('li_fat_id', '6b7ad2a8-1f0c-4d5e-9a33-0c2f1d6f0b11', month);
    cookie('li_giant', '1', month / 4);
    cookie('ln_or', 'eyIx', month / 30);
    for (const id of ids) hit(String(id), conversion === undefined ? 'track' : String(conversion), rest, {});
  };

  if (!window._linkedin_partner_id) complain('_linkedin_partner_id is missing');
  for (const call of stub.q.splice(0)) {
    if (Array.isArray(call)) window.lintrk.apply(null, call);
    else complain('found no array in the queue');
  }
  if (!window._wait_for_lintrk && !window._already_called_lintrk) {
    window.lintrk('track');
    window._already_called_lintrk = true;
  }
})();
