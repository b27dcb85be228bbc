import { Injectable } from '@nestjs/common';
import type { WorkerPrincipal } from '../auth/principal.js';
import { cleanText } from '../http/clean-text.js';
import { LeasesService, type LeaseReport, type NewLogEntry, type Signals } from '../queue/leases.service.js';
import { WrongLogOffset } from './execution.errors.js';
import { LateWordsService } from './late-words.service.js';

export interface LogBatch {
  offset: number;
  entries: { level?: string; stream?: string; message: string; logged_at?: string }[];
}

/** What workers say of the executions they run. Each word is fenced by the execution's id. */
@Injectable()
export class ReportsService {
  constructor(
    private readonly leases: LeasesService,
    private readonly lateWords: LateWordsService,
  ) {}

  /** Stores log entries from `offset` on. Throws WrongLogOffset for a gap, LeaseLost for a late word. */
  async log(
    worker: WorkerPrincipal,
    id: string,
    batch: LogBatch,
  ): Promise<Signals & { next_offset: number; cleaned: number }> {
    const stored = await this.append(worker, id, batch);
    return { ...stored, ...(await this.leases.signals(worker.id, [id])) };
  }

  /** The same, for who tells the worker what it is to know by himself. */
  async append(
    worker: WorkerPrincipal,
    id: string,
    batch: LogBatch,
  ): Promise<{ next_offset: number; cleaned: number }> {
    let cleaned = 0;
    const entries = batch.entries.map((entry): NewLogEntry => {
      const message = cleanText(entry.message);
      if (message !== entry.message) cleaned += 1;
      return {
        level: entry.level ?? 'info',
        stream: entry.stream ?? 'stdout',
        message,
        logged_at: entry.logged_at ?? null,
      };
    });
    const stored = await this.leases.appendLogs(id, worker.id, batch.offset, entries);
    if (stored === null) throw await this.lateWords.refusal(worker, id);
    if (batch.offset > stored.stored_before) throw new WrongLogOffset(stored.stored_before);
    return { next_offset: stored.stored, cleaned };
  }

  /** Takes how far an attempt has come, what it used and its checkpoint. Throws LeaseLost for a late word. */
  async progress(worker: WorkerPrincipal, report: LeaseReport): Promise<Signals> {
    await this.advance(worker, report);
    return this.leases.signals(worker.id, [report.id]);
  }

  /** The same, for who tells the worker what it is to know by himself. */
  async advance(worker: WorkerPrincipal, report: LeaseReport): Promise<void> {
    const leases = await this.leases.report(worker.id, [report]);
    if (leases.length === 0) throw await this.lateWords.refusal(worker, report.id);
  }
}
