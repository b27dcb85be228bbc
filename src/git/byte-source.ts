/** Bytes up to a mark. */
export interface Stretch {
  /** At most as many as were asked for. */
  bytes: Buffer;
  /** Whether that is all of them, with the mark behind. */
  whole: boolean;
}

/** Bytes of which the middle may be left out. */
export interface Ends {
  begin: Buffer;
  end: Buffer;
  /** How many there were between the two. */
  left_out: number;
}

const last = (count: number, ...parts: Buffer[]): Buffer => {
  const all = Buffer.concat(parts);
  return all.subarray(Math.max(0, all.length - count));
};

/** Bytes that come in chunks, read by mark or by count. What is not kept is dropped as it comes. */
export class ByteSource {
  private readonly chunks: AsyncIterator<Buffer>;
  private rest: Buffer = Buffer.alloc(0);

  constructor(chunks: AsyncIterable<Buffer>) {
    this.chunks = chunks[Symbol.asyncIterator]();
  }

  /** The first `keep` of the bytes up to the next mark, which is passed over; null when there is nothing more. */
  async until(mark: number, keep: number): Promise<Stretch | null> {
    if (this.rest.length === 0 && !(await this.more())) return null;
    const kept: Buffer[] = [];
    let length = 0;
    for (;;) {
      const end = this.rest.indexOf(mark);
      const part = end < 0 ? this.rest : this.rest.subarray(0, end);
      if (length < keep) kept.push(part.subarray(0, keep - length));
      length += part.length;
      this.rest = this.rest.subarray(end < 0 ? this.rest.length : end + 1);
      const ended = end < 0 && !(await this.more());
      if (end >= 0 || ended) return { bytes: Buffer.concat(kept), whole: end >= 0 && length <= keep };
    }
  }

  /** The first `keep` of the next `count` bytes, and the last `keep_end` of the others; null when there are not so many. */
  async take(count: number, keep: number, keep_end = 0): Promise<Ends | null> {
    const kept: Buffer[] = [];
    let end: Buffer = Buffer.alloc(0);
    let left = count;
    let wanted = Math.min(count, keep);
    while (left > 0) {
      if (this.rest.length === 0 && !(await this.more())) return null;
      const part = this.rest.subarray(0, left);
      this.rest = this.rest.subarray(part.length);
      left -= part.length;
      const first = part.subarray(0, wanted);
      if (first.length > 0) kept.push(first);
      wanted -= first.length;
      // Of what is far from the end nothing is looked at.
      if (left < keep_end) end = last(keep_end, end, part.subarray(first.length));
    }
    return { begin: Buffer.concat(kept), end, left_out: count - Math.min(count, keep) - end.length };
  }

  /** Brings the next chunk; only when the one before was read. */
  private async more(): Promise<boolean> {
    do {
      const { value, done } = (await this.chunks.next()) as IteratorResult<Buffer, undefined>;
      if (done || value === undefined) return false;
      this.rest = value;
    } while (this.rest.length === 0);
    return true;
  }
}
