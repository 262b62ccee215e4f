// TikTok Pixel. The queue is the array ttq itself: it holds arrays [method, ...], and ttq._i[id] is such
// a queue for one pixel; the library replaces the methods. An event goes to this pixel alone. The
// library is not to look for e-mail addresses or telephone numbers, nor for clicks, unless the store
// wants it to.
function (page) {
  const id = {{ id | tojson }};
  const events = {{ events | tojson }};
  const script = {{ script | tojson }};

  // Another script's ttq is used as it is.
  function queue() {
    window.TiktokAnalyticsObject ||= 'ttq';
    const ttq = (window.ttq ||= []);
    if (ttq.load) return;
    const defer = (target) => {
      for (const name of ttq.methods) ttq.setAndDefer(target, name);
      return target;
    };
    ttq.methods = (
      'page track identify instances debug on off once ready alias group ' +
      'enableCookie disableCookie holdConsent revokeConsent grantConsent'
    ).split(' ');
    ttq.setAndDefer = (target, name) => {
      target[name] = (...given) => {
        target.push([name, ...given]);
      };
    };
    defer(ttq);
    ttq.instance = (code) => defer(ttq._i[code] || []);
    ttq.load = (code, options) => {
      const own = ((ttq._i ||= {})[code] = []);
      own._u = script.split('?')[0];
      (ttq._t ||= {})[code] = Date.now();
      (ttq._o ||= {})[code] = options || {};
      page.load(script.replace(id, code));
    };
  }

  return {
    start() {
      queue();
      // An earlier revoke, by a pixel withdrawn on this page or by another script, would stop all. An
      // old ttq of another script may have no consent calls.
      window.ttq.grantConsent?.();
      window.ttq.load(id, { auto_config: {{ automatic | tojson }}, ...page.limit });
    },
    send(event, params, eventId) {
      const pixel = window.ttq.instance(id);
      const name = Object.hasOwn(events, event) ? events[event] : event;
      if (event == 'PageView') pixel.page();
      else pixel.track(name, page.mapped(params), { event_id: eventId });
    },
    revoke() {
      // A library that is still on its way gets nothing of what waits for it.
      const waiting = window.ttq._i?.[id];
      if (Array.isArray(waiting)) waiting.length = 0;
      window.ttq.revokeConsent?.();
    },
    grant() {
      window.ttq.grantConsent?.();
    },
  };
}
