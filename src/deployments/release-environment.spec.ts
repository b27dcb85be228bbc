import { environmentOf } from './release-environment.js';

it.each([
  'v1.0.0-alpha',
  'v1.0.0-alpha.1',
  '1.0.0-beta.2+build.7',
  'v2.0.0-rc.1',
  'v2.0.0-RC1',
  '1.4beta2',
  '2.0rc1',
  'v1_0_0_rc3',
  'release/1.0.0-rc',
  'app-next-beta',
])('%s goes to staging', (version) => {
  expect(environmentOf(version)).toBe('staging');
});

it.each([
  'v1.0.0',
  '1.0',
  'v1.0.0-alphabet',
  'v1.0.0-arc',
  'v1.0.0-rcx',
  'alpha-1.0',
  'v1.0.0-final',
  'release-2026-01-31',
  'HEAD',
  '9fceb02d0ae598e95dc970b74767f19372d61af8',
  '$(touch /tmp/x)',
])('%s goes to production', (version) => {
  expect(environmentOf(version)).toBe('production');
});
