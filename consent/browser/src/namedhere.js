// The twin of named.js where pixels may not run, and consent is asked for: nobody was told of `withheld`
// here, so a yes that is carried to another place does not let them in there either.

import { some } from './grants.js';

/* global withheld */

/** Their names in one text, with those that nobody was asked about. */
export function named(refused, grants) {
  return [...new Set(some(grants) ? [...refused, ...withheld] : refused)].sort().join('+');
}
