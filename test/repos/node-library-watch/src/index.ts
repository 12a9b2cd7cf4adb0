/** Calls back again and again. */
export const every = (ms: number, call: () => void) => setInterval(call, ms);
