// The task states and their moves, drawn from the one table that the code goes by.

/** A picture and a table, as Markdown. */
export async function taskStatesPage() {
  const { TASK_STATES, TASK_MOVES, INITIAL_STATES, isFinal } = await import('../../dist/src/tasks/task.states.js');
  const arrows = [
    ...INITIAL_STATES.map((state) => `[*] --> ${state}`),
    ...TASK_MOVES.map(({ from, to }) => `${from} --> ${to}`),
  ];
  const moves = TASK_MOVES.map(({ from, to, when }) => `| \`${from}\` | \`${to}\` | ${when} |`);
  const finals = TASK_STATES.filter(isFinal).map((state) => `\`${state}\``);
  return [
    '# Task states',
    'Made from `src/tasks/task.states.ts` by `npm run generate`.',
    `\`\`\`mermaid\nstateDiagram-v2\n${arrows.map((arrow) => `  ${arrow}`).join('\n')}\n\`\`\``,
    `Final, until somebody retries: ${finals.join(', ')}.`,
    `| From | To | When |\n| --- | --- | --- |\n${moves.join('\n')}`,
  ].join('\n\n');
}
