// LinkedIn Insight Tag. The queue holds arrays; the library puts its own function in its place. It
// reads the partner ids at each call, and sends all of them: none of its calls is for one alone.
function (page) {
  const id = {{ id | tojson }};
  const labels = {{ labels | tojson }};

  return {
    start() {
      if (!window.lintrk) {
        const lintrk = (window.lintrk = function (command, data) {
          lintrk.q.push([command, data]);
        });
        lintrk.q = [];
        // No page view of the library's own: PageView comes through send.
        window._wait_for_lintrk = true;
      }
      window._linkedin_partner_id ||= id;
      (window._linkedin_data_partner_ids ||= []).push(id);
      // The library's own function has no queue.
      if (window.lintrk.q) page.load({{ script | tojson }});
    },
    send(event, params, eventId) {
      if (event == 'PageView') {
        // One call is for every partner; a second pixel would say it again.
        const partners = window._linkedin_data_partner_ids;
        if (partners.seen != eventId) window.lintrk('track');
        partners.seen = eventId;
      } else if (Object.hasOwn(labels, event)) {
        const data = page.mapped({ ...params, event_id: eventId });
        window.lintrk('track', { conversion_id: +labels[event], ...data });
      }
    },
    revoke() {
      // A library that is still on its way gets nothing of what waits for it.
      if (window.lintrk.q) window.lintrk.q.length = 0;
    },
    grant() {},
  };
}
