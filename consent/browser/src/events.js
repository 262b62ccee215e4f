// Events wait here, in order and with their own time, until it is known where they may go. They are
// kept in memory only: what was held when the visitor refuses is gone.

const LIMIT = 200;

/** @param {(reason: string, event: object) => void} refuse told of every event that is not taken */
export function eventQueue(refuse) {
  const seen = {};
  let held = [];
  return {
    /**
     * Holds an event, gives it an id if it has none, and says whether it was taken. Refused are
     * those without a name, those whose id came before under the same name, and all beyond the limit.
     */
    hold(event) {
      const { name, id, at } = event;
      if (typeof name != 'string' || !/^[\w .:-]{1,60}$/.test(name)) return refuse('name', event);
      if (held.length >= LIMIT) return refuse('queue-full', event);
      event.id = `${id ?? at + '-' + Math.random()}`;
      if (seen[[name, event.id]]) return refuse('duplicate', event);
      return (seen[[name, event.id]] = held.push(event));
    },
    /** Hands every held event to `deliver`, oldest first, and forgets it. */
    flush(deliver) {
      const events = held;
      held = [];
      events.forEach(deliver);
    },
  };
}
