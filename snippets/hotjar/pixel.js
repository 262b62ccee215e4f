// Hotjar. The queue takes Arguments objects or arrays; the library replaces hj. It records from the moment
// it is there, so it is loaded with the first event. A page view is told once for each path. It serves one
// site on a page. Nothing stops it: the page is loaded anew.
function (page) {
  const id = {{ id | tojson }};
  const events = {{ events | tojson }};
  let path; // of the last page view

  return {
    start() {},
    send(event) {
      const here = location.pathname;
      if (!window._hjSettings) {
        window._hjSettings = { hjid: +id, hjsv: 6 };
        window.hj ||= function () {
          (window.hj.q ||= []).push(arguments);
        };
        page.load({{ script | tojson }});
      }
      // Another script's site has the page.
      if (window._hjSettings.hjid != id) return;
      if (event == 'PageView') {
        if (path != here) window.hj('stateChange', (path = here));
      } else {
        const name = Object.hasOwn(events, event) ? events[event] : event;
        window.hj('event', name.replace(/[^\w .:/-]/g, '_').slice(0, 250));
      }
    },
    revoke() {
      // A library that is still on its way gets nothing of what waits for it.
      if (window.hj?.q) window.hj.q.length = 0;
    },
    grant() {},
  };
}
