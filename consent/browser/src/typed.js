// What a page hands over with an event, in types that every pixel can rely on.

/**
 * @param {object} given the page's own parameters; numbers may come as text
 * @returns {{value, currency, order_id, search, contents: {id, quantity, price, name}[]}} texts, finite
 *  numbers, or undefined; quantities are 1 when they are not numbers
 */
export function typed(given) {
  const { contents } = given;
  return {
    value: number(given.value),
    currency: text(given.currency),
    order_id: text(given.order_id),
    search: text(given.search),
    contents: (Array.isArray(contents) ? contents : [])
      .filter((one) => one && one.id)
      .map((one) => ({
        id: text(one.id),
        quantity: number(one.quantity) || 1,
        price: number(one.price),
        name: text(one.name),
      })),
  };
}

/** `values` without what is undefined. */
export function defined(values) {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}

function text(value) {
  return value || value === 0 ? String(value) : undefined;
}

function number(value) {
  const result = typeof value == 'string' && value.trim() ? +value : value;
  return Number.isFinite(result) ? result : undefined;
}
