// What is wrong with an event, and what to do about it. Pure: the same event gives the same flags.

import { Odd, quoted } from './shown.js';
import { typed } from './typed.js';

export const SENT = ['value', 'currency', 'contents', 'order_id', 'search', 'event_id'];
const OF_CONTENTS = ['id', 'quantity', 'price', 'name'];
/** What other systems call our parameters, in small letters and without signs between. */
const OTHER_NAMES = {
  value: 'revenue total totalvalue amount price',
  currency: 'currencycode pricecurrency',
  contents: 'items products contentids lineitems content productid productids sku',
  order_id: 'transactionid transaction order ordernumber',
  search: 'searchstring searchterm query searchquery keyword q',
  event_id: '',
};
const OTHER_NAMES_OF_CONTENTS = {
  id: 'itemid productid contentid sku variantid retailerid',
  quantity: 'qty count amount number',
  price: 'itemprice unitprice value',
  name: 'itemname productname title',
};
const PERSONAL = /mail|phone|first_?name|last_?name|address|birth|^(em|ph|fn|ln|ip)$/i;
const EMAIL = /[^\s@]+@[^\s@]+\.[a-z]{2,}/i;
const ITEM = "{ id: 'tent-2p', quantity: 1, price: 49.9 }";
const EXAMPLES = {
  value: 'value: 49.9',
  currency: "currency: 'EUR'",
  contents: `contents: [${ITEM}]`,
  order_id: "order_id: 'SO-1001'",
  search: "search: 'tent'",
  event_id: "event_id: 'order-SO-1001'",
};
const LEVELS = ['error', 'warning', 'note'];

/**
 * @typedef {object} Flag reads as `where: what was found; what to do`
 * @property {'error'|'warning'|'note'} level an error costs data; a warning may; a note is to be known
 * @property {string} where
 * @property {string} text
 * @property {string[]} [platforms] keys of those it is about, when not about all
 */

/**
 * @param {{name, id, given}} event `given`: what the page handed over, as shown.js copies it
 * @param {object} around
 * @param {string[]} around.standard the standard events
 * @param {{key, name, events: object, required: object}[]} around.platforms those of the store's pixels
 * @param {{name, id, given}[]} around.earlier events of this page before it
 * @param {string[]} around.products ids in the page's own structured data
 * @returns {Flag[]} errors first
 */
export function checks({ name, id, given }, around) {
  const isObject = given && Object.getPrototypeOf(given) == Object.prototype;
  const page = isObject ? given : {};
  const taken = typed(page);
  const flags = [];
  const flag = (level, where, text, platforms) => flags.push({ level, where, text, platforms });
  const standard = checkName(name, around, flag);
  if (given && !isObject) {
    const expected = `hand over an object, as in { ${EXAMPLES.value}, ${EXAMPLES.currency} }`;
    flag('error', 'parameters', `found ${quoted(given)}; ${expected}`);
  }
  checkValue(standard, page, taken, flag);
  checkCurrency(page, taken, flag);
  checkContents(page, taken, flag);
  checkSum(taken, flag);
  checkRequired(standard, taken, around.platforms, flags, flag);
  checkTwins({ name, id, standard, taken }, around.earlier, flag);
  checkProducts(page, around, flag);
  checkUnknown(page, flag);
  checkPersonal(taken, flag);
  return flags.sort((a, b) => LEVELS.indexOf(a.level) - LEVELS.indexOf(b.level));
}

// Returns the standard event that is meant.
function checkName(name, { standard, platforms }, flag) {
  if (standard.includes(name)) return name;
  const plain = bare(name);
  const meant = plain && standard.find((one) => bare(one) == plain);
  if (meant) {
    flag('error', 'name', `${quoted(name)} is a custom event to every platform; write '${meant}'`);
    return meant;
  }
  for (const platform of platforms) {
    const own = Object.keys(platform.events).find((one) => bare(platform.events[one]) == plain);
    if (own) {
      const found = `${quoted(name)} is ${platform.name}'s own name and a custom event to the others`;
      flag('error', 'name', `${found}; write '${own}', which reaches each under its own name`);
      return own;
    }
  }
  return name;
}

