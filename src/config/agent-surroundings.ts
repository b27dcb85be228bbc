import type { Environment } from './load.js';

/** What an agent may see of the runner's environment unless AGENT_ENV says otherwise. */
export const AGENT_ENV = [
  ...['HOME', 'PATH', 'LANG', 'TERM', 'TZ'],
  ...['ANTHROPIC_API_KEY', 'ANTHROPIC_AUTH_TOKEN', 'ANTHROPIC_BASE_URL', 'CLAUDE_CODE_OAUTH_TOKEN'],
  ...['CODEX_API_KEY', 'OPENAI_API_KEY', 'OPENAI_BASE_URL', 'OPENAI_MODEL', 'GOOGLE_GEMINI_BASE_URL'],
  ...['GEMINI_API_KEY', 'GOOGLE_API_KEY', 'CURSOR_API_KEY', 'DASHSCOPE_API_KEY', 'OPENROUTER_API_KEY'],
  ...['MISTRAL_API_KEY', 'DEEPSEEK_API_KEY', 'XAI_API_KEY', 'GROQ_API_KEY'],
];

/** Where the known command-line agents keep who they are signed in as. */
export const AGENT_HOME_FILES = [
  ...['.claude.json', '.claude/.credentials.json', '.codex/auth.json', '.codex/config.toml'],
  ...['.gemini/oauth_creds.json', '.gemini/settings.json', '.gemini/google_accounts.json', '.qwen/oauth_creds.json'],
  ...['.qwen/settings.json'],
  ...['.local/share/opencode/auth.json', '.config/opencode/opencode.json', '.config/cursor/auth.json'],
];

/** What the runner's own git may see: how to find itself, and the way through a proxy or a private certificate. */
export const GIT_ENV = [
  ...['PATH', 'SSL_CERT_FILE', 'SSL_CERT_DIR', 'GIT_SSL_CAINFO', 'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY'],
  ...['http_proxy', 'https_proxy', 'no_proxy'],
];

/** What of an environment is passed on. */
export const pick = (environment: Environment, names: readonly string[]): Record<string, string> =>
  Object.fromEntries(
    names.flatMap((name) => {
      const value = environment[name];
      // The runner's own secrets never reach an agent, even when somebody lists them.
      return value === undefined || name.startsWith('MIYABI_') ? [] : [[name, value]];
    }),
  );
