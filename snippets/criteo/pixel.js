// Criteo OneTag. The queue is a plain array; one push of several objects is one hit: whose account,
// which kind of device, and the event. Said with every event, the account is right whatever another
// script has pushed before. There is no call that stops the library: the page is loaded anew.
function (page) {
  const id = {{ id | tojson }};
  const events = {{ events | tojson }};
  // Desktop, mobile or tablet: by how it is pointed at and how small it is, not by what it calls itself.
  const small = Math.min(screen.width, screen.height) < 600;
  const type = !matchMedia('(pointer: coarse)').matches ? 'd' : small ? 'm' : 't';

  function product({ id, price, quantity }) {
    return price === undefined ? { id, quantity } : { id, price, quantity };
  }

  // A view names its products by their ids.
  function item(event, { contents }) {
    const ids = contents.map((one) => one.id);
    if (event == 'ViewContent' && !ids[1]) return ids[0];
    return /ViewContent|Search/.test(event) ? ids : contents.map(product);
  }

  return {
    start() {
      window.criteo_q ||= [];
      page.load({{ script | tojson }});
    },
    send(event, params) {
      if (/^(Lead|CompleteRegistration)$/.test(event)) return;
      let data = { ...page.mapped(params), event };
      if (Object.hasOwn(events, event)) {
        const products = event != 'PageView' && params.contents[0];
        data = { event: events[event] };
        if (products) data.item = item(event, params);
        // A view of no product is one of the page.
        else if (/^view/.test(data.event)) data.event = 'viewPage';
        if (event == 'Purchase' && params.order_id) data.id = params.order_id;
      }
      window.criteo_q.push({ event: 'setAccount', account: id }, { event: 'setSiteType', type }, data);
    },
    revoke() {
      // A library that is still on its way gets nothing of what waits for it.
      if (Array.isArray(window.criteo_q)) window.criteo_q.length = 0;
    },
    grant() {},
  };
}
