import { newId, isId } from '../ids.js';
import { byVersion, isTagId, mayBeTagOf, placeTime, tagId, versionKey } from './version-order.js';

const sorted = (versions: readonly string[]): string[] =>
  versions
    .map((version) => ({ version, at: placeTime(new Date(0)), key: versionKey(version), id: '' }))
    .sort(byVersion)
    .map(({ version }) => version);

it('puts versions of one instant in the order of their numbers, and pre-releases behind what they are of', () => {
  const versions = ['v1.0.0-alpha', 'v1.0.0-rc.1', 'v1.0.0-rc.2', 'v1.0.0', 'v1.0.0.1', 'v1.9', 'v1.10', 'v2'];
  expect(sorted([...versions].sort())).toEqual([...versions].reverse());
});

it.each([
  [null, '0001-01-01T00:00:00.000000Z'],
  [new Date(-8.64e15), '0001-01-01T00:00:00.000000Z'],
  [new Date(8.64e15), '9999-12-31T23:59:59.999000Z'],
  [new Date('2026-01-31T12:00:00Z'), '2026-01-31T12:00:00.000000Z'],
])('has for %s a time that texts and PostgreSQL can compare', (at, expected) => {
  expect(placeTime(at)).toBe(expected);
});

describe('the id of a tag', () => {
  const repository = newId();
  const id = tagId(repository, 'v1', 'a'.repeat(40));

  it('is a UUID, always the same, and of its repository', () => {
    expect(isId(id)).toBe(true);
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab]/);
    expect(tagId(repository, 'v1', 'a'.repeat(40))).toBe(id);
    expect(mayBeTagOf(id, repository)).toBe(true);
    expect(mayBeTagOf(id, newId())).toBe(false);
    expect(isTagId(newId())).toBe(false);
  });

  it('is another one for another name, commit or repository', () => {
    const others = [
      tagId(repository, 'v2', 'a'.repeat(40)),
      tagId(repository, 'v1', 'b'.repeat(40)),
      tagId(repository, 'v1', null),
      tagId(newId(), 'v1', 'a'.repeat(40)),
    ];
    expect(new Set([id, ...others]).size).toBe(5);
  });
});
