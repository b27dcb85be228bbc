import type { Principal } from '../auth/principal.js';
import { NoOrganization } from './repositories.errors.js';

/** The organization whose repositories the caller may see; every query carries it. Throws NoOrganization. */
export function organizationOf({ organization_id }: Pick<Principal, 'organization_id'>): string {
  if (organization_id === null) throw new NoOrganization();
  return organization_id;
}
