// The environment variables, from the configuration classes.

const GENERATED = 'Made from `src/config/` by `npm run generate`.';

/** @returns {Promise<{ title: string, about: string, variables: object[] }[]>} */
async function sections() {
  const [
    { SERVER_CONFIGS },
    { RunnerConfig },
    { LogLimitsConfig },
    { SupervisedConfig },
    { CoordinatorConfig },
    { CliConfig },
    { variablesOf },
  ] = await Promise.all([
    import('../../dist/src/config/config.module.js'),
    import('../../dist/src/config/runner.config.js'),
    import('../../dist/src/config/log-limits.config.js'),
    import('../../dist/src/config/supervised.config.js'),
    import('../../dist/src/config/coordinator.config.js'),
    import('../../dist/src/config/cli.config.js'),
    import('../../dist/src/config/variable.js'),
  ]);
  const section = (title, classes) => ({ title, variables: classes.flatMap((config) => variablesOf(config)) });
  return [
    section('Server', SERVER_CONFIGS),
    section('Worker', [RunnerConfig, LogLimitsConfig, SupervisedConfig]),
    section('Coordinator', [CoordinatorConfig]),
    section('Command line', [CliConfig]),
  ];
}

/** A table for the server and one for the worker, as Markdown. */
export async function configurationTable() {
  const tables = (await sections()).map(({ title, variables }) => {
    const rows = variables.map(
      (variable) => `| \`${variable.name}\` | ${cell(described(variable).about)} | ${cell(fallback(variable))} |`,
    );
    return `**${title}**\n\n| Variable | Meaning | Default |\n| --- | --- | --- |\n${rows.join('\n')}`;
  });
  return `${GENERATED}\n\n${tables.join('\n\n')}`;
}

/** `.env.example`: every variable, those with a default commented out. */
export async function environmentExample() {
  const parts = (await sections()).map(({ title, variables }) => {
    const lines = variables.map((variable) => {
      const { about, otherwise } = described(variable);
      const assignment =
        'default' in variable ? `# ${variable.name}=${otherwise ? '' : plain(variable.default)}` : `${variable.name}=`;
      return `# ${about}${otherwise ? ` Default: ${otherwise}` : ''}\n${assignment}`;
    });
    return `# --- ${title} ---\n\n${lines.join('\n\n')}`;
  });
  return `# Copy to .env. ${GENERATED.replaceAll('`', '')}\n\n${parts.join('\n\n')}\n`;
}

/** A default that depends on the machine is told in words, after `Default:` in the text. */
function described({ about }) {
  const [text, otherwise] = about.split(/\s*\bDefault: /);
  return { about: text, otherwise };
}

function fallback(variable) {
  const { otherwise } = described(variable);
  if (otherwise) return otherwise.replace(/\.$/, '');
  const usual = 'default' in variable ? code(variable.default) : 'required';
  return 'development' in variable ? `${usual}; in development ${code(variable.development)}` : usual;
}

function code(value) {
  const text = plain(value);
  return text === '' ? 'empty' : `\`${text}\``;
}

function plain(value) {
  if (typeof value === 'boolean') return value ? 'on' : 'off';
  return Array.isArray(value) ? value.join(',') : String(value);
}

function cell(text) {
  return text.replaceAll('|', '\\|');
}
