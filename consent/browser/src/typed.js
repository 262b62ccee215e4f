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

/**
 * `params` in the vendor's words. A value without its currency is no money, and stays here.
 *
 * @param {object} params as typed() gives them, and `event_id` where the vendor wants it among them
 * @param {object[]} map the tables of a platform.toml: [parameters], [items], [with_contents], [each_item];
 *  a name that is the vendor's too stands as 0
 */
export function mapped({ contents, ...params }, [names, items, fixed, each]) {
  if (!params.currency) delete params.value;
  if (!contents.length) return renamed(params, names);
  params.count = 0;
  params.ids = contents.map(({ id, quantity }) => ((params.count += quantity), id));
  params.contents = contents.map((one) => renamed(one, items, each));
  return renamed(params, names, fixed);
}

function renamed(values, names, fixed) {
  const said = { ...fixed };
  for (const key in names) if (values[key] != null) said[names[key] || key] = values[key];
  return said;
}

function text(value) {
  return value || value === 0 ? `${value}` : undefined;
}

function number(value) {
  const result = typeof value == 'string' && value.trim() ? +value : value;
  return Number.isFinite(result) ? result : undefined;
}
