// Pinterest tag. The queue holds arrays; the library replaces window.pintrk. Pinterest gives an event no
// address: every tag of the page gets it, and knows it again by its event id.
function (page) {
  const id = {{ id | tojson }};
  const events = {{ events | tojson }};
  const script = {{ script | tojson }};

  return {
    start() {
      // Another script's pintrk is used as it is.
      if (!window.pintrk) {
        const pintrk = (window.pintrk = (...given) => {
          window.pintrk.queue.push(given);
        });
        pintrk.queue = [];
        pintrk.version = '3.0';
      }
      window.pintrk('load', id);
      window.pintrk('setconsent', true);
      // Before every event.
      if (page.limit) window.pintrk('set', page.limit);
      // The library, unless a script of the page has brought it already.
      if (!document.querySelector(`script[src="${script}"]:not([type="text/plain"])`)) page.load(script);
    },
    send(event, params, eventId) {
      // Pinterest's names have no spaces.
      const name = Object.hasOwn(events, event) ? events[event] : event.replace(/\s+/g, '_');
      window.pintrk('track', name, page.mapped({ ...params, event_id: eventId }));
    },
    revoke() {
      // A library that is still on its way gets nothing of what waits for it.
      const { queue } = window.pintrk;
      if (Array.isArray(queue)) window.pintrk.queue = queue.filter(([command]) => command != 'track');
      window.pintrk('setconsent', false);
    },
    grant() {
      window.pintrk('setconsent', true);
    },
  };
}
