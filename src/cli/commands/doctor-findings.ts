/** One thing that was looked at. */
export interface Finding {
  readonly name: string;
  readonly state: 'ok' | 'note' | 'fault';
  readonly detail: string;
  /** What to do about it. */
  readonly hint: string | null;
}

export const ok = (name: string, detail: string): Finding => ({ name, state: 'ok', detail, hint: null });
export const note = (name: string, detail: string, hint: string): Finding => ({ name, state: 'note', detail, hint });
export const fault = (name: string, detail: string, hint: string): Finding => ({ name, state: 'fault', detail, hint });
