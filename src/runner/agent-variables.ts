import { existsSync } from 'node:fs';
import { join } from 'node:path';

/**
 * The environment of agents, with the key of OpenAI under the name that Codex reads as well. Not where Codex is signed in,
 * for it would then work at the cost of the key.
 */
export function agentVariables(
  environment: Readonly<Record<string, string>>,
  home = environment['HOME'] ?? '',
): Readonly<Record<string, string>> {
  const { OPENAI_API_KEY: key, CODEX_API_KEY: own, CODEX_HOME: directory = join(home, '.codex') } = environment;
  if (key === undefined || own !== undefined || existsSync(join(directory, 'auth.json'))) return environment;
  return { ...environment, CODEX_API_KEY: key };
}
