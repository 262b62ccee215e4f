// Stands in for Microsoft Clarity's tag/ID in tests: one project on a page, nothing under Global Privacy
// Control, then the calls of clarity.q and clarity, and every violation on console.error. Denied after it
// was granted, it deletes its cookies and goes on without: the option `cookieless` says so.
(function () {
  'use strict';
  const vendor = standIn('clarity', 'https://x.clarity.ms/collect');
  const { complain } = vendor;
  const id = new URL(document.currentScript.src).pathname.split('/').pop();
  const clarity = window.clarity;
  const DAY = 24 * 3600;
  let track = false; // cookies are allowed
  let told = false;

  if (typeof clarity != 'function') return complain('window.clarity is no function');
  if (clarity.v) return complain('loaded twice; one project has the page already');
  if (navigator.globalPrivacyControl === true) return;

  function expire(name) {
    const labels = location.hostname.split('.');
    for (const from of labels.keys()) {
      document.cookie = `${name}=; Path=/; Max-Age=0; Domain=.${labels.slice(from).join('.')}`;
    }
    document.cookie = `${name}=; Path=/; Max-Age=0`;
  }

  const commands = {
    consentv2(state) {
      const keys = Object.keys(Object(state)).sort().join();
      if (keys != 'ad_Storage,analytics_Storage') return complain(`consentv2 says ${keys}`);
      for (const value of Object.values(state)) {
        if (value != 'granted' && value != 'denied') complain(`consentv2 says ${value}`);
      }
      told = true;
      track = state.analytics_Storage == 'granted';
      if (!track) return ['_clck', '_clsk'].forEach(expire);
      vendor.cookie('_clck', 'abc', 365 * DAY);
      vendor.cookie('_clsk', 'abc', DAY);
      vendor.session('_cltk', 'abc');
    },
    event(name, ...rest) {
      if (typeof name != 'string' || !name) return complain('event without a name');
      if (rest.length) complain(`event ${name} with parameters, which Clarity does not take`);
      if (!told) complain(`event ${name} before consentv2`);
      vendor.hit(id, name, {}, track ? {} : { cookieless: true });
    },
    consent() {
      complain('consent is the old call; expected consentv2');
    },
    identify() {
      complain('identify, which nobody asked for');
    },
    set() {},
    upgrade() {},
    metadata() {},
  };

  function run(call) {
    const right = Array.isArray(call) || vendor.isArguments(call);
    if (!right) return complain('found neither array nor Arguments in clarity.q');
    const [command, ...rest] = call;
    if (Object.hasOwn(commands, command)) commands[command](...rest);
    else complain(`${command} is no command`);
  }

  const waiting = clarity.q || [];
  window.clarity = function () {
    run(arguments);
  };
  window.clarity.v = '0.8.70';
  for (const call of waiting.splice(0)) run(call);
})();
