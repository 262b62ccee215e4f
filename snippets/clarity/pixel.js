// Microsoft Clarity. The queue takes Arguments objects or arrays; the library replaces clarity. It records
// from the moment it is there, so it is loaded with the first event. Its consent keys have a capital S.
// Denied, it drops its cookies and goes on without, so the page is loaded anew. It serves one project on
// a page, and does not start at all under Global Privacy Control.
function (page) {
  const script = {{ script | tojson }};
  let state; // 1: ours, 2: another project has the page

  function consent(analytics_Storage) {
    if (state == 1) window.clarity('consentv2', { ad_Storage: 'denied', analytics_Storage });
  }

  function begin() {
    const other = document.querySelector('script[src*="clarity.ms/tag/"]:not([type="text/plain"])');
    const theirs = other?.src.split(/[/?#]/).includes({{ id | tojson }});
    state = other && !theirs ? 2 : 1;
    if (state > 1) return;
    window.clarity ||= function () {
      (window.clarity.q ||= []).push(arguments);
    };
    consent('granted');
    if (!other) page.load(script);
  }

  return {
    start() {},
    send(event) {
      if (!state) begin();
      if (state == 1) window.clarity('event', event);
    },
    revoke() {
      // A library that is still on its way gets nothing of what waits for it.
      if (state == 1 && window.clarity.q) window.clarity.q.length = 0;
      consent('denied');
    },
    grant() {
      consent('granted');
    },
  };
}
