// Which role has which permission, and which operations ask for it.

/** @param {import('@nestjs/swagger').OpenAPIObject} document */
export async function permissionsPage(document) {
  const { PERMISSIONS, ROLES, ROLE_PERMISSIONS } = await import('../../dist/src/auth/permissions.js');
  const operations = operationsByPermission(document);
  const used = (permission) => (operations.get(permission) ?? []).join('<br>');
  const rows = PERMISSIONS.map((permission) => {
    const roles = ROLES.map((role) => (ROLE_PERMISSIONS[role].includes(permission) ? 'yes' : ''));
    return `| \`${permission}\` | ${[...roles, used(permission)].join(' | ')} |`;
  });
  return [
    '# Permissions',
    'Made from `src/auth/permissions.ts` and the routes by `npm run generate`.',
    'What each role may do, and which operations ask for it:',
    `| Permission | ${ROLES.join(' | ')} | Operations |\n| --- |${' --- |'.repeat(ROLES.length)} --- |\n${rows.join('\n')}`,
    'Operations that ask for something else:',
    `| Demand | Operations |\n| --- | --- |\n| a caller who is signed in | ${used('signed-in')} |\n| the token of a worker | ${used('worker')} |\n| the token of a coordinator | ${used('coordinator')} |\n| nothing: open to everybody | ${used('public')} |`,
  ].join('\n\n');
}

/** @returns {Map<string, string[]>} */
function operationsByPermission(document) {
  const found = new Map();
  for (const [path, item] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(item)) {
      const permission = operation['x-permission'] ?? 'public';
      found.set(permission, [...(found.get(permission) ?? []), `\`${method.toUpperCase()} ${path}\``]);
    }
  }
  for (const list of found.values()) list.sort();
  return found;
}
