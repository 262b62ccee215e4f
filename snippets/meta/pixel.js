// Meta Pixel. The queue holds Arguments objects; the library takes over by setting fbq.callMethod.
// Everything that the library would do by itself is off: no automatic events, no page views on
// history changes, no first page view. An event goes to this pixel alone, never to a neighbour.
function (page) {
  const id = {{ id | tojson }};
  const events = {{ events | tojson }};
  const own = (map, name) => (Object.prototype.hasOwnProperty.call(map, name) ? map[name] : '');

  // Another script's fbq is used as it is.
  function queue() {
    if (window.fbq) return;
    const fbq = (window.fbq = function () {
      if (fbq.callMethod) fbq.callMethod.apply(fbq, arguments);
      else fbq.queue.push(arguments);
    });
    if (!window._fbq) window._fbq = fbq;
    fbq.push = fbq;
    fbq.loaded = true;
    fbq.version = '2.0';
    fbq.queue = [];
  }

  function number(value) {
    const result = typeof value == 'string' && value.trim() ? Number(value) : value;
    return typeof result == 'number' && isFinite(result) ? result : undefined;
  }

  function mapped(params) {
    const data = {};
    const value = number(params.value);
    if (value !== undefined) data.value = value;
    if (params.currency) data.currency = String(params.currency);
    if (params.order_id) data.order_id = String(params.order_id);
    if (params.search) data.search_string = String(params.search);
    const contents = Array.isArray(params.contents) ? params.contents.filter((one) => one && one.id) : [];
    if (contents.length) {
      data.content_type = 'product';
      data.content_ids = contents.map((one) => String(one.id));
      data.contents = contents.map((one) => {
        const content = { id: String(one.id), quantity: number(one.quantity) || 1 };
        const price = number(one.price);
        if (price !== undefined) content.item_price = price;
        return content;
      });
      data.num_items = data.contents.reduce((sum, one) => sum + one.quantity, 0);
    }
    return data;
  }

  return {
    start() {
      queue();
      window.fbq.disablePushState = true;
      // Before init: the limits, and that nothing is collected automatically.
      if (page.limit) window.fbq('dataProcessingOptions', ['LDU'], page.limit.country, page.limit.state);
      else window.fbq('dataProcessingOptions', []);
      window.fbq('set', 'autoConfig', false, id);
      // An earlier revoke, by a pixel withdrawn on this page or by another script, would hold all back.
      window.fbq('consent', 'grant');
      window.fbq('init', id);
      if (!window.fbq.callMethod) page.load({{ script | tojson }});
    },
    send(event, params, eventId) {
      const name = own(events, event);
      window.fbq(name ? 'trackSingle' : 'trackSingleCustom', id, name || event, mapped(params || {}), {
        eventID: eventId,
      });
    },
    revoke() {
      window.fbq('consent', 'revoke');
    },
    grant() {
      window.fbq('consent', 'grant');
    },
  };
}
