// Google Ads by the Google tag: a remarketing event for each event, and a conversion for each event
// that has a label. Commands are Arguments objects in dataLayer: an array is not a command there.
// Consent Mode is the loader's: it has said what was granted before this runs, and says so again
// when that changes.
function (page) {
  const id = {{ id | tojson }};
  const events = {{ events | tojson }};
  const labels = {{ labels | tojson }};
  const script = {{ script | tojson }};
  // The library, if a script of the page has brought it already.
  const there = `script[src^="${script.split('?')[0]}?"]:not([type="text/plain"])`;

  function gtag() {
    window.dataLayer.push(arguments);
  }

  // Google's rule for names: a letter first, then letters, digits and underscores, 40 in all.
  function custom(event) {
    const name = event.replace(/\W+/g, '_').slice(0, 40);
    return /^(?!(firebase|ga|google|gtag)_)[a-z]/i.test(name) && name;
  }

  return {
    start() {
      const layer = (window.dataLayer ||= []);
      window.gtag ||= gtag;
      // One `js` command and one library serve every Google id on the page.
      if (!layer.some((command) => command && command[0] == 'js')) gtag('js', new Date());
      // Where Consent Mode holds the library, the limit is a number.
      if (page.limit?.restricted_data_processing) gtag('set', page.limit);
      gtag('config', id, { send_page_view: false });
      if (!layer.pixelgate && !document.querySelector(there)) page.load(script);
      layer.pixelgate = true;
    },
    send(event, params) {
      const name = Object.hasOwn(events, event) ? events[event] : custom(event);
      if (name) gtag('event', name, { ...page.mapped(params), send_to: id });
      const label = Object.hasOwn(labels, event) && labels[event];
      // A conversion is money and an order; the products are for remarketing.
      const sale = page.mapped({ ...params, contents: [] });
      if (label) gtag('event', 'conversion', { ...sale, send_to: `${id}/${label}` });
    },
    revoke() {
      // A library that is still on its way gets nothing of what waits for it.
      const layer = window.dataLayer;
      for (let at = layer.length; at--; ) {
        const [to] = `${layer[at]?.[2]?.send_to}`.split('/');
        if (to == id) layer.splice(at, 1);
      }
    },
    grant() {},
  };
}
