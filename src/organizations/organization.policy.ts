import { MissingPermission } from '../auth/auth.errors.js';
import type { Role } from '../auth/permissions.js';
import { LastOwner, OnlyOwners } from './organizations.errors.js';

const MANAGERS: readonly Role[] = ['owner', 'admin'];

/** Throws unless somebody with the role may give `role` to whom they invite, or take such an invitation back. */
export function assertMayInvite(actor: Role, role: Role): void {
  assertManages(actor);
  if (role === 'owner' && actor !== 'owner') throw new OnlyOwners('invite owners');
}

/** Throws unless somebody with the role may make a member who is `from` one who is `to`. */
export function assertMayChangeRole(actor: Role, from: Role, to: Role): void {
  assertManages(actor);
  if ((from === 'owner' || to === 'owner') && actor !== 'owner') throw new OnlyOwners('make or demote owners');
}

/** Throws unless somebody with the role may remove another member. Leaving needs no role. */
export function assertMayRemove(actor: Role, member: Role): void {
  assertManages(actor);
  if (member === 'owner' && actor !== 'owner') throw new OnlyOwners('remove owners');
}

/** Throws unless somebody with the role may delete the organization. */
export function assertMayDelete(actor: Role): void {
  if (actor !== 'owner') throw new OnlyOwners('delete it');
}

/** Throws unless somebody with the role may make another member the owner in their place. */
export function assertMayTransfer(actor: Role): void {
  if (actor !== 'owner') throw new OnlyOwners('transfer its ownership');
}

/** Throws when of so many `owners` the only one would become something else; null is no member any more. */
export function assertKeepsAnOwner(owners: number, from: Role, to: Role | null): void {
  if (from === 'owner' && to !== 'owner' && owners <= 1) throw new LastOwner();
}

function assertManages(actor: Role): void {
  if (!MANAGERS.includes(actor)) throw new MissingPermission('members.manage');
}
