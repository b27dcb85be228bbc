/**
 * Bodies that work as they are, by operation: Swagger UI fills its form with them. Made of the examples of the fields,
 * a body would name every source of a repository at once, and a repository that nobody has.
 */
export const BODY_EXAMPLES: Readonly<Record<string, object>> = {
  repositoriesRegister: { local_path: '/home/ada/projects/hello' },
  taskBatchesCreateAll: {
    tasks: [
      { ref: 'count', name: 'Count to five', agent_type: 'script', metadata: { command: ['sh', '-c', 'seq 5'] } },
      { name: 'Say what was counted', agent_type: 'note', depends_on: ['count'] },
    ],
  },
  taskBatchesAct: { action: 'cancel', filter: { status: ['pending', 'blocked'] }, dry_run: true },
  tasksCreate: {
    name: 'Count to five',
    agent_type: 'script',
    metadata: {
      command: ['sh', '-c', 'for i in 1 2 3 4 5; do echo counting $i; sleep 1; done; echo 12345 > counted.txt'],
    },
  },
};
