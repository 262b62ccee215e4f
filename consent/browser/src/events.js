// Events wait here, in order and with their own time, until it is known where they may go. They are
// kept in memory only: what was held when the visitor refuses is gone.

/** @param {(reason: string, event: object) => void} refuse told of every event that is not taken */
export function eventQueue(refuse) {
  const seen = {};
  const held = [];
  // A page that is left has lost what it held; so has one that Back brings to life again, which cannot
  // know what was refused meanwhile.
  addEventListener('pagehide', () => held.splice(0));
  return {
    /**
     * Holds an event, gives it an id if it has none, and says whether it was taken. Refused are
     * those without a name, those whose id came before under the same name, and all beyond 200.
     */
    hold(event) {
      const { name, id, at } = event;
      if (typeof name != 'string' || !/^[\w .:-]{1,60}$/.test(name)) return refuse('name', event);
      if (held[199]) return refuse('queue-full', event);
      event.id = `${id ?? at + '-' + Math.random()}`;
      if (seen[[name, event.id]]) return refuse('duplicate', event);
      return (seen[[name, event.id]] = held.push(event));
    },
    /** Hands every held event to `deliver`, oldest first, and forgets it. */
    flush(deliver) {
      held.splice(0).forEach(deliver);
    },
  };
}
