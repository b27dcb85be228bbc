/**
 * The branch of an attempt as an SQL expression over the columns of its task: `task/<slug>-<last 8 hex of the id>-a<attempt>`.
 * The one place where it is named.
 */
export const branchName = (task: string): string => `
  'task/' || coalesce(nullif(trim(both '-' from left(
    regexp_replace(lower(${task}.name), '[^a-z0-9]+', '-', 'g'), 40)), ''), 'task')
  || '-' || right(${task}.id::text, 8) || '-a' || ${task}.attempts`;
