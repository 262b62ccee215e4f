// Stands in for Hotjar's hotjar-ID.js in tests: one site on a page, the calls of hj.q and hj, and every
// violation on console.error. What the library records from its start on is told to nobody here.
(function () {
  'use strict';
  const vendor = standIn('hotjar', 'https://in.hotjar.com/api/v2/client/sites/visit-data');
  const { complain } = vendor;
  const own = (new URL(document.currentScript.src).pathname.match(/hotjar-(\d+)\.js$/) || [])[1];
  const { hjid, hjsv } = window._hjSettings || {};
  const hj = window.hj;

  if (window.hjBootstrap) return complain('loaded twice');
  window.hjBootstrap = true;
  if (typeof hjid != 'number' || hjsv != 6) return complain('_hjSettings has no number as hjid, or no hjsv 6');
  if (String(hjid) != own) return complain(`_hjSettings is of ${hjid}, and the library of ${own}`);
  if (typeof hj != 'function') return complain('window.hj is no function');

  const commands = {
    event(name, ...rest) {
      if (typeof name != 'string' || !/^[\w .:/-]{1,250}$/.test(name)) return complain(`${name} is no name`);
      if (rest.length) complain(`event ${name} with parameters, which Hotjar does not take`);
      vendor.hit(own, name);
    },
    stateChange(path, ...rest) {
      if (typeof path != 'string' || !path || rest.length) return complain('stateChange takes a path');
      vendor.hit(own, 'stateChange');
    },
    identify() {
      complain('identify, which nobody asked for');
    },
  };

  function run(call) {
    const right = Array.isArray(call) || vendor.isArguments(call);
    if (!right) return complain('found neither array nor Arguments in hj.q');
    const [command, ...rest] = call;
    if (Object.hasOwn(commands, command)) commands[command](...rest);
    else complain(`${command} is no command`);
  }

  const DAY = 24 * 3600;
  vendor.cookie(`_hjSessionUser_${own}`, 'abc', 365 * DAY);
  vendor.cookie(`_hjSession_${own}`, 'abc', 1800);
  vendor.cookie('_hjFirstSeen', '1', 1800);
  vendor.cookie('_hjAbsoluteSessionInProgress', '1', 1800);
  vendor.cookie('_hjIncludedInPageviewSample', '1', 1800);
  vendor.local('_hjUserAttributes', '{}');
  vendor.session('_hjSessionStart', '1');

  const waiting = hj.q || [];
  window.hj = function () {
    run(arguments);
  };
  for (const call of waiting.splice(0)) run(call);
})();
