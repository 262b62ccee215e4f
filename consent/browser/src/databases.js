// Deletes what a pixel that may not run has left in IndexedDB; for stores with a pixel that uses it.

/** @param {object} page see loader.js */
export function databases(page) {
  const clean = () =>
    page.rack.slots.forEach(({ state, traces }) => {
      if (state != 'blocked') return;
      const named = ({ name }) => RegExp(`^(${traces})$`).test('i' + name);
      indexedDB.databases().then((all) => all.filter(named).forEach(({ name }) => indexedDB.deleteDatabase(name)));
    });
  page.on('consent', clean);
  addEventListener('pagehide', clean);
}
