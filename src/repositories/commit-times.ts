/** The whole seconds, of which commits have no parts, that lie between two instants. */
export const secondsOf = ({ since, until }: { since?: string; until?: string }) => ({
  since: since === undefined ? undefined : Math.ceil(Date.parse(since) / 1000),
  until: until === undefined ? undefined : Math.floor(Date.parse(until) / 1000),
});
