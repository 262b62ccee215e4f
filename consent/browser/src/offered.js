// The twin of grants.js where a place offers fewer purposes than there are: consent/compose.py says which,
// as `offered`. All others are denied, whatever was chosen, here or elsewhere; nobody is asked for them.

/* global offered */

export const PURPOSES = offered;

/** Grants: the offered purposes that `keep(purpose, place)` approves, stated granted or denied, all of them. */
export function grantsWhere(keep) {
  const every = ['preferences', 'analytics', 'marketing'];
  return Object.fromEntries(every.map((purpose, i) => [purpose, offered.includes(purpose) && !!keep(purpose, i)]));
}

/** Whether any offered purpose is granted. */
export function some(grants) {
  return offered.some((purpose) => grants[purpose]);
}
