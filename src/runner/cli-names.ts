/** Command-line agents the catalogue knows how to launch. */
export const KNOWN_CLIS: readonly string[] = ['claude', 'codex', 'gemini', 'opencode', 'aider', 'cursor-agent', 'qwen'];
