import { describe, expect, it } from '@jest/globals';
import { ROLES, type Role } from '../auth/permissions.js';
import {
  assertKeepsAnOwner,
  assertMayChangeRole,
  assertMayDelete,
  assertMayInvite,
  assertMayRemove,
  assertMayTransfer,
} from './organization.policy.js';

/** Of the pairs of roles those that `assert` lets through, as `actor>role`. */
const allowed = (assert: (actor: Role, role: Role) => void): string[] =>
  ROLES.flatMap((actor) => ROLES.map((role) => [actor, role] as const))
    .filter(([actor, role]) => passes(() => assert(actor, role)))
    .map((pair) => pair.join('>'));

function passes(work: () => void): boolean {
  try {
    work();
    return true;
  } catch {
    return false;
  }
}

const MANAGED = [
  ...['owner>owner', 'owner>admin', 'owner>member', 'owner>viewer'],
  ...['admin>admin', 'admin>member', 'admin>viewer'],
];

describe('the policy of an organization', () => {
  it('lets owners invite as anything, and admins as anything but an owner', () => {
    expect(allowed(assertMayInvite)).toEqual(MANAGED);
  });

  it('lets owners remove everybody, and admins everybody but owners', () => {
    expect(allowed(assertMayRemove)).toEqual(MANAGED);
  });

  it.each(ROLES)('leaves making and demoting owners to owners: from %s', (from) => {
    expect(allowed((actor, to) => assertMayChangeRole(actor, from, to))).toEqual(
      from === 'owner' ? MANAGED.filter((pair) => pair.startsWith('owner')) : MANAGED,
    );
  });

  it('leaves deleting and transferring to owners', () => {
    for (const assert of [assertMayDelete, assertMayTransfer])
      expect(ROLES.filter((role) => passes(() => assert(role)))).toEqual(['owner']);
  });

  it('says which of both is missing: the permission, or being an owner', () => {
    expect(() => assertMayInvite('viewer', 'owner')).toThrow(
      'auth/forbidden: This needs the permission members.manage',
    );
    expect(() => assertMayInvite('admin', 'owner')).toThrow('organization/owners-only: Only an owner');
  });

  it('keeps the last owner, whatever they would become', () => {
    for (const to of [...ROLES, null]) {
      expect(passes(() => assertKeepsAnOwner(1, 'owner', to))).toBe(to === 'owner');
      expect(passes(() => assertKeepsAnOwner(2, 'owner', to))).toBe(true);
      expect(passes(() => assertKeepsAnOwner(1, 'admin', to))).toBe(true);
    }
  });
});
