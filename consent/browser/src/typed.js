// What a page hands over with an event, in types that every pixel can rely on.

/**
 * @param {object} given the page's own parameters; numbers may come as text
 * @returns {{value, currency, order_id, search, contents: {id, quantity, price, name}[]}} texts, finite
 *  numbers, or undefined; quantities are 1 when they are not numbers
 */
export function typed({ value, currency, order_id, search, contents }) {
  return {
    value: number(value),
    currency: text(currency),
    order_id: text(order_id),
    search: text(search),
    contents: []
      .concat(contents)
      .filter((one) => one?.id)
      .map(({ id, quantity, price, name }) => ({
        id: text(id),
        quantity: number(quantity) || 1,
        price: number(price),
        name: text(name),
      })),
  };
}

/** `values` without what is undefined. */
export function defined(values) {
  return JSON.parse(JSON.stringify(values));
}

function text(value) {
  return value || value === 0 ? String(value) : undefined;
}

function number(value) {
  const result = typeof value == 'string' && value.trim() ? +value : value;
  return Number.isFinite(result) ? result : undefined;
}
