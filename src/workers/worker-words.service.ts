import { Injectable } from '@nestjs/common';
import { InvalidInput, type FieldFault } from '../domain-error.js';
import { InputPipe } from '../http/input.pipe.js';
import { ExecutionBeatDto, HeartbeatDto, MOST_LAUNCHERS, MOST_RUNNING, OwnStopDto } from './heartbeat.dto.js';
import { LauncherDto, MetricsDto, OwnPauseDto } from './worker-facts.dto.js';

type Fields = Record<string, unknown>;
type Shape<T> = new () => T;

/** Something that was left out because it is wrong. */
export interface Ignored {
  /** Of which execution it was said, as it was sent; null for what is said of the worker. */
  id: string | null;
  field: string;
  message: string;
}

/** What was taken of what was said; `ignored` is absent when that is all. */
export interface Heard<T> {
  said: T;
  ignored?: Ignored[];
}

/** Each round finds a fault in every member at least; unclean texts are found one at a time. */
const MOST_ROUNDS = 12;
const MOST_IGNORED = 100;
/** For a wish whose reason cannot be read. */
const NO_NOTE = 'By its own wish.';

const UNREADABLE_LAUNCHERS = 'launchers must have something that can be read; what was told before stays';

/** Reads signs of life so that what is wrong in them costs nothing but itself: no lease is lost for a figure. */
@Injectable()
export class WorkerWords {
  constructor(private readonly input: InputPipe) {}

  /** A heartbeat, without what is wrong in it. */
  async heartbeat(said: object): Promise<Heard<HeartbeatDto>> {
    try {
      return { said: await this.input.read(HeartbeatDto, said) };
    } catch (error) {
      if (!(error instanceof InvalidInput)) throw error;
      return this.sift(said as Fields);
    }
  }

  /** Usage of a machine, without what is wrong in it. */
  async metrics(said: unknown): Promise<Heard<MetricsDto | undefined>> {
    if (said === undefined) return { said };
    const { taken, faults } = await this.taken(MetricsDto, said);
    const ignored = faults.map((fault) => ({ ...fault, id: null, field: inside('metrics', fault.field) }));
    return { said: taken, ...(ignored.length > 0 && { ignored }) };
  }

  private async sift(said: Fields): Promise<Heard<HeartbeatDto>> {
    const ignored: Ignored[] = [];
    const left = async <T extends object>(shape: Shape<T>, name: string, value: unknown): Promise<T | undefined> => {
      if (value === undefined) return undefined;
      const { taken, faults } = await this.taken(shape, value);
      ignored.push(...faults.map(({ field, message }) => ({ id: null, field: inside(name, field), message })));
      return taken;
    };
    const list = (name: string, most: number): unknown[] => {
      const value = said[name];
      if (value === undefined) return [];
      const message = `${name} must be a list of at most ${String(most)}`;
      if (!Array.isArray(value) || value.length > most) ignored.push({ id: null, field: name, message });
      return Array.isArray(value) ? value.slice(0, most) : [];
    };
    const sound = new HeartbeatDto();
    sound.executions = [];
    for (const item of list('executions', MOST_RUNNING)) {
      const { beat, faults } = await this.execution(item);
      if (beat) sound.executions.push(beat);
      ignored.push(...faults);
    }
    const metrics = await left(MetricsDto, 'metrics', said['metrics']);
    if (metrics) sound.metrics = metrics;
    const told = list('launchers', MOST_LAUNCHERS);
    const launchers: LauncherDto[] = [];
    for (const [at, item] of told.entries()) {
      const launcher = await left(LauncherDto, `launchers[${String(at)}]`, item);
      if (launcher) launchers.push(launcher);
    }
    // Somebody who has none says so with an empty list: a list that cannot be read is no reason to give a worker nothing.
    if (told.length > 0 && launchers.length === 0)
      ignored.unshift({ id: null, field: 'launchers', message: UNREADABLE_LAUNCHERS });
    else if (Array.isArray(said['launchers'])) sound.launchers = launchers;
    const { pause, stop } = said;
    if (isFields(pause)) sound.pause = (await left(OwnPauseDto, 'pause', pause)) ?? { note: NO_NOTE };
    if (isFields(stop)) sound.stop = (await left(OwnStopDto, 'stop', stop)) ?? { note: NO_NOTE };
    return { said: sound, ignored: ignored.slice(0, MOST_IGNORED) };
  }

  /** Whatever else is said of it, an execution that is named is renewed. */
  private async execution(said: unknown): Promise<{ beat: ExecutionBeatDto | undefined; faults: Ignored[] }> {
    const given = isFields(said) ? said['id'] : null;
    const id = typeof given === 'string' && given.length <= 36 ? given : null;
    const { taken, faults } = await this.taken(ExecutionBeatDto, said);
    const beat = taken ?? (id === null ? undefined : (await this.taken(ExecutionBeatDto, { id })).taken);
    return { beat, faults: faults.map(({ field, message }) => ({ id, field: field || 'executions', message })) };
  }

  /** What is left of something when its members that are wrong are left out; undefined when it is nothing without them. */
  private async taken<T extends object>(
    shape: Shape<T>,
    said: unknown,
  ): Promise<{ taken: T | undefined; faults: FieldFault[] }> {
    if (!isFields(said)) return { taken: undefined, faults: [{ field: '', message: 'must be a JSON object' }] };
    const rest = structuredClone(said);
    const faults: FieldFault[] = [];
    for (let round = 0; round < MOST_ROUNDS; round++) {
      try {
        return { taken: await this.input.read(shape, rest), faults };
      } catch (error) {
        if (!(error instanceof InvalidInput)) throw error;
        const found = (error.extra['errors'] ?? [{ field: '', message: error.detail }]) as FieldFault[];
        faults.push(...found.filter(({ field }) => !faults.some((known) => known.field === field)));
        // Nothing to leave out: it is missing, or all of it is wrong.
        if (!found.map(({ field }) => leaveOut(rest, field)).every(Boolean)) break;
      }
    }
    return { taken: undefined, faults };
  }
}

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const inside = (name: string, field: string): string => (field === '' ? name : `${name}.${field}`);

/** Takes a member out, or the one that it is in; answers whether it was there. */
function leaveOut(said: Fields, path: string): boolean {
  const [name = '', ...rest] = path.replace(/\[.*/, '').split('.');
  if (!Object.hasOwn(said, name)) return false;
  const inner = said[name];
  if (rest.length > 0 && isFields(inner) && leaveOut(inner, rest.join('.'))) return true;
  Reflect.deleteProperty(said, name);
  return true;
}
