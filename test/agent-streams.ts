import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * What CLIs have written, as it was recorded: Claude Code 2.1.332, Codex 0.169.0, Gemini CLI 0.61.0, opencode 1.18.33 and
 * Qwen Code 0.24.4, against a provider on this machine that answered as theirs do. Cursor's is from its documentation.
 */
export const recordedStream = (name: string): string[] =>
  readFileSync(join(import.meta.dirname, 'agent-streams', `${name}.ndjson`), 'utf8')
    .trimEnd()
    .split('\n');
