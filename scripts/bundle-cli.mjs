// The command line as one file that needs nothing but Node.js: dist/miyabi.mjs, which the server hands out.
import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './root.mjs';

export const cliFile = join(root, 'dist', 'miyabi.mjs');

/** Loads nothing before dependencies are installed. */
export async function bundleCli() {
  const { build } = await import('esbuild');
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const part = `${cliFile}.${process.pid}`;
  mkdirSync(join(root, 'dist'), { recursive: true });
  try {
    await build({
      entryPoints: [join(root, 'src', 'cli', 'main.ts')],
      outfile: part,
      bundle: true,
      platform: 'node',
      format: 'esm',
      target: 'node20.19',
      tsconfig: join(root, 'tsconfig.json'),
      logLevel: 'warning',
      // Names stay, for the stacks that people report.
      minifyWhitespace: true,
      minifySyntax: true,
      keepNames: false,
      legalComments: 'none',
      // Older packages among the dependencies ask for parts of Node.js this way.
      banner: {
        js: [
          '#!/usr/bin/env node',
          `// miyabi ${version}: the command line of a Miyabi control plane. https://nodejs.org runs it.`,
          "import { createRequire as createRequireOfMiyabi } from 'node:module';",
          'const require = createRequireOfMiyabi(import.meta.url);',
        ].join('\n'),
      },
      // Faster ways that `ws` takes where somebody has installed them.
      external: ['bufferutil', 'utf-8-validate'],
      plugins: [versionOf(version)],
    });
    chmodSync(part, 0o755);
    // In one go: the server may be reading it.
    renameSync(part, cliFile);
  } finally {
    rmSync(part, { force: true });
  }
}

/** In place of the look at package.json, which does not go with the file. */
const versionOf = (version) => ({
  name: 'version',
  setup: (build) =>
    build.onLoad({ filter: /[\\/]src[\\/]version\.ts$/ }, () => ({
      contents: `export const VERSION: string = ${JSON.stringify(version)};`,
      loader: 'ts',
    })),
});

if (import.meta.filename === process.argv[1]) await bundleCli();
