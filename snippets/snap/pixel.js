// Snap Pixel. The queue holds Arguments objects; the library takes over by setting snaptr.handleRequest.
// Snap gives an event no address: every pixel of the page gets it, and knows it again by its event id.
// There is no call that takes consent back.
function (page) {
  const events = {{ events | tojson }};
  const labels = {{ labels | tojson }};
  const script = {{ script | tojson }};

  return {
    start() {
      // Another script's snaptr is used as it is.
      if (!window.snaptr) {
        const snaptr = (window.snaptr = function () {
          if (snaptr.handleRequest) snaptr.handleRequest.apply(snaptr, arguments);
          else snaptr.queue.push(arguments);
        });
        snaptr.queue = [];
      }
      window.snaptr('init', {{ id | tojson }});
      // The library, unless a script of the page has brought it already.
      if (!document.querySelector(`script[src="${script}"]:not([type="text/plain"])`)) page.load(script);
    },
    send(event, params, eventId) {
      const name = [events, labels].find((known) => Object.hasOwn(known, event))?.[event];
      if (name) window.snaptr('track', name, page.mapped({ ...params, event_id: eventId }));
    },
    revoke() {
      // A library that is still on its way gets nothing of what waits for it.
      const { queue } = window.snaptr;
      if (queue) window.snaptr.queue = [...queue].filter(([command]) => command != 'track');
    },
    grant() {},
  };
}
