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
    const result = { id: String(content.id), google_business_vertical: 'retail' };
    result.quantity = number(content.quantity) || 1;
    const price = number(content.price);
    if (price !== undefined) result.price = price;
    return result;
  }

  // What remarketing and conversions have in common.
  function money(to, params) {
    const data = { send_to: to };
    const value = number(params.value);
    if (value !== undefined && params.currency) {
      data.value = value;
      data.currency = String(params.currency);
    }
    if (params.order_id) data.transaction_id = String(params.order_id);
    return data;
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
      params = params || {};
      const data = money(id, params);
      const contents = Array.isArray(params.contents) ? params.contents.filter((one) => one && one.id) : [];
      if (contents.length) data.items = contents.map(item);
      const name = own(events, event) || custom(event);
      if (name) gtag('event', name, data);
      const label = own(labels, event);
      if (label) gtag('event', 'conversion', money(`${id}/${label}`, params));
    },
    revoke() {},
    grant() {},
  };
}
