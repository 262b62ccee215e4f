// X pixel. The queue holds Arguments objects; the library takes over by setting twq.exe. `config` sends
// the page view, so it comes with the first event. An event is addressed by its id, which holds the
// pixel's: none reaches a neighbour.
function (page) {
  const id = {{ id | tojson }};
  const labels = {{ labels | tojson }};
  let viewed;

  return {
    start() {
      // Another script's twq is used as it is.
      if (!window.twq) {
        const twq = (window.twq = function () {
          if (twq.exe) twq.exe.apply(twq, arguments);
          else twq.queue.push(arguments);
        });
        twq.version = '1.1';
        twq.queue = [];
      }
      if (!window.twq.exe) page.load({{ script | tojson }});
    },
    send(event, params, eventId) {
      const view = event == 'PageView';
      if (!view && !Object.hasOwn(labels, event)) return;
      if (!viewed) window.twq('config', id, { ...page.limit });
      viewed = true;
      if (view) return;
      const data = page.mapped({ ...params, event_id: eventId });
      window.twq('event', labels[event], { ...data, ...page.limit });
    },
    revoke() {
      // A library that is still on its way gets nothing of what waits for it.
      const { queue } = window.twq;
      const own = [id, ...Object.values(labels)];
      if (queue) window.twq.queue = [...queue].filter(([, to]) => !own.includes(to));
      viewed = false;
    },
    grant() {},
  };
}
