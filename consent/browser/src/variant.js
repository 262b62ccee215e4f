// Under which variant of an experiment this page counts: what it posts says so by its address.

/** @param {object} page see loader.js. `key`: the variant that the service has chosen */
export function variant(page, key) {
  page.base += '/~' + key;
}
