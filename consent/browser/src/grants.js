// The purposes that a visitor can refuse, and what was said of each.

export const PURPOSES = ['preferences', 'analytics', 'marketing'];

/** Grants: the purposes that `keep(purpose, place)` approves, stated granted or denied, all of them. */
export function grantsWhere(keep) {
  return Object.fromEntries(PURPOSES.map((purpose, i) => [purpose, !!keep(purpose, i)]));
}

/** Whether any purpose is granted. */
export function some(grants) {
  return PURPOSES.some((purpose) => grants[purpose]);
}
