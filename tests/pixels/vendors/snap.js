// Stands in for Snap's scevent.min.js. It takes the queue over by setting snaptr.handleRequest, as the real
// library does, is strict about the protocol, and says every violation on console.error. Every pixel of
// the page gets every event, and nothing that the page can say stops it.
(function () {
  'use strict';
  const { complain, hit, cookie, isArguments } = standIn('snap', 'https://tr.snapchat.com/p');
  const NAMES = (
    'PAGE_VIEW VIEW_CONTENT ADD_CART START_CHECKOUT ADD_BILLING PURCHASE SIGN_UP SEARCH SAVE APP_OPEN ' +
    'SUBSCRIBE AD_CLICK AD_VIEW COMPLETE_TUTORIAL LEVEL_COMPLETE INVITE LOGIN SHARE RESERVE ' +
    'ACHIEVEMENT_UNLOCKED ADD_TO_WISHLIST SPENT_CREDITS RATE START_TRIAL LIST_VIEW CUSTOM_EVENT_1 ' +
    'CUSTOM_EVENT_2 CUSTOM_EVENT_3 CUSTOM_EVENT_4 CUSTOM_EVENT_5'
  ).split(' ');
  const DAY = 24 * 3600;
  const random = () => String(Math.random()).slice(2);
  const snaptr = window.snaptr;
  const pixels = []; // ids, in order of init

  if (typeof snaptr != 'function' || !Array.isArray(snaptr.queue)) {
    complain('window.snaptr has no queue; expected the stub before the library');
    return;
  }
  if (snaptr.handleRequest) {
    complain('loaded twice; expected once for all pixels');
    return;
  }

  const commands = {
    init(id, who) {
      if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(id)) {
        return complain(`init of ${id}, which is no pixel id`);
      }
      if (pixels.includes(id)) return complain(`init of ${id} came twice`);
      if (Object.keys(who || {}).length) complain('init hands over who the visitor is');
      pixels.push(id);
    },
    track(name, data) {
      if (!NAMES.includes(name)) return complain(`${name} is no event`);
      if (!pixels.length) return complain(`${name} came before init`);
      check(name, data || {});
      cookie('_scid', random(), 365 * DAY);
      cookie('_scid_r', random(), 395 * DAY);
      cookie('_schn', '_1', DAY);
      cookie('_sctr', '1', 365 * DAY);
      cookie('_ScCbts', '[]', 14 * DAY);
      pixels.forEach((id) => hit(id, name, data, {}));
    },
  };

  function check(name, data) {
    if (typeof data.client_dedup_id != 'string') complain(`${name} has no client_dedup_id among its data`);
    for (const key of ['price', 'number_items']) {
      if (key in data && !Number.isFinite(data[key])) complain(`${name}: ${key} is no number`);
    }
    if ('price' in data && !data.currency) complain(`${name} has a price without a currency`);
    const ids = data.item_ids || [];
    if (!Array.isArray(ids) || !ids.every((one) => typeof one == 'string')) {
      complain(`${name}: item_ids is no array of texts`);
    }
  }

  function run(given) {
    if (!isArguments(given) && !Array.isArray(given)) {
      return complain('found neither an Arguments object nor an array in the queue, so nothing happens');
    }
    const [name, ...rest] = given;
    if (Object.prototype.hasOwnProperty.call(commands, name)) commands[name](...rest);
    else complain(`${name} is no command`);
  }

  snaptr.handleRequest = function () {
    run(arguments);
  };
  while (snaptr.queue.length) run(snaptr.queue.shift());
})();
