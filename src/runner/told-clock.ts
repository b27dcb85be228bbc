import { zoneNamed, type Zone } from './time-zone.js';
import { matchAt } from './told-span.js';

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const WEEKDAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
const DAY_MS = 86_400_000;
/** A time that has just gone by is not the one of tomorrow. */
const JUST_PAST_MS = 15 * 60_000;
/** A date further away is one that was not understood. */
const FURTHEST_MS = 62 * DAY_MS;

const BEFORE = /\b(?:try again|retry|resets?|available(?: again)?|wait|until)\b(?:\s+(?:at|on|until|by))*\s+/gi;
const ISO = /(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:\.\d+)?)?(Z|[+-]\d\d:?\d\d)?(?![\d:])/iy;
const DAY =
  /(today|tomorrow|(?:sun|mon|fri)(?:day)?|tue(?:s|sday)?|wed(?:nesday)?|thu(?:rs|rsday)?|sat(?:urday)?)\b,?\s*(?:at\s+)?/iy;
const DATE =
  /(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.? (\d{1,2})(?:st|nd|rd|th)?(?:,? (\d{4}))?,?\s+(?:at\s+)?/iy;
const TIME = /(\d{1,2})(?::(\d\d))?(?::\d\d)?(?: ?([ap])(?:m\b|\.m\.))?/iy;
const ZONE =
  /\s*\(([^)]*)\)|\s+((?:UTC|GMT)[+-]\d{1,2}(?::?\d\d)?|[A-Z][A-Za-z]+\/[A-Za-z_/]+|Z|[A-Z]{2,5})(?![A-Za-z])/y;
const ZONE_IN_WORDS = /\s+((?:[a-z]+ )?(?:standard |daylight )?time)\b/iy;

interface Fields {
  readonly year: number;
  readonly month: number;
  readonly day: number;
}

/**
 * In how many seconds, where a message tells a time of the day: `at 2:00 AM`, `Nov 28, 3pm (America/New_York)`. Null when
 * it tells none, one that has gone by, or one in a zone that this cannot be sure of. `own` is the zone of a time that names
 * none; null when that cannot be known.
 */
export function clockIn(message: string, now: Date, own: Zone | null): number | null {
  for (const { index, 0: words } of message.matchAll(BEFORE)) {
    const at = instantAt(message, index + words.length, now.getTime(), own);
    if (at !== null) return at > now.getTime() ? (at - now.getTime()) / 1000 : null;
  }
  return null;
}

function instantAt(text: string, start: number, now: number, own: Zone | null): number | null {
  const iso = matchAt(ISO, text, start);
  if (iso !== null) return isoInstant(iso, text, start, own);
  const weekday = matchAt(DAY, text, start);
  const afterDay = start + (weekday?.[0].length ?? 0);
  const date = matchAt(DATE, text, afterDay);
  const place = afterDay + (date?.[0].length ?? 0);
  const time = matchAt(TIME, text, place);
  const minutes = time === null ? null : minutesOf(time);
  if (time === null || minutes === null) return null;
  const zone = zoneAt(text, place + time[0].length, own);
  if (zone === null) return null;
  const today = fieldsOf(zone.wall(now));
  if (date !== null) return onDate(date, minutes, { zone, today, now });
  const onDay = (days: number): number => zone.instant(wallOf(today, minutes) + days * DAY_MS);
  const day = weekday?.[1]?.toLowerCase();
  if (day === 'today' || day === 'tomorrow') return onDay(day === 'today' ? 0 : 1);
  const days =
    day === undefined ? 0 : (WEEKDAYS.indexOf(day.slice(0, 3)) - new Date(wallOf(today, 0)).getUTCDay() + 7) % 7;
  const next = onDay(days);
  if (next > now || now - next < JUST_PAST_MS) return next;
  return onDay(days + (day === undefined ? 1 : 7));
}

function isoInstant(iso: RegExpExecArray, text: string, start: number, own: Zone | null): number | null {
  const [whole, year, month, day, hour, minute, second = '0', offset] = iso;
  const zone = offset === undefined ? zoneAt(text, start + whole.length, own) : zoneNamed(offset);
  const wall = Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second));
  return zone === null ? null : zone.instant(wall);
}

/** The year that is not told is the one which makes it the next such day. */
function onDate(
  [, month = '', day, year]: RegExpExecArray,
  minutes: number,
  { zone, today, now }: { zone: Zone; today: Fields; now: number },
): number | null {
  const index = MONTHS.indexOf(month.toLowerCase());
  if (Number(day) < 1 || Number(day) > 31) return null;
  const years = year === undefined ? [today.year, today.year + 1] : [Number(year)];
  const found = years
    .map((one) => zone.instant(wallOf({ year: one, month: index, day: Number(day) }, minutes)))
    .find((instant) => instant > now - JUST_PAST_MS && instant < now + FURTHEST_MS);
  return found ?? null;
}

/** Minutes of the day; null for what may be of the morning or of the afternoon. */
function minutesOf([, hour, minute, half]: RegExpExecArray): number | null {
  const [hours, minutes] = [Number(hour), Number(minute ?? 0)];
  if (minutes > 59) return null;
  if (half !== undefined)
    return hours < 1 || hours > 12 ? null : ((hours % 12) + (half.toLowerCase() === 'p' ? 12 : 0)) * 60 + minutes;
  return hour?.length === 2 && minute !== undefined && hours < 24 ? hours * 60 + minutes : null;
}

function zoneAt(text: string, place: number, own: Zone | null): Zone | null {
  const words = matchAt(ZONE_IN_WORDS, text, place)?.[1];
  if (words !== undefined) return words.toLowerCase() === 'local time' ? own : zoneNamed(words);
  const named = matchAt(ZONE, text, place);
  return named === null ? own : zoneNamed(named[1] ?? named[2] ?? '');
}

function fieldsOf(wall: number): Fields {
  const date = new Date(wall);
  return { year: date.getUTCFullYear(), month: date.getUTCMonth(), day: date.getUTCDate() };
}

const wallOf = ({ year, month, day }: Fields, minutes: number): number => Date.UTC(year, month, day, 0, minutes);
