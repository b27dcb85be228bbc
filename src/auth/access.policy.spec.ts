import { describe, expect, it } from '@jest/globals';
import type { Access } from './access.js';
import { assertAllowed } from './access.policy.js';
import { PERMISSIONS, ROLE_PERMISSIONS, ROLES, type Permission, type Role } from './permissions.js';
import { SYSTEM, type Principal } from './principal.js';

const base = { actor: SYSTEM, organization_id: 'o' };

const person = (role: Role): Principal => ({
  ...base,
  kind: 'user',
  id: 'u',
  origin: 'github',
  is_administrator: false,
  session_id: 's',
  role,
  login: 'ada',
  permissions: new Set(ROLE_PERMISSIONS[role]),
});
const key = (...permissions: Permission[]): Principal => ({
  ...base,
  kind: 'api_key',
  id: 'k',
  maker: null,
  permissions: new Set(permissions),
});
const worker: Principal = { ...base, kind: 'worker', key_id: 'k', id: 'w', permissions: new Set() };

const outcome = (principal: Principal, access: Exclude<Access, 'public'>, worker_id: string | null = null): string => {
  try {
    assertAllowed(principal, access, worker_id);
    return 'allowed';
  } catch (error) {
    return error instanceof Error ? error.message : '';
  }
};

describe('permissions', () => {
  it('are each named once, as resource.action', () => {
    expect(new Set(PERMISSIONS).size).toBe(PERMISSIONS.length);
    expect(PERMISSIONS.filter((permission) => !/^[a-z]+\.[a-z_]+$/.test(permission))).toEqual([]);
  });

  it('grow from viewer over member and admin to owner', () => {
    const [viewer, member, admin, owner] = (['viewer', 'member', 'admin', 'owner'] as const).map(
      (role) => new Set<string>(ROLE_PERMISSIONS[role]),
    );
    expect([...(viewer ?? [])].filter((permission) => !member?.has(permission))).toEqual([]);
    expect([...(member ?? [])].filter((permission) => !admin?.has(permission))).toEqual([]);
    expect(owner?.size).toBe(PERMISSIONS.length);
  });

  it('of a viewer are every read but the audit log', () => {
    const reads = PERMISSIONS.filter((permission) => permission.endsWith('.read') && permission !== 'audit.read');
    expect([...ROLE_PERMISSIONS.viewer].sort()).toEqual([...reads].sort());
  });

  it('of a member leave managing, registering and scripts to others', () => {
    const denied = PERMISSIONS.filter((permission) => !ROLE_PERMISSIONS.member.includes(permission));
    expect(denied).toEqual([
      'organizations.manage',
      'members.manage',
      'audit.read',
      'repositories.manage',
      'agents.run_script',
      'agents.manage',
      'workers.register',
      'workers.manage',
      'coordinators.register',
      'coordinators.manage',
      'worktrees.manage',
      'webhooks.manage',
    ]);
  });
});

describe('access to a route', () => {
  it('follows the permissions of the role, for every role and permission', () => {
    for (const role of ROLES) {
      for (const permission of PERMISSIONS) {
        const allowed = ROLE_PERMISSIONS[role].includes(permission);
        const expected = allowed ? 'allowed' : `auth/forbidden: This needs the permission ${permission}.`;
        expect([role, permission, outcome(person(role), permission)]).toEqual([role, permission, expected]);
      }
    }
  });

  it('is given to a key for its own permissions only', () => {
    expect(outcome(key('workers.register'), 'workers.register')).toBe('allowed');
    expect(outcome(key('workers.register'), 'tasks.read')).toMatch(/^auth\/forbidden: .*tasks\.read/);
    expect(outcome(key(), 'signed-in')).toBe('allowed');
  });

  it('is given to a worker for its own address only', () => {
    expect(outcome(worker, 'worker')).toBe('allowed');
    expect(outcome(worker, 'worker', 'w')).toBe('allowed');
    expect(outcome(worker, 'worker', 'another')).toMatch(/^worker\/not-found/);
    expect(outcome(worker, 'tasks.read')).toMatch(/^auth\/forbidden/);
    expect(outcome(worker, 'signed-in')).toMatch(/^auth\/forbidden/);
  });

  it('of workers is closed to people, owners included, and to keys', () => {
    expect(outcome(person('owner'), 'worker', 'u')).toMatch(/^auth\/forbidden/);
    expect(outcome(key(...PERMISSIONS), 'worker')).toMatch(/^auth\/forbidden/);
  });
});
