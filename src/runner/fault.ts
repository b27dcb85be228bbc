import { freeDisk } from './metrics.js';
import type { FailureReason } from './protocol.js';

/** With less than this nothing can be written that is worth it. */
const FULL_BYTES = 1024 ** 2;

/** What brought a failure about: the task or its repository, for any worker; or this worker, for any task. */
export type Blame = 'task' | 'worker';

/** Why an attempt could not go on, in the words of the protocol. */
export class Fault extends Error {
  constructor(
    readonly reason: FailureReason,
    message: string,
    options?: ErrorOptions & {
      /** Whether another attempt may help, where the runner knows better than the reason tells. */
      retryable?: boolean;
      /** Left out where it may be either. */
      blame?: Blame;
    },
  ) {
    super(message, options);
    this.name = 'Fault';
    this.retryable = options?.retryable;
    this.blame = options?.blame;
  }

  readonly retryable: boolean | undefined;
  readonly blame: Blame | undefined;

  /** The same, with what brought it about. */
  blamedOn(blame: Blame): Fault {
    const retryable = this.retryable === undefined ? {} : { retryable: this.retryable };
    return new Fault(this.reason, this.message, { cause: this.cause, ...retryable, blame });
  }
}

/** Any error as a fault: a full disk is recognised wherever it shows. */
export function faultOf(error: unknown, otherwise: FailureReason): Fault {
  const message = error instanceof Error ? error.message : String(error);
  if (isDiskFull(error, message)) return new Fault('disk_full', message, { cause: error });
  if (error instanceof Fault) return error;
  return new Fault(otherwise, message, { cause: error });
}

/** The same for what writes below a directory: git does not say of each of its files that there was no room for it. */
export async function faultIn(directory: string, error: unknown, otherwise: FailureReason): Promise<Fault> {
  const fault = faultOf(error, otherwise);
  if (fault.reason === 'disk_full' || error instanceof Fault) return fault;
  const free = await freeDisk(directory).catch(() => Infinity);
  if (free >= FULL_BYTES) return fault;
  return new Fault('disk_full', `${fault.message}\nIts disk has ${String(free)} bytes left.`, { cause: error });
}

const isDiskFull = (error: unknown, message: string): boolean =>
  (error as { code?: unknown } | null)?.code === 'ENOSPC' ||
  /No space left on device|Disk quota exceeded/.test(message);
