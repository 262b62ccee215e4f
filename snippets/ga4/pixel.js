// Google Analytics 4 by the Google tag. Commands are Arguments objects in dataLayer: an array is not
// a command there. The snippet has denied every consent type before this runs, and the loader has
// said what was granted; so this only starts the stream and sends to it.
function (page) {
  const id = {{ id | tojson }};
  const events = {{ events | tojson }};
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
      const name = Object.hasOwn(events, event) ? events[event] : custom(event);
      if (!name) return;
      const { value, currency, order_id, search, contents } = params;
      const money = value !== undefined && currency;
      const items = contents.map((one) =>
        page.defined({
          item_id: one.id,
          item_name: one.name,
          price: one.price,
          quantity: one.quantity,
        }),
      );
      const data = page.defined({
        send_to: id,
        // A value without its currency is not counted as money.
        value: money ? value : undefined,
        currency: money ? currency : undefined,
        items: items.length ? items : undefined,
        // Never an empty one: it would fold all purchases into one.
        transaction_id: order_id,
        search_term: search,
      });
      gtag('event', name, data);
    },
    revoke() {
      window['ga-disable-' + id] = true;
    },
    grant() {
      window['ga-disable-' + id] = false;
    },
  };
}
