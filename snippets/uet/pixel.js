// Microsoft UET. Until the library is there `uetq` is a plain array, and a push of three values makes
// three elements of it. Then the tag is made here, takes the array over and stands in its place.
// The loader says consent to `uetq`. One tag has one queue: a second tag gets a queue of its own.
function (page) {
  const id = {{ id | tojson }};
  const events = {{ events | tojson }};
  const automatic = {{ automatic | tojson }};
  // What lists for dynamic remarketing want to know of a page.
  const types = {
    ViewContent: 'product',
    AddToCart: 'cart',
    InitiateCheckout: 'cart',
    AddPaymentInfo: 'cart',
    Purchase: 'purchase',
    Search: 'searchresults',
  };
  let name = 'uetq';
  let off; // consent went before the library was there
  let made;
  let viewed;

  function push(...given) {
    window[name].push(...given);
  }

  // The loader knows of `uetq` alone.
  function say(word) {
    if (name != 'uetq') push('consent', 'update', { ad_storage: word });
  }

  function apart() {
    name = 'uetq' + id;
    window[name] = [];
    say('granted');
  }

  function begin() {
    if (off || made) return;
    // Another script's tag has taken the queue meanwhile.
    if (!Array.isArray(window[name])) apart();
    made = true;
    window[name] = new window.UET({
      ti: id,
      q: window[name],
      disableAutoPageView: true,
      enableAutoSpaTracking: automatic,
    });
    // Without it the tag holds back every event.
    push('pageLoad');
  }

  return {
    start() {
      const queue = (window.uetq ||= []);
      if (!Array.isArray(queue) || queue.tag) apart();
      else queue.tag = id;
      if (window.UET) begin();
      else page.load({{ script | tojson }}).addEventListener('load', begin);
    },
    send(event, params, eventId) {
      // The vendor's way to make a page load of an event; no advertiser's event has that name.
      if (event == 'PageView' || event == 'page_view') {
        const path = location.pathname + location.search;
        if (!viewed || !automatic) push('event', 'page_view', { page_path: path });
        viewed = true;
        return;
      }
      const known = Object.hasOwn(events, event);
      const data = page.mapped({ ...params, event_id: eventId });
      if (known && types[event]) data.ecomm_pagetype = types[event];
      push('event', known ? events[event] : event, data);
    },
    revoke() {
      say('denied');
      // A library that is still on its way finds no tag here.
      off = !made;
    },
    grant() {
      say('granted');
      const late = off && window.UET;
      off = false;
      if (late) begin();
    },
  };
}
