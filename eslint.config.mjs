import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';

const SPECS = ['test/**/*.ts', '**/*.spec.ts', '**/*.e2e-spec.ts'];

/** What of `@nestjs/common` is about HTTP: only controllers, DTOs, guards and `http/` know it. */
const HTTP_NAMES = '^(Http.*|.*Exception|Controller|Get|Post|Put|Patch|Delete|All|Body|Param|Query|Req|Res|Headers?)$';

const ENVIRONMENT = { object: 'process', property: 'env', message: 'Only src/config/ reads the environment.' };

const CORRECTNESS = {
  eqeqeq: ['error', 'always', { null: 'ignore' }],
  'no-console': 'error',
  'no-empty': 'error',
  'no-eval': 'error',
  'no-implied-eval': 'error',
  'no-var': 'error',
  'prefer-const': 'error',
  'no-constant-binary-expression': 'error',
  'no-self-compare': 'error',
  'no-template-curly-in-string': 'error',
  'no-unreachable-loop': 'error',
  'no-unsafe-finally': 'error',
  'no-useless-escape': 'error',
  'no-warning-comments': ['error', { terms: ['todo', 'fixme', 'xxx'], location: 'anywhere' }],
  'max-lines': ['error', 300],
};

export default defineConfig(
  globalIgnores(['dist/', 'coverage/', '.miyabi/', '**/*.generated.ts', '**/*.d.mts']),
  {
    // An exception belongs into this file, with its reason.
    linterOptions: { noInlineConfig: true, reportUnusedInlineConfigs: 'error' },
  },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      ...CORRECTNESS,
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/max-params': ['error', { max: 7 }],
      'no-restricted-properties': ['error', ENVIRONMENT],
      // `_` says that nobody needs it: a place in a list of parameters, a round of a loop.
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_$' }],

      // Nest's modules are classes that only carry a decorator.
      '@typescript-eslint/no-extraneous-class': ['error', { allowWithDecorator: true }],
      // `() => next()` says what it does; braces around it would not say more.
      '@typescript-eslint/no-confusing-void-expression': [
        'error',
        {
          ignoreArrowShorthand: true,
          ignoreVoidReturningFunctions: true,
        },
      ],
      // Keys of an index signature are data: `environment['PORT']` shows that it may be absent.
      '@typescript-eslint/dot-notation': ['error', { allowIndexSignaturePropertyAccess: true }],
      // The type of a decorated field must be written: the compiler emits what is written, not what it infers.
      '@typescript-eslint/no-inferrable-types': ['error', { ignoreProperties: true }],
      // Numbers read the same in a template as through String().
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      // DTOs are shapes; an object literal with their fields is one.
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
      // Rows of a store have the type of an entity class and are plain objects; `[...text]` means code points.
      '@typescript-eslint/no-misused-spread': 'off',
      // TypeScript takes a getter that was false (`response.destroyed`) to be false for ever, also after an await.
      '@typescript-eslint/no-unnecessary-condition': 'off',
      // `date && date.toISOString()` keeps null; with `?.` it would be undefined, which JSON leaves out.
      '@typescript-eslint/prefer-optional-chain': 'off',
      // It takes assertions that are needed (`cause as NodeJS.ErrnoException`) for superfluous: its fixes do not compile.
      '@typescript-eslint/no-unnecessary-type-assertion': 'off',
      // An empty text is no answer, and neither is false: `||` passes over both on purpose.
      '@typescript-eslint/prefer-nullish-coalescing': ['error', { ignorePrimitives: { string: true, boolean: true } }],
      // A loop that counts rounds is not a loop over the list whose length it takes.
      '@typescript-eslint/prefer-for-of': 'off',
    },
  },
  {
    // Configuration has one place that reads the environment; tests are handed their database in it.
    files: ['src/config/**/*.ts', ...SPECS],
    rules: { 'no-restricted-properties': 'off' },
  },
  {
    // HTTP ends at the controllers: below them a refusal is a domain error.
    files: ['src/**/*.ts'],
    ignores: [
      'src/http/**',
      'src/**/*.{controller,dto,decorator,guard,module,interceptor,pipe}.ts',
      ...SPECS,
      // Puts the application together.
      'src/app.ts',
      // Decorators of routes and of DTO fields.
      'src/auth/access.ts',
      'src/auth/github-id.ts',
      // Git's smart HTTP is a protocol of streams: what carries it is HTTP itself.
      'src/git/git-*.ts',
    ],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          paths: [{ name: 'express', message: 'Only controllers, guards and http/ know Express.' }],
          patterns: [
            {
              group: ['@nestjs/common'],
              importNamePattern: HTTP_NAMES,
              message: 'Throw a DomainError below controllers.',
            },
            { group: ['@nestjs/platform-express', '@nestjs/swagger'], message: 'HTTP ends at the controllers.' },
          ],
        },
      ],
    },
  },
  {
    files: SPECS,
    rules: {
      // Answers of supertest are `any`; the expectations on them are what checks their shape.
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      // A test that finds nothing fails right there.
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/non-nullable-type-assertion-style': 'off',
      // Set-up returns a bundle of functions that tests take apart.
      '@typescript-eslint/unbound-method': 'off',
      // Tables of cases have one shape, whether a case waits for something or not.
      '@typescript-eslint/require-await': 'off',
      // What is not there need not be waited for, but may stand in the list.
      '@typescript-eslint/await-thenable': 'off',
      // Answers are shown as they are, whatever they are.
      '@typescript-eslint/no-base-to-string': 'off',
      // Hostile texts look like templates.
      'no-template-curly-in-string': 'off',
      // A case declares the odd module or controller that it is about.
      '@typescript-eslint/no-extraneous-class': 'off',
    },
  },
  {
    files: ['**/*.mjs'],
    languageOptions: { ecmaVersion: 2023, sourceType: 'module' },
    rules: { ...CORRECTNESS, 'no-unused-vars': 'error' },
  },
  {
    // Scripts of pages, in browsers.
    files: ['src/web-pages/*.js'],
    languageOptions: { ecmaVersion: 2022, sourceType: 'module' },
    rules: { ...CORRECTNESS, 'no-unused-vars': 'error' },
  },
  {
    // Commands speak to the person who called them.
    files: ['scripts/**/*.mjs', '.ci/**/*.mjs', 'bench/**/*.mjs'],
    rules: { 'no-console': 'off' },
  },
);
