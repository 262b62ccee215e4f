// Klaviyo on the site. The queue takes arrays. The library says Active on Site as soon as it is there, so
// it is loaded with the first event, and a PageView is no more than that. It serves one account on a
// page: __klKey, which it reads and keeps, says whose. Nothing stops it: the page is loaded anew.
function (page) {
  const id = {{ id | tojson }};
  const events = {{ events | tojson }};

  return {
    start() {
      window.klaviyo ||= [];
    },
    send(event, params, event_id) {
      // Placed Order is the server's.
      if (event == 'Purchase' || (window.__klKey ||= id) != id) return;
      if (!window.klaviyoModulesObject) page.load({{ script | tojson }});
      if (event == 'PageView') return;
      const data = page.mapped({ ...params, event_id });
      const [one] = data.Items || [];
      // Klaviyo's templates for these two want the product beside the list as well.
      const plain = { ViewContent: '', AddToCart: 'AddedItem' };
      if (one && Object.hasOwn(plain, event)) {
        for (const key in one) data[plain[event] + key.replace('Item', '')] = one[key];
      }
      window.klaviyo.push(['track', Object.hasOwn(events, event) ? events[event] : event, data]);
    },
    revoke() {
      // A library that is still on its way gets nothing of what waits for it.
      if (Array.isArray(window.klaviyo)) window.klaviyo.length = 0;
    },
    grant() {},
  };
}
