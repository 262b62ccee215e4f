// A test event, when someone asks for one. It goes the way of every event of the page, to the real
// platforms: to those alone that are granted.

import { el } from './el.js';

const NOTE =
  'Goes to the real platforms, to those alone that are granted. Its ids begin with test-, its value is 1 EUR.';

/**
 * @param {string[]} events the standard ones
 * @param {(text: string) => void} say
 * @returns {Element[]} what to choose and send it by
 */
export function testEvent(events, say) {
  const options = events.map((name) => el('option', {}, name));
  const select = el('select', { 'aria-label': 'Test event' }, ...options);
  const send = () => {
    window.pixelgate('track', select.value, parameters(select.value));
    say(`${select.value} is the first of the events below.`);
  };
  const button = el('button', { type: 'button', click: send }, 'Send a test event');
  return [el('div', { class: 'tools' }, select, button), el('p', { class: 'none' }, NOTE)];
}

function parameters(name) {
  const id = `test-${Date.now()}`;
  if (name == 'PageView') return { event_id: id };
  const given = { event_id: id, value: 1, currency: 'EUR' };
  if (name == 'Search') given.search = 'test';
  if (!/Lead|Complete/.test(name)) given.contents = [{ id: 'test-1', quantity: 1, price: 1, name: 'Test' }];
  if (name == 'Purchase') given.order_id = id;
  return given;
}
