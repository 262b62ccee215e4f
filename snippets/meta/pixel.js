// Meta Pixel. The queue holds Arguments objects; the library takes over by setting fbq.callMethod.
// What the library would do by itself is off unless the store wants it; page views on history changes
// and the first one always are. An event goes to this pixel alone, never to a neighbour.
function (page) {
  const id = {{ id | tojson }};
  const events = {{ events | tojson }};

  // Another script's fbq is used as it is.
  function queue() {
    if (window.fbq) return;
    const fbq = (window.fbq = function () {
      if (fbq.callMethod) fbq.callMethod.apply(fbq, arguments);
      else fbq.queue.push(arguments);
    });
    window._fbq ||= fbq;
    fbq.push = fbq;
    fbq.loaded = true;
    fbq.version = '2.0';
    fbq.queue = [];
  }

  return {
    start() {
      queue();
      window.fbq.disablePushState = true;
      // Before init: the limits, and that nothing is collected automatically.
      if (page.limit) window.fbq('dataProcessingOptions', ['LDU'], page.limit.country, page.limit.state);
      else window.fbq('dataProcessingOptions', []);
      window.fbq('set', 'autoConfig', {{ automatic | tojson }}, id);
      // An earlier revoke, by a pixel withdrawn on this page or by another script, would hold all back.
      window.fbq('consent', 'grant');
      window.fbq('init', id);
      if (!window.fbq.callMethod) page.load({{ script | tojson }});
    },
    send(event, params, eventId) {
      const name = Object.hasOwn(events, event) && events[event];
      const call = name ? 'trackSingle' : 'trackSingleCustom';
      window.fbq(call, id, name || event, page.mapped(params), { eventID: eventId });
    },
    revoke() {
      window.fbq('consent', 'revoke');
      // A library that is still on its way gets nothing of what waits for it.
      window.fbq.queue = [];
    },
    grant() {
      window.fbq('consent', 'grant');
    },
  };
}
