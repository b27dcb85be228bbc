// The eight tasks of the day, and the program that stands in for their agents.

/**
 * Works on a task: tells the stage that it has begun, waits until the stage lets it go on, and leaves one file, which its
 * worker commits. What goes wrong, goes wrong once. Arguments: name, directory of the gates, trouble.
 */
const AGENT = `
set -eu
name=$1 gates=$2 trouble=$3
: > "$gates/$name.began"
echo "working on $name"
while [ ! -e "$gates/$name.go" ]; do sleep 0.05; done
if [ "$trouble" != none ] && [ ! -e "$gates/$name.tried" ]; then
  : > "$gates/$name.tried"
  case $trouble in
    tests) echo "2 of 31 tests have failed" >&2; exit 1 ;;
    disk) dd if=/dev/zero of=build.bin bs=1M ;;
    kill) sleep 600 ;;
  esac
fi
printf 'What %s has made.\\n' "$name" > "$name.txt"
echo "done with $name"
`;

/**
 * @typedef {object} Planned
 * @property {string} name
 * @property {string[]} after names of the tasks whose work it builds on
 * @property {'none' | 'tests' | 'disk' | 'kill' | 'cancel'} trouble what happens to its first attempt
 * @property {string} status in which it has to be at the end
 * @property {string[]} attempts how each of its attempts has to have ended: its status, or why it failed
 */

/** @type {Planned[]} */
export const PLAN = [
  { name: 'export', after: [], trouble: 'disk', status: 'completed', attempts: ['disk_full', 'completed'] },
  { name: 'schema', after: [], trouble: 'none', status: 'completed', attempts: ['completed'] },
  { name: 'api', after: ['schema'], trouble: 'tests', status: 'completed', attempts: ['agent_error', 'completed'] },
  { name: 'page', after: ['schema'], trouble: 'tests', status: 'completed', attempts: ['agent_error', 'completed'] },
  { name: 'search', after: ['schema'], trouble: 'kill', status: 'completed', attempts: ['released', 'completed'] },
  { name: 'import', after: [], trouble: 'cancel', status: 'cancelled', attempts: ['cancelled'] },
  { name: 'report', after: ['import'], trouble: 'none', status: 'skipped', attempts: [] },
  {
    name: 'release',
    after: ['api', 'page', 'search', 'export'],
    trouble: 'none',
    status: 'completed',
    attempts: ['completed'],
  },
];

/**
 * A task as the API takes it.
 * @param {Planned} planned
 * @param {{ gates: string, repository: string }} where
 */
export function asTask({ name, after, trouble }, { gates, repository }) {
  return {
    ref: name,
    name,
    description: `The part of the day that is called ${name}.`,
    agent_type: 'script',
    priority: name === 'export' ? 'P0' : 'P1',
    repository_id: repository,
    depends_on: after,
    max_retries: 3,
    metadata: { command: ['sh', '-c', AGENT, 'agent', name, gates, trouble] },
  };
}
