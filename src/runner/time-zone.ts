/** What clocks show somewhere, as milliseconds that UTC would need to show the same. */
export interface Zone {
  /** What they show at an instant. */
  readonly wall: (instant: number) => number;
  /** When they show it. */
  readonly instant: (wall: number) => number;
}

/**
 * Abbreviations that mean one thing to the providers there are, in hours from UTC. Not those that several countries have
 * for different times: BST, CDT, CST, IST.
 */
const HOURS: Readonly<Record<string, number>> = {
  ...{ Z: 0, UTC: 0, GMT: 0, WET: 0, WEST: 1, CET: 1, CEST: 2, EET: 2, EEST: 3, JST: 9, KST: 9 },
  ...{ EST: -5, EDT: -4, MST: -7, MDT: -6, PST: -8, PDT: -7 },
};

/** Where people say a zone by a word, and mean whatever holds there at the time. */
const PLACES: Readonly<Record<string, string>> = {
  ...{ ET: 'America/New_York', CT: 'America/Chicago', MT: 'America/Denver', PT: 'America/Los_Angeles' },
  ...{ 'EASTERN TIME': 'America/New_York', 'CENTRAL TIME': 'America/Chicago' },
  ...{ 'MOUNTAIN TIME': 'America/Denver', 'PACIFIC TIME': 'America/Los_Angeles' },
};

/** A zone by the name a message has for it; null for one that may mean several, or none. */
export function zoneNamed(name: string): Zone | null {
  const upper = name.trim().toUpperCase();
  const hours = Object.hasOwn(HOURS, upper) ? HOURS[upper] : undefined;
  if (hours !== undefined) return fixed(hours * 60);
  const offset = /^(?:UTC|GMT)?([+-])(\d{1,2})(?::?(\d\d))?$/.exec(upper);
  if (offset !== null) return fixed((offset[1] === '-' ? -1 : 1) * (Number(offset[2]) * 60 + Number(offset[3] ?? 0)));
  const place = Object.hasOwn(PLACES, upper) ? PLACES[upper] : undefined;
  return (place ?? name.includes('/')) ? placed(place ?? name.trim()) : null;
}

/** The one that this process is in. */
export const ownZone = (): Zone | null => placed(new Intl.DateTimeFormat().resolvedOptions().timeZone);

function fixed(minutes: number): Zone {
  const ms = minutes * 60_000;
  return { wall: (instant) => instant + ms, instant: (wall) => wall - ms };
}

function placed(timeZone: string): Zone | null {
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat('en-US', {
      ...{ timeZone, hourCycle: 'h23', year: 'numeric', month: 'numeric', day: 'numeric' },
      ...{ hour: 'numeric', minute: 'numeric', second: 'numeric' },
    });
  } catch {
    // There is no zone of this name.
    return null;
  }
  const wall = (instant: number): number => {
    const parts = Object.fromEntries(format.formatToParts(instant).map(({ type, value }) => [type, Number(value)]));
    const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
    return Date.UTC(year, month - 1, day, hour, minute, second);
  };
  const offsetAt = (instant: number): number => wall(instant) - Math.floor(instant / 1000) * 1000;
  // Twice, as clocks may be changed in between.
  return { wall, instant: (at) => at - offsetAt(at - offsetAt(at)) };
}
