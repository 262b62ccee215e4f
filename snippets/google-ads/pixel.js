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
    return /^[a-z]/i.test(name) && !/^(firebase_|ga_|google_|gtag_)/i.test(name) ? name : '';
  }

  // What remarketing and conversions have in common. A value without its currency is not money.
  function money(to, { value, currency, order_id }) {
    const known = value !== undefined && currency;
    return page.defined({
      send_to: to,
      value: known ? value : undefined,
      currency: known ? currency : undefined,
      transaction_id: order_id,
    });
  }

  return {
    start() {
      const layer = (window.dataLayer ||= []);
      if (!window.gtag) window.gtag = gtag;
      // One `js` command and one library serve every Google id on the page.
      if (!layer.some((command) => command && command[0] == 'js')) gtag('js', new Date());
      gtag('config', id, { send_page_view: false });
      if (!layer.pixelgate && !document.querySelector(there)) page.load(script);
      layer.pixelgate = true;
    },
    send(event, params) {
      const data = money(id, params);
      if (params.contents.length) {
        data.items = params.contents.map((one) =>
          page.defined({
            id: one.id,
            google_business_vertical: 'retail',
            quantity: one.quantity,
            price: one.price,
          }),
        );
      }
      const name = Object.hasOwn(events, event) ? events[event] : custom(event);
      if (name) gtag('event', name, data);
      const label = Object.hasOwn(labels, event) && labels[event];
      if (label) gtag('event', 'conversion', money(`${id}/${label}`, params));
    },
    revoke() {},
    grant() {},
  };
}
