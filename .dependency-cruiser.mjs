// The layers of docs/architecture.md, enforced. Types count as much as values: an import type is still knowledge.

const SPEC = '\\.(spec|e2e-spec)\\.ts$';

/** Each may use those after it and none before it. */
const ARROW = ['coordinators', 'workers', 'executions', 'tasks', 'queue', 'events'];

const arrowsBack = ARROW.slice(1).map((feature, at) => ({
  name: `arrow-${feature}`,
  comment: 'Arrows: coordinators > workers > executions > tasks > queue > events, none back.',
  severity: 'error',
  from: { path: `^src/${feature}/`, pathNot: SPEC },
  to: { path: `^src/(${ARROW.slice(0, at + 1).join('|')})/` },
}));

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    ...arrowsBack,
    {
      name: 'no-cycles',
      comment: 'Files that need each other are one file, or three.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-orphans',
      comment: 'Nobody uses this file: remove it.',
      severity: 'error',
      from: {
        orphan: true,
        pathNot: [
          SPEC,
          // Declarations beside scripts, for the specs that call these.
          '\\.d\\.mts$',
          // Loaded into other processes by their `--import`.
          '^(scripts/end-with-parent|test/[^/]+)\\.mjs$',
          // Scripts of pages, which browsers load.
          '^src/web-pages/[^/]+\\.js$',
          // Configuration that tools read by its name.
          '^[^/]+\\.(mjs|ts)$',
        ],
      },
      to: {},
    },
    {
      name: 'not-to-unresolvable',
      comment: 'What is imported must be there.',
      severity: 'error',
      from: {},
      // Scripts load what the build has made; a check may run before it.
      to: { couldNotResolve: true, pathNot: '/dist/' },
    },
    {
      name: 'no-development-packages',
      comment: 'A server installed without development packages must start.',
      severity: 'error',
      from: { path: '^(src|migrations)/', pathNot: SPEC },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'] },
    },
    {
      name: 'sources-stand-alone',
      comment: 'The product does not know its tests and scripts.',
      severity: 'error',
      from: { path: '^(src|migrations)/', pathNot: SPEC },
      to: { path: ['^(test|scripts)/', SPEC] },
    },
    {
      name: 'typeorm-stays-below',
      comment: 'Data access is the business of stores and entities.',
      severity: 'error',
      from: { path: '^src/', pathNot: ['\\.(store|entity)\\.ts$', '^src/database/', SPEC] },
      to: { path: 'node_modules/(typeorm|@nestjs/typeorm)/' },
    },
    {
      name: 'controllers-use-services',
      comment: 'controller > service > store.',
      severity: 'error',
      // Health's figures of the pool are the database's own.
      from: { path: '\\.controller\\.ts$', pathNot: '^src/health/' },
      to: { path: ['\\.(store|entity)\\.ts$', '^src/database/'] },
    },
    {
      name: 'nothing-uses-controllers',
      comment: 'Controllers are the outermost layer; only their module names them.',
      severity: 'error',
      from: { path: '^src/', pathNot: ['\\.module\\.ts$', SPEC] },
      to: { path: '\\.controller\\.ts$' },
    },
    {
      name: 'stores-are-below-services',
      comment: 'A store answers questions; it asks nobody.',
      severity: 'error',
      from: { path: '\\.(store|entity)\\.ts$' },
      to: { path: '\\.(service|controller|dto|module|guard)\\.ts$' },
    },
    {
      name: 'shapes-do-nothing',
      comment: 'DTOs are shapes: no rules, no queries. They may be made from the types of those who have them.',
      severity: 'error',
      from: { path: '\\.dto\\.ts$' },
      to: { path: '\\.(service|store|module|controller)\\.ts$', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'pure-states-and-policies',
      comment: 'States and policies are plain functions over plain data.',
      severity: 'error',
      from: { path: '\\.(states|policy)\\.ts$' },
      to: { path: 'node_modules/' },
    },
    {
      name: 'services-only-across-features',
      comment: "A feature uses another's service, never its store or entity. queue/ may: a claim is one statement.",
      severity: 'error',
      from: { path: '^src/([^/]+)/', pathNot: ['^src/(queue|database)/', SPEC] },
      to: { path: '^src/[^/]+/.+\\.(store|entity)\\.ts$', pathNot: '^src/$1/' },
    },
    {
      name: 'git-knows-no-tasks',
      comment: 'git/ asks through its port (git-access.ts); who implements that is not its business.',
      severity: 'error',
      from: { path: '^src/git/', pathNot: SPEC },
      to: { path: '^src/(executions|workers|tasks|queue)/' },
    },
    {
      name: 'processes-are-started-in-few-places',
      comment: 'Only git/ runs git in the server; only the runner starts anything else.',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/(git|runner)/', SPEC] },
      to: { path: '^(node:)?child_process$|node_modules/execa/' },
    },
    {
      name: 'runner-is-a-client',
      comment: 'The runner knows the HTTP API alone, so that it can run anywhere.',
      severity: 'error',
      from: { path: '^src/runner/', pathNot: SPEC },
      to: {
        path: '^src/',
        pathNot: '^src/(runner|client|config)/|^src/(ids|version|head-log|nested-repositories|time-limit)\\.ts$',
      },
    },
    {
      name: 'cli-is-a-client',
      comment: 'The command line knows the HTTP API and the runner, so that it runs on any machine as a single file.',
      severity: 'error',
      from: { path: '^src/cli/', pathNot: SPEC },
      to: { path: '^src/', pathNot: '^src/(cli|runner|client|config)/|^src/version\\.ts$' },
    },
    {
      name: 'nobody-uses-the-cli',
      comment: 'The command line is a process of its own.',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/cli/', SPEC] },
      to: { path: '^src/cli/' },
    },
    {
      name: 'nobody-uses-the-runner',
      comment: 'The runner is a process of its own; the command line starts it as one.',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/(runner|cli)/', SPEC] },
      to: { path: '^src/runner/' },
    },
    {
      name: 'client-stands-alone',
      comment: 'The generated client could be published as it is.',
      severity: 'error',
      from: { path: '^src/client/' },
      to: { path: '^src/', pathNot: '^src/client/' },
    },
    {
      name: 'config-stands-alone',
      comment: 'Configuration is read before anything else exists.',
      severity: 'error',
      from: { path: '^src/config/', pathNot: SPEC },
      to: { path: '^src/', pathNot: '^src/config/' },
    },
    {
      name: 'http-knows-no-feature',
      comment: 'What every route shares cannot depend on one of them; who is calling is shared too.',
      severity: 'error',
      from: { path: '^src/http/', pathNot: SPEC },
      to: { path: '^src/', pathNot: '^src/(http|config|auth)/|^src/[^/]+\\.ts$' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^dist/' },
    tsConfig: { fileName: 'tsconfig.json' },
    // Sees imports of types as well, which the compiler leaves out.
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
  },
};
