// What the cookie says of pixels that were refused one by one.

/** Their names in one text. */
export function named(refused) {
  return [...refused].sort().join('+');
}
