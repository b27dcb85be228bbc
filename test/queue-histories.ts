import fc from 'fast-check';
import type { NewModelTask, Outcome, Reason } from './queue-model.js';

const DAY = 86_400;

/** One step of a history. Numbers name tasks, executions and workers by their index, modulo how many there are. */
export type Step =
  | { do: 'create'; task: NewModelTask; crash: number }
  | { do: 'claim'; worker: number; max: number; crash: number }
  | { do: 'beat'; worker: number; named: number[] }
  | { do: 'finish'; execution: number; outcome: Outcome; reason: Reason; crash: number }
  | { do: 'change'; task: number; what: 'cancel' | 'retry' | 'remove' | 'P0' | 'P1' | 'P2'; crash: number }
  | { do: 'depend'; task: number; on: number; how: 'add' | 'remove'; crash: number }
  | { do: 'sweep' | 'promote'; crash: number }
  | { do: 'pass'; seconds: number };

const index = fc.nat(30);
/** Mostly none; else the statement at which the database is lost. */
const crash = fc.oneof(
  { weight: 8, arbitrary: fc.constant(0) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 14 }) },
);
const priority = fc.constantFrom('P0' as const, 'P1' as const, 'P2' as const);
const newTask: fc.Arbitrary<NewModelTask> = fc.record({
  priority,
  key: fc.constantFrom(null, null, 'k', 'k', 'l'),
  deps: fc.array(index, { maxLength: 3 }),
  max_retries: fc.nat(2),
  timeout_seconds: fc.constantFrom(100, 3600),
  delay: fc.constantFrom(0, 0, 0, DAY),
});
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('create' as const), task: newTask, crash }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('claim' as const),
      worker: index,
      max: fc.integer({ min: 1, max: 3 }),
      crash,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('beat' as const), worker: index, named: fc.array(index, { maxLength: 3 }) }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('finish' as const),
      execution: index,
      outcome: fc.constantFrom(
        'completed' as const,
        'completed' as const,
        'failed' as const,
        'failed' as const,
        'cancelled' as const,
        'released' as const,
      ),
      reason: fc.constantFrom('agent_error' as const, 'auth' as const, 'rate_limited' as const),
      crash,
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('change' as const),
      task: index,
      what: fc.constantFrom(
        'cancel' as const,
        'retry' as const,
        'retry' as const,
        'remove' as const,
        'P0' as const,
        'P1' as const,
        'P2' as const,
      ),
      crash,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('depend' as const),
      task: index,
      on: index,
      how: fc.constantFrom('add' as const, 'add' as const, 'remove' as const),
      crash,
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('sweep' as const, 'promote' as const), crash }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('pass' as const), seconds: fc.constantFrom(30, 61, 130, DAY) }) },
);

export const history = fc.array(step, { minLength: 1, maxLength: 30, size: 'max' });