function checkValue(standard, { value }, taken, flag) {
  const pays = `write what the visitor pays, as in ${EXAMPLES.value}`;
  if (value != null && value !== '' && taken.value === undefined) {
    const expected = `write it without a currency sign and with a point, as in ${EXAMPLES.value}`;
    flag('error', 'value', `${quoted(value)} is no number and is not sent; ${expected}`);
  } else if (taken.value < 0) {
    flag('error', 'value', `${taken.value} is below 0; ${pays}`);
  } else if (taken.value === 0 && standard == 'Purchase') {
    flag('warning', 'value', `0 for a Purchase; unless the order is free, ${pays}`);
  }
}

function checkCurrency({ currency }, taken, flag) {
  const found = quoted(currency);
  const example = `as in ${EXAMPLES.currency}`;
  if (currency == null || currency === '') {
    if (taken.value === undefined) return;
    flag('error', 'currency', `missing beside value, which is no money without it; add it, ${example}`);
  } else if (!/^[a-z]{3}$/i.test(currency)) {
    flag('error', 'currency', `${found} is no ISO 4217 code; write three capital letters, ${example}`);
  } else if (currency != currency.toUpperCase()) {
    flag('error', 'currency', `${found} has small letters; write '${currency.toUpperCase()}'`);
  } else if (!Intl.supportedValuesOf('currency').includes(currency)) {
    flag('warning', 'currency', `${found} is not a code in use; take it from ISO 4217, ${example}`);
  }
}

function checkContents({ contents }, taken, flag) {
  if (contents == null) return;
  if (!Array.isArray(contents)) {
    const expected = `write a list, as in ${EXAMPLES.contents}`;
    const isTaken = taken.contents.length > 0;
    const found = quoted(contents) + (isTaken ? ', taken as the only one' : ' is not sent');
    flag(isTaken ? 'note' : 'error', 'contents', `${found}; ${expected}`);
    return;
  }
  contents.forEach((one, at) => checkContent(one, `contents[${at}]`, flag));
}

function checkContent(one, where, flag) {
  if (!one || typeof one != 'object' || one instanceof Odd) {
    flag('error', where, `${quoted(one)} is not sent; write ${ITEM}`);
    return;
  }
  const keys = Object.keys(one);
  if (!one.id) {
    const other = keys.find((key) => ourName(key, OTHER_NAMES_OF_CONTENTS) == 'id');
    const found = other ? `has ${plainKey(other)} and no id` : 'has no id';
    flag('error', where, `${found}, so it is not sent; give the id of the product feed as id`);
  }
  const { quantity, price } = one;
  if (quantity != null && !(asNumber(quantity) > 0)) {
    const expected = 'write how many, as in quantity: 2';
    flag('error', `${where}.quantity`, `${quoted(quantity)} is no number above 0; ${expected}`);
  }
  if (price != null && asNumber(price) === undefined) {
    const expected = 'write the price of one, as in price: 49.9';
    flag('error', `${where}.price`, `${quoted(price)} is no number and is not sent; ${expected}`);
  }
  for (const key of keys) {
    const ours = !OF_CONTENTS.includes(key) && ourName(key, OTHER_NAMES_OF_CONTENTS);
    if (ours && ours != 'id' && one[ours] == null) {
      flag('warning', `${where}.${plainKey(key)}`, `is not sent; call it ${ours}`);
    }
  }
}

function checkSum({ value, contents }, flag) {
  if (value === undefined || !contents.length) return;
  if (contents.some((one) => one.price === undefined)) return;
  const exact = contents.reduce((sum, one) => sum + one.price * one.quantity, 0);
  const sum = Math.round(exact * 100) / 100;
  const same = (one) => Math.abs(one - sum) < 0.02;
  if (same(value)) return;
  if (sum && same(value / 100)) {
    flag('error', 'value', `${value} is a hundred times what contents add up to; write ${sum}, not cents`);
    return;
  }
  const expected = 'write the sum, unless shipping, tax or a discount is the difference';
  flag('note', 'value', `${value}, while contents add up to ${sum} (quantity x price); ${expected}`);
}

