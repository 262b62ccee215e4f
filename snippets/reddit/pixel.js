// Reddit Pixel. The library takes over by setting rdt.sendEvent. It scans the page for e-mail addresses
// and telephone numbers unless that is switched off before. It addresses no event to one pixel alone.
function (page) {
  const id = {{ id | tojson }};
  const events = {{ events | tojson }};
  const omits = {{ omits | tojson }};
  const automatic = {{ automatic | tojson }};

  return {
    start() {
      // Another script's rdt is used as it is.
      if (!window.rdt) {
        const rdt = (window.rdt = function () {
          if (rdt.sendEvent) rdt.sendEvent.apply(rdt, arguments);
          else rdt.callQueue.push(arguments);
        });
        rdt.callQueue = [];
      }
      window.rdt('init', id, {
        aam: { email: automatic, phone_number: automatic },
        useDecimalCurrencyValues: true,
        ...page.limit,
      });
      if (!window.rdt.sendEvent) page.load({{ script | tojson }});
    },
    send(event, params, eventId) {
      // One call is for every pixel of Reddit's on the page; a second one would say it again.
      const said = `${event} ${eventId}`;
      if (window.rdt.said == said) return;
      window.rdt.said = said;
      const omitted = Object.hasOwn(omits, event) ? omits[event] : [];
      const taken = { ...params, event_id: eventId };
      for (const one of omitted) delete taken[one];
      const data = page.mapped(taken);
      if (omitted.includes('count')) delete data.itemCount;
      const name = Object.hasOwn(events, event) && events[event];
      if (!name) data.customEventName = event.slice(0, 64);
      window.rdt('track', name || 'Custom', data);
    },
    revoke() {
      // A library that is still on its way gets nothing of what waits for it.
      const { callQueue } = window.rdt;
      if (callQueue) window.rdt.callQueue = [...callQueue].filter(([command]) => command != 'track');
      window.rdt('disableFirstPartyCookies');
    },
    grant() {
      window.rdt('enableFirstPartyCookies');
    },
  };
}
