// Events wait here, in order and with their own time, until it is known where they may go. They are
// kept in memory only: what was held when the visitor refuses is gone.

const LIMIT = 200;

/** @param {(reason: string, event: object) => void} refuse told of every event that is not taken */
export function eventQueue(refuse) {
  let held = [];
  return {
    /** Holds an event; refuses what has no name, and all beyond the limit. */
    hold(event) {
      if (typeof event.name != 'string' || !/^[\w .:-]{1,60}$/.test(event.name)) {
        refuse('name', event);
      } else if (held.length >= LIMIT) {
        refuse('queue-full', event);
      } else {
        held.push(event);
      }
    },
    /** Hands every held event to `deliver`, oldest first, and forgets it. */
    flush(deliver) {
      const events = held;
      held = [];
      events.forEach(deliver);
    },
  };
}