function checkRequired(standard, taken, platforms, flags, flag) {
  const missing = {};
  const isMissing = (one) => (one == 'contents' ? !taken.contents.length : taken[one] === undefined);
  // Every shop wants it, whatever the platforms say.
  if (standard == 'Purchase' && isMissing('order_id')) missing.order_id = [];
  for (const platform of platforms) {
    const required = Object.hasOwn(platform.required, standard) ? platform.required[standard] : [];
    for (const one of required) if (isMissing(one)) (missing[one] ||= []).push(platform);
  }
  for (const [one, who] of Object.entries(missing)) {
    // What is there and wrong has been said.
    if (flags.some(({ where, level }) => level == 'error' && where.split(/[[.]/)[0] == one)) continue;
    const names = listed(who.map((platform) => platform.name));
    const need = who.length > 1 ? 'need' : 'needs';
    const why = one == 'order_id' ? 'so an order told twice counts twice' : `and ${names} ${need} it`;
    const keys = who.length ? who.map((platform) => platform.key) : undefined;
    const text = `missing in ${standard}, ${why}; add it, as in ${EXAMPLES[one]}`;
    flag(who.length ? 'error' : 'warning', one, text, keys);
  }
}

function checkTwins({ name, id, standard, taken }, earlier, flag) {
  if (earlier.some((one) => one.name === name && one.id === id)) {
    const found = `${quoted(id)} was that of an earlier ${quoted(name)} on this page`;
    flag('error', 'event_id', `${found}, so this one is not sent; give each event an id of its own`);
    return;
  }
  const { order_id: order } = taken;
  const told = (one) => one.name == standard && typed(one.given || {}).order_id === order;
  if (standard == 'Purchase' && order !== undefined && earlier.some(told)) {
    const expected = 'announce each order once';
    flag('error', 'order_id', `${quoted(order)} was in an earlier Purchase on this page; ${expected}`);
  }
}

function checkProducts({ contents }, { earlier, products }, flag) {
  const ids = (given) => typed({ contents: given }).contents.map(({ id }) => id);
  const known = [...new Set([...products, ...earlier.flatMap((one) => ids((one.given || {}).contents))])];
  if (!known.length || !Array.isArray(contents)) return;
  contents.forEach((one, at) => {
    const [id] = ids([one]);
    if (id === undefined || known.includes(id)) return;
    const close = known.find((other) => other.toLowerCase() == id.toLowerCase());
    const there = close
      ? `${quoted(close)} differs in its capitals`
      : `which has ${listed(known.slice(0, 3).map(quoted))}${known.length > 3 ? ' and more' : ''}`;
    const found = `${quoted(id)} is not matching any product of this page, ${there}`;
    flag('warning', `contents[${at}].id`, `${found}; give the id of the product feed`);
  });
}

function checkUnknown(page, flag) {
  const rest = [];
  for (const key of Object.keys(page)) {
    if (SENT.includes(key)) continue;
    const ours = ourName(key, OTHER_NAMES);
    if (PERSONAL.test(key)) {
      flag('warning', plainKey(key), 'is personal and never sent; leave it out');
    } else if (ours && page[ours] == null) {
      flag('warning', plainKey(key), `is not sent; call it ${ours}, as in ${EXAMPLES[ours]}`);
    } else rest.push(plainKey(key));
  }
  if (rest.length) flag('note', rest.slice(0, 8).join(', '), `not sent; sent are ${listed(SENT)}`);
}

function checkPersonal({ order_id, search, contents }, flag) {
  const inside = contents.flatMap(({ id, name }) => [['contents id', id], ['contents name', name]]);
  for (const [where, text] of [['order_id', order_id], ['search', search], ...inside]) {
    if (EMAIL.test(text || '')) {
      flag('error', where, 'looks like an e-mail address, which every platform forbids; leave it out');
    }
  }
}

function ourName(key, names) {
  const plain = bare(key);
  return Object.keys(names).find((one) => bare(one) == plain || names[one].split(' ').includes(plain));
}

function bare(name) {
  return typeof name == 'string' ? name.toLowerCase().replace(/[\W_]/g, '') : '';
}

function plainKey(key) {
  return quoted(key).slice(1, -1);
}

function asNumber(value) {
  return typed({ value }).value;
}

/** `a`, `a and b`, `a, b and c`. */
export function listed(names) {
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}
