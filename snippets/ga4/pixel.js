// Google Analytics 4 by the Google tag. Commands are Arguments objects in dataLayer: an array is not
// a command there. The snippet has denied every consent type before this runs, and the loader has
// said what was granted; so this only starts the stream and sends to it.
function (page) {
  const id = {{ id | tojson }};
  const events = {{ events | tojson }};
  const script = {{ script | tojson }};
  // The library, if a script of the page has brought it already.
  const there = `script[src^="${script.split('?')[0]}?"]:not([type="text/plain"])`;
  const own = (map, name) => (Object.prototype.hasOwnProperty.call(map, name) ? map[name] : '');

  function gtag() {
    window.dataLayer.push(arguments);
  }

  function number(value) {
    const result = typeof value == 'string' && value.trim() ? Number(value) : value;
    return typeof result == 'number' && isFinite(result) ? result : undefined;
  }

  // Google's rule for names: a letter first, then letters, digits and underscores, 40 in all.
  function custom(event) {
    const name = event.replace(/\W+/g, '_').slice(0, 40);
    return /^[a-z]/i.test(name) && !/^(firebase_|ga_|google_|gtag_)/i.test(name) ? name : '';
  }

  function item(content) {
    const result = { item_id: String(content.id), quantity: number(content.quantity) || 1 };
    if (content.name) result.item_name = String(content.name);
    const price = number(content.price);
    if (price !== undefined) result.price = price;
    return result;
  }

  return {
    start() {
      const layer = (window.dataLayer = window.dataLayer || []);
      if (!window.gtag) window.gtag = gtag;
      // One `js` command and one library serve every Google id on the page.
      if (!layer.some((command) => command && command[0] == 'js')) gtag('js', new Date());
      gtag('config', id, { send_page_view: false });
      if (!layer.pixelgate && !document.querySelector(there)) page.load(script);
      layer.pixelgate = true;
    },
    send(event, params) {
      const name = own(events, event) || custom(event);
      if (!name) return;
      params = params || {};
      const data = { send_to: id };
      const value = number(params.value);
      // A value without its currency is not counted as money.
      if (value !== undefined && params.currency) {
        data.value = value;
        data.currency = String(params.currency);
      }
      const contents = Array.isArray(params.contents) ? params.contents.filter((one) => one && one.id) : [];
      if (contents.length) data.items = contents.map(item);
      // An empty transaction id would fold all purchases into one.
      if (params.order_id) data.transaction_id = String(params.order_id);
      if (params.search) data.search_term = String(params.search);
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
